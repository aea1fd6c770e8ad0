"""Where things stand in the old configuration, and reading it."""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file, as the report cites it."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Unreadable(Exception):
    """A file of the old configuration that cannot be read; the text is the reason."""


def read_text(path: str) -> str:
    """A configuration file, with bytes that are not UTF-8 kept as surrogates.

    Regular files only: a FIFO or a device in a configuration folder would block the converter for good.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not os.path.isfile(path):
                raise Unreadable("not a regular file")
            return file.read().decode("utf-8", "surrogateescape")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from None


def printable(text: str) -> str:
    """Text of a configuration file as one line of a report or of a comment in a unit."""
    if text.isascii() and text.isprintable():
        return text
    cleaned = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cleaned)
