"""The text of a unit file. This is the only place that quotes and escapes for systemd.

Raises ConfigError for a value that systemd would read back as something else.
"""

import re
from collections.abc import Iterable
from functools import singledispatch

from ..core import ConfigError
from .envfile import is_name
from .model import (
    KINDS,
    Command,
    Directive,
    Environment,
    File,
    Folder,
    Section,
    Specifier,
    Text,
    UnitFile,
    Value,
    Variable,
    Word,
    Words,
    Written,
)
from .quoting import BLANKS, quote_word, quote_words

SECTION = re.compile(r"[A-Za-z0-9-]+\Z")
KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
# A line end stops the value, and blanks at its ends are cut off.
CUT = re.compile(r"[\x00\n\r]|\A[ \t]|[ \t]\Z")
COMMENT_END = re.compile(r"[\x00\n\r]")
# What systemd does not take in the name of a program, or expands nowhere but there.
UNSAFE_IN_PROGRAM = re.compile(r"[\x00-\x1f\x7f\"'\\$]")
PATTERN = re.compile(r"[*?\[\\]")
SPECIFIER = re.compile(r"[A-Za-z]")
LONGEST_LINE = 1 << 20  # systemd's LONG_LINE_MAX: it does not load a file with a longer one


class Unwritable(Exception):
    """Text that no line of a unit file can hold."""


def format_unit(unit: UnitFile) -> str:
    return format_file(unit.header, unit.sections)


def format_file(header: Iterable[str], sections: Iterable[Section]) -> str:
    """A unit file or a drop-in: a comment on top, then the sections that are not empty."""
    blocks = [format_section(section) for section in sections if section.directives]
    comment = "".join(map(format_comment, header))
    return "\n".join([comment] * bool(comment) + blocks)


def format_section(section: Section) -> str:
    if not SECTION.match(section.name):
        raise ConfigError(f"{section.name!r} is not the name of a section")
    return f"[{section.name}]\n" + "".join(map(format_directive, section.directives))


def format_directive(directive: Directive) -> str:
    key, value = directive.key, directive.value
    if not KEY.match(key):
        raise ConfigError(f"{key!r} is not the name of a setting")
    if not isinstance(value, (*KINDS.get(key, ()), Written)):
        raise TypeError(f"{key}= does not take a {type(value).__name__}")
    try:
        text = format_value(value)
        check_line(key, text)
    except Unwritable as error:
        raise ConfigError(f"{key}={str(error)[:200]!r} cannot stand in a unit file") from None
    return format_comment(directive.comment) + f"{key}={text}\n"


def check_line(key: str, text: str) -> None:
    if CUT.search(text) or is_continued(text) or len(f"{key}={text}".encode()) >= LONGEST_LINE:
        raise Unwritable(text)


def is_continued(text: str) -> bool:
    """An odd number of backslashes at the end: systemd would join the next line to this one."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def format_comment(text: str) -> str:
    return "".join(f"# {line.strip(BLANKS)}\n" for line in COMMENT_END.split(text) if line.strip(BLANKS))


@singledispatch
def format_value(value: object) -> str:
    """A value as systemd's syntax for its type has it."""
    raise TypeError(f"a unit has no values of the type {type(value).__name__}")


@format_value.register
def format_text(text: str) -> str:
    """Literal text to the end of the line: only `%` has a meaning there."""
    if not text or not text.isprintable():
        raise Unwritable(text)
    return text.replace("%", "%%")


@format_value.register
def format_number(number: int) -> str:
    if isinstance(number, bool):
        return "yes" if number else "no"
    return str(number)


@format_value.register
def format_parts(text: Text) -> str:
    return "".join(format_text(part) if isinstance(part, str) else format_specifier(part) for part in text.parts)


def format_specifier(specifier: Specifier) -> str:
    if not SPECIFIER.fullmatch(specifier.letter):
        raise ConfigError(f"%{specifier.letter} is no specifier")
    return str(specifier)


@format_value.register
def format_folder(folder: Folder) -> str:
    """systemd takes a slash at the end away. Here it protects a blank or a backslash before it."""
    if not folder.path.startswith("/"):
        raise ConfigError(f"{folder.path!r} is not an absolute path")
    text = format_text(folder.path)
    return "-" * folder.optional + text + "/" * text.endswith(("\\", " "))


@format_value.register
def format_file_name(file: File) -> str:
    """systemd takes the path for a pattern."""
    text = format_parts(Text(file.parts))
    if not text.startswith("/") or PATTERN.search(text):
        raise ConfigError(f"{text!r} cannot be the path of an environment file")
    return "-" * file.optional + text


@format_value.register
def format_words(words: Words) -> str:
    return quote_words(words.words)


@format_value.register
def format_environment(variable: Environment) -> str:
    """systemd leaves a variable out, with a warning, if its name is none or its value is not UTF-8."""
    if not is_name(variable.name):
        raise ConfigError(f"{variable.name!r} is not the name of a variable")
    try:
        variable.value.encode()
    except UnicodeEncodeError:
        what = f"the value of the variable {variable.name} is not UTF-8"
        raise ConfigError(f"{what}, and systemd takes no other") from None
    return quote_word(f"{variable.name}={variable.value}")


@format_value.register
def format_command(command: Command) -> str:
    program, *arguments = command.words
    if not isinstance(program, str) or not program.startswith("/") or UNSAFE_IN_PROGRAM.search(program):
        text = f"{str(program)!r} cannot be the program of a unit"
        raise ConfigError(text, "use an absolute path of plain characters")
    if program.endswith("/"):
        raise ConfigError(f"{program!r} is a folder, and no program")
    prefixes = "-" * command.ignores_failure + "@" * bool(command.argv0)
    words = [command.argv0, *arguments] if command.argv0 else arguments
    return " ".join([quote_word(prefixes + program), *map(format_word, words)])


def format_word(word: Word) -> str:
    """One word of a command. A literal one is neither expanded nor split."""
    match word:
        case Variable():
            if not is_name(word.name):
                raise ConfigError(f"{word.name!r} is not the name of a variable")
            return str(word)
        case Specifier():
            return format_specifier(word)
    return quote_word(word.replace("$", "$$"))


@format_value.register
def format_written(written: Written) -> str:
    return written.text


def report_form(key: str, value: Value) -> str:
    """`Key=value` as it stands in the unit, for people; a value that no unit can hold is shown as it is."""
    try:
        return f"{key}={format_value(value)}"
    except (ConfigError, Unwritable):
        return f"{key}={value}"
