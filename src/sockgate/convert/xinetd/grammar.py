"""The lines of an xinetd.conf: blocks of settings, includes, and what xinetd skips.

xinetd reads one line after another and knows neither quoting nor continuation. Keywords and names compare without
case. What it cannot read it skips up to the next line that is only `}`, which may swallow a good entry; the
problems say from where to where.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ..source import Place

C_SPACE = " \t\n\v\f\r"  # isspace(3); values, on the other hand, are split at blanks and tabs alone


@dataclass(frozen=True, slots=True)
class Setting:
    """One line `NAME OPERATOR VALUE...` of a block; the name in lower case."""

    name: str
    operator: str  # = += -=
    values: tuple[str, ...]
    place: Place

    @property
    def value(self) -> str:
        """The only value of an attribute that takes exactly one."""
        return self.values[0]

    def __str__(self) -> str:
        return " ".join((self.name, self.operator, *self.values))


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that xinetd could not read, and what it did about it."""

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
Line = tuple[int, str]


def parse(text: str, file: str) -> Iterator[Item]:
    """Everything in one file, in order. Never raises."""
    lines = significant_lines(text)
    seen_defaults = False
    for number, line in lines:
        place = Place(file, number)
        if seen_defaults and split_words(line)[:1] == ["defaults"]:
            yield skipped(place, line, "a file may have one defaults block", lines)
            continue
        item = parse_item(place, line, lines)
        seen_defaults = seen_defaults or (isinstance(item, Block) and item.is_defaults and item.problem is None)
        yield item


def significant_lines(text: str) -> Iterator[Line]:
    """The lines that are neither blank nor, from their first character on, a comment. A NUL ends a line, as in C."""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.partition("\0")[0]
        start = line.lstrip(C_SPACE)
        if start and not start.startswith("#"):
            yield number, line


def parse_item(place: Place, line: str, lines: Iterator[Line]) -> Item:
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


def skipped(place: Place, line: str, reason: str, lines: Iterator[Line]) -> Problem:
    """xinetd goes on after the next line that is only `}`."""
    end = "the end of the file"
    for number, skipped_line in lines:
        if skipped_line.strip(C_SPACE) == "}":
            end = f"line {number}"
            break
    return Problem(place, line.strip(C_SPACE), f"{reason}; xinetd skips everything up to {end}")


def parse_block(name: str, place: Place, lines: Iterator[Line]) -> Block:
    """The settings up to `}`. One line that cannot be read makes xinetd drop a service and skip to its `}`.

    After such a line in defaults it looks for the next entry at once, and may take the `}` for a bad one.
    """
    settings: list[Setting] = []
    for number, line in lines:
        if line.strip(C_SPACE) == "}":
            return Block(name, place, tuple(settings))
        setting = parse_setting(line, Place(place.file, number))
        if isinstance(setting, Problem):
            if name:
                setting = skipped_with(setting, lines)
            return Block(name, place, tuple(settings), setting)
        settings.append(setting)
        if name and switches_off(settings):
            skipped(setting.place, line, "", lines)
            return Block(name, place, tuple(settings))
    missing = Problem(place, f"service {name}" if name else "defaults", "the closing '}' is missing")
    return Block(name, place, tuple(settings), missing)


def switches_off(settings: list[Setting]) -> bool:
    """The last line is a `disable = yes`, behind which xinetd reads no further; the first `disable` counts."""
    disabling = [setting for setting in settings if setting.name == "disable" and len(setting.values) == 1]
    return disabling[:1] == settings[-1:] and settings[-1].value.lower() == "yes"


def skipped_with(problem: Problem, lines: Iterator[Line]) -> Problem:
    """After a bad line xinetd skips to the `}`. Behind a single word it overlooks one that follows at once."""
    alone = len(problem.what.split()) == 1 and "=" not in problem.what
    following = next(lines, None) if alone else None
    if following and following[1].strip(C_SPACE) == "}":
        further = skipped(problem.place, "", "", lines).text
        return Problem(problem.place, problem.what, f"{problem.text}; xinetd overlooks the '}}' behind it{further}")
    skipped(problem.place, "", "", lines)
    return problem


def parse_setting(line: str, place: Place) -> Setting | Problem:
    """`NAME OPERATOR VALUE...`: white space before the operator is needed, after it not."""
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
