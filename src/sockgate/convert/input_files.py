"""Read files of the old configuration, and name places in them."""

import os
import re
import stat

from ..units.reader import Place

__all__ = ["ACCOUNT_MARK", "UNKNOWN", "Place", "Unreadable", "is_mounted_early", "names_in", "printable", "read_text"]

LARGEST = 16 << 20  # bytes of one file
# Mounted when a generator runs. What is elsewhere may be mounted later in the boot.
MOUNTED_EARLY, MOUNTED_LATER = ("/etc/", "/usr/", "/bin/", "/sbin/"), "/usr/local/"
# They stand in values that the shell reader made. They are Unicode noncharacters, which are in no real text.
UNKNOWN = "\ufdd0"  # what cannot be known
ACCOUNT_MARK = "\ufdd1"  # `id -u NAME` and `id -g NAME`: mark, u or g, name, mark
# The marks, also as repr() writes them in a message.
MARKED = re.compile("(?:\ufdd1|\\\\ufdd1)([ug])([^\\\\\ufdd1]*)(?:\ufdd1|\\\\ufdd1)|\ufdd0|\\\\ufdd0")


class Unreadable(Exception):
    """A file of the old configuration cannot be read. The text says why."""


def read_text(path: str) -> str:
    """A configuration file, with bytes that are not UTF-8 kept as surrogates.

    Only a regular file of a sensible size is read. A FIFO, a device or a file of the kernel's could block the
    converter, or never end.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Unreadable("not a regular file")
            return read_whole(descriptor).decode("utf-8", "surrogateescape")
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from None


def read_whole(descriptor: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := os.read(descriptor, 1 << 16):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            raise Unreadable(f"larger than {LARGEST >> 20} MiB")
    return b"".join(pieces)


def names_in(folder: str) -> list[str]:
    """The names in a folder, sorted as C programs sort them. Raises Unreadable."""
    try:
        return sorted(os.listdir(folder), key=os.fsencode)
    except (OSError, ValueError) as error:
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from None


def is_mounted_early(path: str) -> bool:
    """Whether a file that is not there when a generator runs will not be there later in the boot either."""
    return path.startswith(MOUNTED_EARLY) and not path.startswith(MOUNTED_LATER)


def printable(text: str) -> str:
    """Text of a configuration file as one line of a report or of a comment in a unit."""
    text = MARKED.sub(lambda match: f"`id -{match[1]} {match[2]}`" if match[1] else "?", text)
    if text.isascii() and text.isprintable():
        return text
    cleaned = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cleaned)
