"""Files of rules: opened once, and judged by what was opened.

A file is never judged by its name or an earlier look at it. Whatever cannot be read to its end, or changed meanwhile,
is an error, and an error refuses.
"""

import posix

from .errors import ConfigError
from .verdict import Cause

FILE_TYPE, REGULAR_FILE = 0o170000, 0o100000  # S_IFMT, S_IFREG
LARGEST_TEXT = 1 << 20  # a text is read at every connection: this one takes 0.1 s
COMPILE_HINT = "compile it: sockgatectl rules compile FILE CDB"
REPLACE_HINT = "replace it as a whole: write another file beside it, then mv"


def open_file(path: str) -> tuple[int, posix.stat_result]:
    """A descriptor of a regular file and its status. Raises ConfigError at once for a FIFO, device or directory."""
    try:
        # O_NONBLOCK: opening a FIFO would wait for its writer.
        descriptor = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC | posix.O_NOCTTY)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise unreadable(path, error) from None
    status = posix.fstat(descriptor)
    if status.st_mode & FILE_TYPE != REGULAR_FILE:
        posix.close(descriptor)
        raise unreadable(path, "not a regular file")
    return descriptor, status


def read_open_file(
    descriptor: int, status: posix.stat_result, path: str, limit: int = LARGEST_TEXT, hint: str = ""
) -> bytes:
    """All of an open file of at most `limit` bytes. Raises ConfigError, also if it changes while it is read."""
    if status.st_size > limit:
        raise unreadable(path, f"{status.st_size} bytes, more than {limit} of text", hint)
    try:
        data = posix.pread(descriptor, limit + 1, 0)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(data) != status.st_size or changed(descriptor, status):
        raise ConfigError(f"{path!r} changed while it was read", REPLACE_HINT, Cause(file=path))
    return data


def read_file(path: str, limit: int = LARGEST_TEXT) -> bytes:
    """All of a regular file. Raises ConfigError."""
    descriptor, status = open_file(path)
    try:
        return read_open_file(descriptor, status, path, limit)
    finally:
        posix.close(descriptor)


def unreadable(path: str, why: Exception | str, hint: str = "") -> ConfigError:
    """The error of a file, or a directory, that cannot be read."""
    reason = getattr(why, "strerror", None) or why
    return ConfigError(f"unable to read {path!r}: {reason}", hint, Cause(file=path))


def changed(descriptor: int, status: posix.stat_result) -> bool:
    """Whether somebody wrote into the file since `status`. A file that was replaced by rename is unchanged."""
    now = posix.fstat(descriptor)
    return (now.st_size, now.st_mtime_ns) != (status.st_size, status.st_mtime_ns)


def text_lines(data: bytes, path: str) -> list[str]:
    """The lines of a rules text, without their ends, each byte one character (Latin-1 keeps every byte).

    Raises ConfigError for a text that is cut short in its last line or holds a NUL: it is not what was written.
    """
    if not data.strip():
        raise ConfigError(f"{path!r} is empty", "no rules would let everybody in", Cause(file=path))
    if b"\0" in data:
        raise ConfigError(f"{path!r} is neither text nor a complete cdb: it holds a NUL byte", cause=Cause(file=path))
    lines = data.decode("latin-1").split("\n")
    if lines.pop():
        end = Cause(file=path, line=len(lines) + 1)
        raise ConfigError(f"{end}: the last line has no end", "the file may have been cut short", end)
    return lines
