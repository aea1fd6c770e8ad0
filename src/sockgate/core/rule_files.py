"""Files of rules. Each file is opened once, and only the opened file counts.

Neither the name of a file nor an earlier look at it counts. A file that cannot be read to its end, or that changes
while it is read, is an error, and an error refuses clients.

Each function takes `sources`, the record of one build: the path of each file and folder that the build looked at, also
of one that was missing, with the signature that it had when the build read it. The record is complete even if the
build fails. As long as `is_current` holds for a record, another build would read the same.
"""

import errno
import posix

from . import NUL_IN_NAME, Cause, ConfigError

FILE_TYPE, REGULAR_FILE, DIRECTORY = 0o170000, 0o100000, 0o040000  # S_IFMT, S_IFREG, S_IFDIR
LARGEST_TEXT = 1 << 20  # sockgate reads a text at every connection; a text of this size takes 0.1 s
COMPILE_HINT = "compile it: sockgatectl rules compile FILE CDB"
EMPTY_HINT = "without an entry every client would be let in"
REPLACE_HINT = "replace it as a whole: write another file beside it, then mv"

# Time of the last change of the inode, its number, and its device: no user can set them. Images that are built from
# the same source hold other files with the same time and number.
Signature = tuple[int, int, int]
Sources = dict[str, Signature]

MISSING: Signature = (0, 0, 0)
UNSTEADY: Signature = (-1, -1, -1)  # equals no signature; two looks saw different files, or a look failed by chance
LASTING_ERRORS = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG)


class PassingError(ConfigError):
    """A file could not be read for a reason that is not in the file and may pass: want of descriptors, a bad moment."""


class RuleWarning:
    """A part of a rules file with which a gate can work, but which an administrator may not have meant.

    cause    the option, or the file and line
    message  what happens, without the place
    hint     how to mend it; empty if no hint helps
    """

    __slots__ = ("cause", "hint", "message")

    def __init__(self, cause: Cause, message: str, hint: str = "") -> None:
        self.cause = cause
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.cause}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


def signature_of(status: posix.stat_result) -> Signature:
    return status.st_ctime_ns, status.st_ino, status.st_dev


def sign(path: str) -> Signature:
    """The signature of the file to which this path leads now."""
    try:
        return signature_of(posix.stat(path))
    except (OSError, ValueError):
        return MISSING


def is_current(sources: Sources) -> bool:
    """Whether each file and folder of a record still is what the build read."""
    return all(sign(path) == signature for path, signature in sources.items())


def note(sources: Sources | None, path: str, signature: Signature) -> None:
    """Record the signature that one look at a path saw. If two looks differ, the gate must be built again."""
    if sources is not None and sources.setdefault(path, signature) != signature:
        sources[path] = UNSTEADY


def note_failure(sources: Sources | None, path: str, before: Signature, error: OSError | ValueError) -> None:
    """Record a look that failed. If memory or descriptors were missing, the file is not the cause: build again."""
    note(sources, path, before if is_lasting(error) else UNSTEADY)


def is_lasting(why: Exception | str) -> bool:
    return not isinstance(why, OSError) or why.errno in LASTING_ERRORS


def open_file(path: str, sources: Sources | None = None) -> tuple[int, posix.stat_result]:
    """A descriptor of a regular file, and its status. Raises ConfigError at once for a FIFO, device or folder."""
    before = MISSING if sources is None else sign(path)
    try:
        # O_NONBLOCK: without it, to open a FIFO would wait for its writer.
        descriptor = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC | posix.O_NOCTTY)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        note_failure(sources, path, before, error)
        raise unreadable(path, error) from None
    status = posix.fstat(descriptor)
    note(sources, path, signature_of(status))  # of the opened file; by now the path may lead to another
    if status.st_mode & FILE_TYPE != REGULAR_FILE:
        posix.close(descriptor)
        raise unreadable(path, "not a regular file")
    return descriptor, status


def read_open_file(
    descriptor: int, status: posix.stat_result, path: str, limit: int = LARGEST_TEXT, hint: str = ""
) -> bytes:
    """The content of an open file of at most `limit` bytes. Raises ConfigError, also if the file changes meanwhile."""
    if status.st_size > limit:
        raise unreadable(path, f"{status.st_size} bytes, more than {limit} of text", hint)
    try:
        data = posix.pread(descriptor, limit + 1, 0)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(data) != status.st_size or changed(descriptor, status):
        raise PassingError(f"{path!r} changed while it was read", REPLACE_HINT, Cause(file=path))
    return data


def read_file(path: str, limit: int = LARGEST_TEXT, sources: Sources | None = None) -> bytes:
    """The content of a regular file. Raises ConfigError."""
    descriptor, status = open_file(path, sources)
    try:
        return read_open_file(descriptor, status, path, limit)
    finally:
        posix.close(descriptor)


def exists(path: str, sources: Sources | None = None) -> bool:
    """Whether there is a file at this path. True if this is not certain: its reader will report the error."""
    try:
        note(sources, path, signature_of(posix.stat(path)))
    except FileNotFoundError:
        note(sources, path, MISSING)
        return False
    except (OSError, ValueError) as error:
        note_failure(sources, path, MISSING, error)
    return True


def kind_of(path: str, sources: Sources | None = None) -> int:
    """REGULAR_FILE, DIRECTORY or another kind of stat(2). Raises ConfigError."""
    try:
        status = posix.stat(path)
    except (OSError, ValueError) as error:
        note_failure(sources, path, MISSING, error)
        raise unreadable(path, error) from None
    note(sources, path, signature_of(status))
    return status.st_mode & FILE_TYPE


def names_in(folder: str, sources: Sources | None = None) -> list[str]:
    """The sorted names in a folder. A name that is added or taken away changes the signature of the folder.

    Raises ConfigError.
    """
    before = sign(folder)
    try:
        descriptor = posix.open(folder, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except (OSError, ValueError) as error:
        note_failure(sources, folder, before, error)
        raise unreadable(folder, error) from None
    try:
        note(sources, folder, signature_of(posix.fstat(descriptor)))
        return sorted(posix.listdir(descriptor))
    except OSError as error:
        note(sources, folder, UNSTEADY)
        raise unreadable(folder, error) from None
    finally:
        posix.close(descriptor)


def unreadable(path: str, why: Exception | str, hint: str = "") -> ConfigError:
    """The error for a file or a folder that cannot be read."""
    reason = getattr(why, "strerror", None) or (NUL_IN_NAME if "\0" in path else why)
    kind = ConfigError if is_lasting(why) else PassingError
    return kind(f"unable to read {path!r}: {reason}", hint, Cause(file=path))


def changed(descriptor: int, status: posix.stat_result) -> bool:
    """Whether a program has written into the file since `status`. A file that was replaced by rename is unchanged."""
    now = posix.fstat(descriptor)
    return (now.st_size, now.st_mtime_ns) != (status.st_size, status.st_mtime_ns)


def text_lines(data: bytes, path: str) -> list[str]:
    """The lines of a rules text, without their ends. Each byte is one character: Latin-1 keeps every byte.

    Raises ConfigError for a text that is cut in its last line or holds a NUL: it is not the text that was written.
    """
    if not data.strip():
        raise ConfigError(f"{path!r} is empty", EMPTY_HINT, Cause(file=path))
    if b"\0" in data:
        raise ConfigError(f"{path!r} is neither text nor a complete cdb: it holds a NUL byte", cause=Cause(file=path))
    lines = data.decode("latin-1").split("\n")
    if lines.pop():
        end = Cause(file=path, line=len(lines) + 1)
        raise ConfigError(f"{end}: the last line has no end", "the file may have been cut short", end)
    return lines
