"""Read unit files as systemd does: sections, assignments with their place, and the lines that systemd ignores."""

import re
from dataclasses import dataclass

BLANKS = " \t\n\r"
LINE_END = re.compile(r"\r\n|\n\r|[\n\r\0]")
COMMENTS = "#;"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file; line 0 is the file as a whole."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Assignment:
    """One `Key=value` as it is written. The value still has its specifiers, quotes and escapes."""

    section: str
    key: str
    value: str
    place: Place


@dataclass(frozen=True, slots=True)
class Ignored:
    """A line that systemd ignores. If it is a broken section header, systemd does not load the file."""

    text: str
    place: Place


def parse(text: str, file: str) -> tuple[list[Assignment], list[Ignored]]:
    """All assignments in a unit file or a drop-in, in their order, and the lines that systemd ignores."""
    assignments: list[Assignment] = []
    ignored: list[Ignored] = []
    section = ""
    for line, place in logical_lines(text, file):
        key, equals, value = line.partition("=")
        if line.startswith("["):
            section = line[1:-1] if line.endswith("]") else ""
            if not section:
                ignored.append(Ignored(f"{line!r} is not a section header", place))
        elif not section:
            ignored.append(Ignored(f"{line!r} stands outside of any section", place))
        elif not equals or not key:
            ignored.append(Ignored(f"{line!r} is not KEY=VALUE", place))
        else:
            assignments.append(Assignment(section, key.rstrip(BLANKS), value.lstrip(BLANKS), place))
    return assignments, ignored


def logical_lines(text: str, file: str) -> list[tuple[str, Place]]:
    """Lines without comments and outer blanks. Continued lines are joined. Each has the place where it starts.

    A line that ends with a backslash, not itself escaped, continues on the next. A comment in between is skipped.
    """
    lines: list[tuple[str, Place]] = []
    pending = ""
    start = 0
    for number, line in enumerate(LINE_END.split(text.removeprefix("\ufeff")), 1):
        if line.lstrip(BLANKS)[:1] in (*COMMENTS, "") and (line.strip(BLANKS) or not pending):
            continue
        start = start if pending else number
        pending += line
        if ends_in_backslash(pending):
            pending = pending[:-1] + " "
        else:
            lines.append((pending.strip(BLANKS), Place(file, start)))
            pending = ""
    if pending:
        lines.append((pending.strip(BLANKS), Place(file, start)))
    return [entry for entry in lines if entry[0]]


def ends_in_backslash(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1
