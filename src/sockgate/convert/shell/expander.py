"""Words, assignments and the words of simple commands after expansion."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ..input_files import UNKNOWN, Place, read_text
from . import outputs
from .assignment import ASSIGNMENT
from .expansion import assigned_text, pattern_of, text_of
from .fields import fields_of
from .findings import NO_KEYS, Keys
from .runner import Call
from .state import State
from .syntax import Assignment, Block, Dialect, Literal, Piece, Redirection, Simple, Word

Found = TypeVar("Found")
OUTPUT = re.compile(r"([12]?)(>>|>\||>&|>|&>>|&>)")
FILE = re.compile(r"[0-9]*(<|<>|>>?|>\||[<>]&|&>>?)")
ALWAYS_THERE = re.compile(r"/dev/(null|zero|stdin|stdout|stderr|console)|[0-9]+|-")
BOTH = frozenset(("&>", "&>>", ">&"))  # of bash; >& only in front of a file
DECLARE_VARIABLES = frozenset(("export", "readonly", "local", "declare", "typeset"))


@dataclass(slots=True)
class Expander:
    """The half of the evaluator that makes text of words. depth: of if, case and loops around the command that runs."""

    state: State
    file: str
    depth: int = 0

    def run_file(self, path: str) -> None:
        """Evaluate a file in place. Raises Unreadable and ScriptError."""
        type(self)(self.state, path, self.depth).run_text(read_text(path), 1, self.state.dialect)

    def run_text(self, text: str, line: int, dialect: Dialect) -> None:
        raise NotImplementedError

    def run_words(self, call: Call) -> int | None:
        raise NotImplementedError

    def place(self, line: int) -> Place:
        return Place(self.file, line)

    def expanded(self, command: Simple) -> Call:
        place = self.place(command.line)
        words: list[str] = []
        keys: list[Keys] = []
        for word in command.words:
            declares = bool(words) and words[0] in DECLARE_VARIABLES
            texts, found = self.watched(lambda: self.argument(word, place, declares))  # noqa: B023  # called at once
            words += texts
            keys += [found] * len(texts)
        assigned = [self.assigned(assignment, place) for assignment in command.assignments if words]
        values = {name: value for name, value, _ in assigned}
        for name in values:
            self.state.refuse_constant(name, place)
        silent = silenced(self.state.silent, command.redirections)
        return Call(words, keys, values, {name: found for name, _, found in assigned}, place, silent)

    def argument(self, word: Word, place: Place, declares: bool) -> list[str]:
        """The fields of a word of a command. Behind `export` NAME=VALUE is an assignment: it is not split."""
        first = word.pieces[0] if word.pieces else None
        if declares and isinstance(first, Literal) and not first.is_quoted and (match := ASSIGNMENT.match(first.text)):
            value = Literal(first.text[match.end() :], False)
            return [match[0] + assigned_text(self, Word((value, *word.pieces[1:]), word.line), place)]
        return self.fields(word, place)

    def assign(self, assignment: Assignment, place: Place) -> None:
        state = self.state
        arrays = state.arrays.get(assignment.name, ()) if assignment.is_append else ()
        name, value, keys = self.assigned(assignment, place)
        state.assign(name, value, keys, place)
        if isinstance(assignment.value, tuple):
            texts = [text for word in assignment.value for text in self.fields(word, place)]
            state.arrays[name] = (*arrays, *texts)

    def assigned(self, assignment: Assignment, place: Place) -> tuple[str, str, Keys]:
        """(name, value, questions in it); of an array the first value."""
        value, keys = self.watched(lambda: self.value(assignment.value, place))
        if not assignment.is_append:
            return assignment.name, value, keys
        before = self.state.variables.get(assignment.name, "")
        value = before if isinstance(assignment.value, tuple) and before else before + value
        return assignment.name, value, keys | self.state.keys.get(assignment.name, NO_KEYS)

    def value(self, value: Word | tuple[Word, ...], place: Place) -> str:
        if isinstance(value, Word):
            return assigned_text(self, value, place)
        return next((text for word in value for text in self.fields(word, place)), "")

    def watched(self, step: Callable[[], Found]) -> tuple[Found, Keys]:
        """(the result, the questions that it depends on)"""
        before, self.state.touched = self.state.touched, set()
        result = step()
        keys = frozenset(self.state.touched)
        self.state.touched |= before
        return result, keys

    def unopened(self, redirections: tuple[Redirection, ...], place: Place) -> str | None:
        """The first file of these redirections that cannot be opened here, None if all can."""
        for one in redirections:
            if opens_a_file((one,)):
                name = self.text(one.target.pieces, place)
                if UNKNOWN in name or not self.state.can_open(one.operator, name):
                    return name
        return None

    def fields(self, word: Word, place: Place) -> list[str]:
        return fields_of(word, self, place, lambda piece, is_first: text_of(self, piece, place, is_first))

    def text(self, pieces: tuple[Piece, ...], place: Place) -> str:
        return "".join(text_of(self, piece, place, number == 0) for number, piece in enumerate(pieces))

    def pattern(self, word: Word, place: Place) -> str:
        return pattern_of(self, word, place)

    def printed(self, body: Block, place: Place) -> str:
        return outputs.printed(self, body, place)


def opens_a_file(redirections: tuple[Redirection, ...]) -> bool:
    """Whether a command fails if a file cannot be opened. dash ends then, at a command of its own."""
    return any(FILE.fullmatch(one.operator) and not ALWAYS_THERE.fullmatch(one.target.text) for one in redirections)


def silenced(silent: frozenset[str], redirections: tuple[Redirection, ...]) -> frozenset[str]:
    """Which of the descriptors 1 and 2 go to /dev/null after these redirections, of those that did so before."""
    for redirection in redirections:
        match = OUTPUT.fullmatch(redirection.operator)
        if not match:
            continue
        descriptor, operator = match.groups()
        target = redirection.target.text
        is_copy = operator == ">&" and target.isdigit()
        goes_with = {"1", "2"} if operator in BOTH and not (descriptor or is_copy) else {descriptor or "1"}
        is_silent = target in silent if is_copy else target == "/dev/null"
        silent = silent | goes_with if is_silent else silent - goes_with
    return silent
