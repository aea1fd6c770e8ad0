"""The one writer of files: a file appears whole or not at all, and root writes it safely where others may write too.

Theory of operation. Some files stand in folders that belong to a service account (Courier's session caches, an
administrator's rules). The owner of a folder can rename and replace what is in it at any moment, also between two
system calls of ours. A path that is used twice can therefore mean two files. So each path is used once:

1. The folder is opened, component by component. A symbolic link on the way counts only if root or this user made it.
2. The new file is created in that folder, relative to its descriptor, under a name that is new (O_EXCL, O_NOFOLLOW).
3. Content, owner and mode are set through the descriptor of the new file.
4. The new file is renamed over the old one, relative to the descriptor of the folder.

The owner of the folder can still remove or rename the new file, as it can any file there. It cannot make us change
a file that stands elsewhere.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from .core import NUL_IN_NAME, ConfigError

FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
MOST_LINKS = 40  # as the kernel
ROOT = 0


class FileAccess(NamedTuple):
    """Who may do what with a file. Without an owner, the file belongs to the user who writes it."""

    mode: int
    uid: int = -1
    gid: int = -1


READABLE, PRIVATE = FileAccess(0o644), FileAccess(0o600)


class Target(NamedTuple):
    """Where a file is: the descriptor of its folder, and its name there."""

    folder: int
    name: str


def write_atomically(path: str, text: str, access: FileAccess = READABLE, *, durable: bool = True) -> None:
    """Write the whole file, or leave the old one. Make its folder if that is missing. Raises ConfigError.

    durable  the file survives a power failure; this waits for the disk, 3 ms and more for each file
    """
    try:
        with located(path, make_folders=True) as target, replacement(target, access, durable=durable) as file:
            file.write(text.encode())
    except (OSError, ValueError) as error:
        raise unable_to_write(path, error) from None


def link_once(content: str, path: str) -> None:
    """Make a symbolic link, unless there is something of that name. Raises ConfigError."""
    try:
        with located(path, make_folders=True) as target, contextlib.suppress(FileExistsError):
            os.symlink(content, target.name, dir_fd=target.folder)
    except (OSError, ValueError) as error:
        raise unable_to_write(path, error) from None


def unable_to_write(path: str, error: OSError | ValueError) -> ConfigError:
    """ValueError: a NUL or half a character in the name or in the text."""
    reason = error.strerror if isinstance(error, OSError) else NUL_IN_NAME if "\0" in path else error
    return ConfigError(f"unable to write {path!r}: {reason}", permission_hint(error))


def permission_hint(error: Exception) -> str:
    """The hint if only root has the right to do that. "" for root itself, and for another error."""
    return "run it as root" if isinstance(error, PermissionError) and os.geteuid() != ROOT else ""


@contextlib.contextmanager
def located(path: str, *, make_folders: bool = False, follow: bool = False) -> Iterator[Target]:
    """Open the folder of this path. Raises OSError.

    make_folders  make the folders that are missing
    follow        if the last component is a symbolic link, find the place that it points to
    """
    folder = os.open("/" if path.startswith("/") else ".", FOLDER)
    pending = path.split("/")
    links = 0
    try:
        while True:
            name = pending.pop(0)
            if name in ("", ".") and pending:
                continue
            inner = open_folder(folder, name, make=make_folders) if pending else None
            if inner is not None:
                folder = exchanged(folder, inner)
                continue
            target = read_link(folder, name) if pending or follow else None
            if target is not None:
                links += 1
                if links > MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                pending = target.split("/") + pending
                if target.startswith("/"):
                    folder = exchanged(folder, os.open("/", FOLDER))
            elif pending:
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            elif name in ("", ".", ".."):
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
            else:
                break
        yield Target(folder, name)
    finally:
        os.close(folder)


def exchanged(old: int, new: int) -> int:
    os.close(old)
    return new


def read_link(folder: int, name: str) -> str | None:
    """What a symbolic link contains; None if this is no link. Raises OSError for a link of another user.

    Such a link may be a trap: its owner wants us to write where it points.
    """
    try:
        link = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(link)
        if not stat.S_ISLNK(status.st_mode):
            return None
        if status.st_uid not in (ROOT, os.geteuid()):
            raise OSError(errno.ELOOP, f"the symbolic link {name!r} in its path belongs to another user")
        return os.readlink("", dir_fd=link)
    finally:
        os.close(link)


def open_folder(parent: int, name: str, *, make: bool) -> int | None:
    """None for what is no folder, also for a link to one. Raises OSError if there is nothing."""
    try:
        return os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except NotADirectoryError:
        return None
    except FileNotFoundError:
        if not make:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=parent)
    return open_folder(parent, name, make=False)


@contextlib.contextmanager
def replacement(target: Target, access: FileAccess, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A new file that takes the place of the old one when the block ends well. Raises OSError.

    Until its owner and mode are set, only this user can read it. No reader ever sees half of it.
    """
    temporary = f".sockgate-{os.urandom(8).hex()}.tmp"
    descriptor = os.open(temporary, NEW_FILE, 0o600, dir_fd=target.folder)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            if access.uid >= 0 or access.gid >= 0:
                os.fchown(descriptor, access.uid, access.gid)
            os.fchmod(descriptor, access.mode)
            if durable:
                os.fsync(descriptor)
        os.rename(temporary, target.name, src_dir_fd=target.folder, dst_dir_fd=target.folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):  # the owner of the folder may have removed it
            os.unlink(temporary, dir_fd=target.folder)
        raise
    if durable:
        sync_folder(target.folder)


def sync_folder(folder: int) -> None:
    """A new name is on the disk only when its folder is."""
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
