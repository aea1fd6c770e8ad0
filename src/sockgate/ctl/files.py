"""Files that sockgatectl writes: whole or not at all, and recognised again by their first line."""

import os
import tempfile

from ..core.errors import ConfigError

MARKER = "# Written by sockgatectl install; `sockgatectl uninstall` removes it."


def write_atomically(path: str, text: str, mode: int = 0o644, *, durable: bool = True) -> None:
    """The whole file under its name, or the old one. Raises ConfigError.

    durable  even after a power failure; that waits for the disk, 3 ms and more for each file
    """
    folder = os.path.dirname(path) or "."
    try:
        os.makedirs(folder, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=os.path.basename(path) + ".", dir=folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fchmod(file.fileno(), mode)
                if durable:
                    os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise ConfigError(f"unable to write {path!r}: {error.strerror}") from None


def is_ours(path: str) -> bool:
    """Whether `install` wrote this file. Raises ConfigError if that cannot be found out."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().rstrip("\n") == MARKER
    except OSError as error:
        raise ConfigError(f"unable to read {path!r}: {error.strerror}") from None
