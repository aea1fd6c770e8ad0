"""Environment files as EnvironmentFile= reads them (systemd.exec(5)).

The syntax looks like shell, but it differs: nothing is expanded, quotes count only at the start of a value, and a
backslash has one meaning in double quotes and another outside.
"""

import re

from ..core import ConfigError

BLANKS = " \t\n\r"
LINE_ENDS = "\n\r"
# A backslash in double quotes escapes these. Before any other character it stays (systemd: SHELL_NEED_ESCAPE).
ESCAPED_IN_QUOTES = '"\\`$'

COMMENT = re.compile(r"[#;][^\n\r]*")
KEY = re.compile(r"([^=\n\r]*)(=?)")
SINGLE_QUOTED = re.compile(r"'([^']*)(?:'|\Z)")
DOUBLE_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|\\?\Z)', re.DOTALL)
BARE = re.compile(r"(?:\\.|[^\\\n\r])*", re.DOTALL)
BACKSLASH_PAIR = re.compile(r"\\(.)", re.DOTALL)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def parse(text: str) -> list[tuple[str, str, int]]:
    """(name, value, line) of every assignment, in their order. If a name comes twice, the last one counts.

    Names are not checked here. systemd drops an assignment with a name that is not valid (`is_name`).
    """
    assignments = []
    at = 0
    while at < len(text):
        if text[at] in BLANKS:
            at += 1
        elif comment := COMMENT.match(text, at):
            at = comment.end()
        else:
            key = KEY.match(text, at)
            assert key is not None
            line = text.count("\n", 0, at) + 1
            at = key.end()
            if key[2]:
                value, at = parse_value(text, at)
                assignments.append((key[1].rstrip(BLANKS), value, line))
    return assignments


def swallowed_lines(text: str) -> list[int]:
    """The lines behind a comment that ends in a backslash. systemd before 254 takes each for more of the comment.

    Its NEWS, 254; tried on 252. `parse` reads them as 254 does.
    """
    lines = text.splitlines()
    return [number + 1 for number, line in enumerate(lines, 1)
            if line.lstrip(BLANKS)[:1] in ("#", ";") and line.endswith("\\") and number < len(lines)]  # fmt: skip


def parse_value(text: str, at: int) -> tuple[str, int]:
    """The value that starts here, and its end. Quoted pieces come first, then bare text to the end of the line."""
    pieces = []
    while at < len(text) and text[at] not in LINE_ENDS:
        if single := SINGLE_QUOTED.match(text, at):
            pieces.append(single[1])
            at = single.end()
        elif double := DOUBLE_QUOTED.match(text, at):
            pieces.append(BACKSLASH_PAIR.sub(unescape_quoted, double[1]))
            at = double.end()
        elif text[at] in BLANKS:
            at += 1
        else:
            bare = BARE.match(text, at)
            assert bare is not None
            pieces.append(unescape_bare(bare[0]))
            at = bare.end()
            if text[at : at + 1] == "\\":  # the very last character of the file
                at += 1
    return "".join(pieces), at


def unescape_quoted(pair: re.Match[str]) -> str:
    if pair[1] in ESCAPED_IN_QUOTES:
        return pair[1]
    return "" if pair[1] == "\n" else pair[0]


def unescape_bare(text: str) -> str:
    """The text without backslashes, escaped line ends, and blanks at the end that no backslash protects."""
    protected = max((pair.end() for pair in BACKSLASH_PAIR.finditer(text)), default=0)
    kept = text[:protected] + text[protected:].rstrip(BLANKS)
    return BACKSLASH_PAIR.sub(lambda pair: "" if pair[1] in LINE_ENDS else pair[1], kept)


def is_name(name: str) -> bool:
    """Whether this is a variable's name for systemd. systemd ignores an assignment to any other name."""
    return NAME.match(name) is not None


def format_assignment(name: str, value: str) -> str:
    """An assignment that systemd reads back as exactly this value. It has several lines if the value has line ends.

    Raises ConfigError for a value that no environment file can hold.
    """
    if not is_name(name):
        raise ConfigError(f"{name!r} is not a variable's name in an environment file")
    if "\0" in value:
        raise ConfigError(f"the value of {name} contains a NUL byte")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"the value of {name} is not UTF-8: {value!r}", "systemd ignores an environment file that is not"
        ) from None
    escaped = "".join("\\" + c if c in ESCAPED_IN_QUOTES else c for c in value)
    return f'{name}="{escaped}"\n'
