"""What stands in the file of a program, as far as a conversion must know it."""

import os

LONGEST_PROGRAM = 1 << 24  # bytes; of a longer file nothing is read


def content_of(path: str) -> bytes:
    """The content of a program or script, b"" if it cannot be read or is too long."""
    try:
        if os.path.getsize(path) > LONGEST_PROGRAM or not os.path.isfile(path):
            return b""
        with open(path, "rb") as file:
            return file.read(LONGEST_PROGRAM)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return b""


def mentions(words: list[str], text: bytes) -> str:
    """The first file among the words of a command line in which this text stands, "" for none."""
    return next((word for word in words if word.startswith("/") and text in content_of(word)), "")
