"""The lines of an xinetd.conf: blocks of settings, includes, and what xinetd skips.

xinetd reads line by line, without quoting and continuation lines. Upper and lower case of keywords and names do not
matter. If xinetd cannot read a line, it skips all lines up to the next one that is only `}`. This can include a good
entry. The problems say which lines were skipped.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..input_files import Place

C_SPACE = " \t\n\v\f\r"  # isspace(3); values, on the other hand, are split at blanks and tabs alone
END_OF_NAME = re.compile(f"[{C_SPACE}=]")


@dataclass(frozen=True, slots=True)
class Setting:
    """One line `NAME OPERATOR VALUE...` of a block; the name in lower case.

    written  the name in the file, where `name` is another one for the same attribute
    """

    name: str
    operator: str  # = += -=
    values: tuple[str, ...]
    place: Place
    written: str = ""

    @property
    def value(self) -> str:
        """The only value of an attribute that takes exactly one."""
        return self.values[0]

    def __str__(self) -> str:
        return " ".join((self.written or self.name, self.operator, *self.values))


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that xinetd could not read, and what xinetd did then."""

    place: Place
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """`service NAME { ... }` or `defaults { ... }` (with an empty name).

    settings  every line up to `}`, or up to the line that xinetd could not read
    problem   that line: xinetd drops the whole entry, unless it was disabled before
    """

    name: str
    place: Place
    settings: tuple[Setting, ...]
    problem: Problem | None = None

    @property
    def is_defaults(self) -> bool:
        return not self.name


@dataclass(frozen=True, slots=True)
class Include:
    """`include FILE` or `includedir FOLDER`."""

    path: str
    place: Place
    is_folder: bool


Item = Block | Include | Problem


class Lines:
    """The lines that are neither blank nor, from their first character on, a comment, each with its number.

    A NUL ends a line, as in C.
    """

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._next = 0

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> tuple[int, str]:
        while self._next < len(self._lines):
            line = self._lines[self._next].partition("\0")[0]
            self._next += 1
            if is_significant(line):
                return self._next, line
        raise StopIteration

    def overlook(self) -> tuple[int, str] | None:
        """Imitate a fault of xinetd: after a line that holds a single word, part of the next line is lost.

        xinetd looks for the end of that word beyond the end of its line, and writes a NUL there (get_attr_op in
        parsesup.c). If the next line has no white space, such as `}`, the NUL replaces its end, and the line after it
        is lost, too. Returns the line that xinetd does not see, if there is one.
        """
        at = self._next
        if at >= len(self._lines):
            return None
        end = END_OF_NAME.search(self._lines[at])
        kept = self._lines[at][: end.start()] if end else ""
        at = at if end else at + 1
        lost = self._lines[at] if at < len(self._lines) else ""
        self._lines[at : at + 1] = [kept]
        return (at + 1, lost.strip(C_SPACE)) if is_significant(lost) else None


def is_significant(line: str) -> bool:
    start = line.lstrip(C_SPACE)
    return bool(start) and not start.startswith("#")


def parse(text: str, file: str) -> Iterator[Item]:
    """Everything in one file, in order. Never raises."""
    lines = Lines(text)
    seen_defaults = False
    for number, line in lines:
        place = Place(file, number)
        if seen_defaults and split_words(line)[:1] == ["defaults"]:
            yield skipped(place, line, "a file may have one defaults block", lines)
            continue
        item = parse_item(place, line, lines)
        seen_defaults = seen_defaults or (isinstance(item, Block) and item.is_defaults and item.problem is None)
        yield item


def parse_item(place: Place, line: str, lines: Lines) -> Item:
    words = split_words(line)
    keyword = words[0].lower() if words else ""
    if keyword in ("service", "include", "includedir"):
        if len(words) == 1:
            return skipped(place, line, f"the name after {keyword!r} is missing", lines)
        if keyword != "service":
            return Include(words[1], place, keyword == "includedir")
    elif keyword != "defaults":
        return skipped(place, line, "this is neither 'service', 'defaults', 'include' nor 'includedir'", lines)
    opening = next(lines, None)
    if opening is None or opening[1].strip(C_SPACE) != "{":
        return skipped(place, line, "the next line must be '{' and nothing else", lines)
    return parse_block("" if keyword == "defaults" else words[1], place, lines)


def skipped(place: Place, line: str, reason: str, lines: Lines) -> Problem:
    """The problem of a line after which xinetd skips to the next line that is only `}`."""
    end = skip_entry(lines)
    until = f"line {end}" if end else "the end of the file"
    return Problem(place, line.strip(C_SPACE), f"{reason}; xinetd skips everything up to {until}")


def skip_entry(lines: Lines) -> int:
    """Skip to the next line that is only `}`. Returns its number, or 0 at the end of the file."""
    return next((number for number, line in lines if line.strip(C_SPACE) == "}"), 0)


def parse_block(name: str, place: Place, lines: Lines) -> Block:
    """The settings up to `}`. One line that cannot be read makes xinetd drop a service and skip to its `}`.

    After such a line in defaults it looks for the next entry at once, and may take the `}` for a bad one.
    """
    settings: list[Setting] = []
    for number, line in lines:
        if line.strip(C_SPACE) == "}":
            return Block(name, place, tuple(settings))
        setting = parse_setting(line, Place(place.file, number))
        if isinstance(setting, Problem):
            return Block(name, place, tuple(settings), behind(setting, line, lines, is_service=bool(name)))
        settings.append(setting)
        if name and switches_off(settings):
            skip_entry(lines)
            return Block(name, place, tuple(settings))
    missing = Problem(place, f"service {name}" if name else "defaults", "the closing '}' is missing")
    return Block(name, place, tuple(settings), missing)


def switches_off(settings: list[Setting]) -> bool:
    """Whether the entry ends with a `disable` other than `no`.

    xinetd reads no further then, and the first one counts.
    """
    counted = (setting for setting in settings if setting.operator == "=" and len(setting.values) == 1)
    disabling = [setting for setting in counted if setting.name == "disable"]
    return disabling[:1] == settings[-1:] and settings[-1].value.lower() != "no"


def behind(problem: Problem, line: str, lines: Lines, *, is_service: bool) -> Problem:
    """Go on behind a line that could not be read. In a service, that is behind its `}`."""
    lost = None if END_OF_NAME.search(line.lstrip(C_SPACE)) else lines.overlook()
    end = skip_entry(lines) if is_service else problem.place.line
    if lost is None or (lost[0] < end and lost[1] != "}"):
        return problem  # a line of an entry that is dropped as a whole
    text = f"{problem.text}; xinetd overlooks line {lost[0]} behind it, {lost[1]!r}"
    if lost[1] == "}":
        text += f", and skips everything up to {f'line {end}' if end else 'the end of the file'}"
    return Problem(problem.place, problem.what, text)


def parse_setting(line: str, place: Place) -> Setting | Problem:
    """The setting in `NAME OPERATOR VALUE...`. White space is needed before the operator, but not behind it."""
    text = line.lstrip(C_SPACE)
    end = next((at for at, c in enumerate(text) if c in C_SPACE or c == "="), len(text))
    name, rest = text[:end], text[end:]
    if rest.startswith("="):
        return Problem(place, text.rstrip(C_SPACE), f"white space is missing between {name!r} and its operator")
    rest = rest.lstrip(C_SPACE)
    operator = next((operator for operator in ("+=", "-=", "=") if rest.startswith(operator)), "")
    if not operator:
        reason = f"{name!r} is not followed by one of the operators = += -=" if rest else f"nothing follows {name!r}"
        return Problem(place, text.rstrip(C_SPACE), reason)
    return Setting(name.lower(), operator, tuple(split_words(rest[len(operator) :])), place)


def split_words(text: str) -> list[str]:
    return [word for word in text.replace("\t", " ").split(" ") if word]
