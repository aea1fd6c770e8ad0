"""Command lines of units: split ExecStart= as systemd does, then expand the variables in its words.

systemd.service(5), "Command Lines". Every expanded word keeps the place it comes from, for messages.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from .envfile import is_name
from .names import UnitName, expand
from .quoting import BLANKS, lenient_escape, skip_blanks, split_variable, take_word
from .reader import Assignment, Place

PREFIXES = "-@:+!|"
VARIABLE = re.compile(r"\$\$|\$\{([^:}]*)(\}|:|\Z)")


class Variable(NamedTuple):
    """A variable of a unit: its value, and the place where it is set."""

    value: str
    place: Place


class Word(NamedTuple):
    """One word of a command line after expansion, and the place where it is written."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Command:
    """One command of an Exec*= line.

    prefixes   the characters before the program: `-` failures do not count, `@` another argv[0], `:` no
               variables, `+` and `!` privileges, `|` a shell that reads the words once more
    program    path or name, specifiers resolved
    words      the arguments, specifiers resolved, variables not expanded yet
    place      where it is written
    """

    prefixes: str
    program: str
    words: tuple[str, ...]
    place: Place

    def arguments(self, environment: Mapping[str, Variable]) -> list[Word]:
        """The arguments of the program, without argv[0]."""
        words = self.words[1:] if "@" in self.prefixes else self.words
        if ":" in self.prefixes:
            return [Word(word, self.place) for word in words]
        return [expanded for word in words for expanded in expand_word(word, self.place, environment)]


def parse_commands(assignment: Assignment, name: UnitName) -> list[Command]:
    """The commands of one Exec*= line. Raises ValueError for a line that systemd rejects."""
    commands = []
    text = assignment.value
    at = skip_blanks(text, 0)
    while at < len(text):
        words, at = take_command(text, at)
        if words:
            program = words[0].lstrip(PREFIXES)
            prefixes = words[0][: len(words[0]) - len(program)]
            if not program:
                raise ValueError("there is no program")
            resolved = tuple(expand(word, name) for word in words[1:])
            commands.append(Command(prefixes, expand(program, name), resolved, assignment.place))
    return commands


def take_command(text: str, at: int) -> tuple[list[str], int]:
    """The words up to a `;` that is a word by itself, or to the end, and the position behind it."""
    words: list[str] = []
    while at < len(text):
        if is_word(text, at, ";"):
            return words, skip_blanks(text, at + 1)
        if words and is_word(text, at, "\\;"):
            word, at = ";", at + 2
        else:
            word, at = take_word(text, at, lenient_escape)
        words.append(word)
        at = skip_blanks(text, at)
    return words, at


def is_word(text: str, at: int, word: str) -> bool:
    end = at + len(word)
    return text.startswith(word, at) and (end == len(text) or text[end] in BLANKS)


def expand_word(word: str, place: Place, environment: Mapping[str, Variable]) -> list[Word]:
    """Expand the variables of a word. A word $NAME becomes the words of the value, or none if the variable is unset.

    ${NAME} becomes the value within the word.
    """
    if word.startswith("$") and word[1:2] not in ("$", "{"):
        variable = environment.get(word[1:]) if is_name(word[1:]) else None
        return [Word(part, variable.place) for part in split_variable(variable.value)] if variable else []

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        if match[2] != "}":
            return match[0]  # systemd does not know the shell's ${NAME:-...} and leaves it as it is
        return environment[match[1]].value if match[1] in environment else ""

    names = [name for name, _ in VARIABLE.findall(word) if name in environment]
    return [Word(VARIABLE.sub(value, word), environment[names[0]].place if names else place)]
