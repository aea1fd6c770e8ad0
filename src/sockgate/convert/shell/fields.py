"""A word after expansion becomes fields: it is split at blanks, and patterns become the names of files."""

import glob
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..input_files import UNKNOWN, Place
from .findings import Question
from .runner import Runner
from .syntax import Dialect, Literal, Parameter, Piece, Word

BLANKS = " \t\n"
MAGIC = re.compile(r"[*?]|\[[^]]*\]")
SPLITS = re.compile(r"[\s*?\[]")
BRACES = re.compile(r"\{[^{}]*(?:,|\.\.)[^{}]*\}")  # of bash
MOST_PATTERNS = 2  # parts of one path that are patterns: each multiplies what is read
MOST_FILES = 1000


@dataclass(slots=True)
class Field:
    """One field that grows. pattern: the same text, with characters that stand for themselves escaped."""

    text: str = ""
    pattern: str = ""
    has_pattern: bool = False

    def add(self, text: str, is_pattern: bool) -> None:
        self.text += text
        self.pattern += text if is_pattern else glob.escape(text)
        self.has_pattern |= is_pattern and any(character in text for character in "*?[")


@dataclass(slots=True)
class Fields:
    """The fields of one word. begun: the last one goes on."""

    separators: str
    found: list[Field] = field(default_factory=list)
    begun: bool = False

    def current(self) -> Field:
        if not self.begun:
            self.found.append(Field())
            self.begun = True
        return self.found[-1]

    def split(self, text: str) -> None:
        """What was expanded without quotes."""
        blanks = "".join(character for character in self.separators if character in BLANKS)
        stripped = text.lstrip(blanks)
        self.begun = self.begun and stripped == text
        parts = parts_of(stripped, self.separators)
        makes_empty = blanks != self.separators  # an empty part between two signs is a field
        for number, part in enumerate(parts):
            if number:
                self.begun = False
            if part or (makes_empty and number < len(parts) - 1):
                self.current().add(part, True)


def parts_of(text: str, separators: str) -> list[str]:
    """The parts between separators; an empty part at the start or end says that there was a separator."""
    if not separators:
        return [text]
    blanks = re.escape("".join(character for character in separators if character in BLANKS))
    others = re.escape("".join(character for character in separators if character not in BLANKS))
    if not others:
        return re.split(f"[{blanks}]+", text)
    around = f"[{blanks}]*" if blanks else ""
    return re.split(f"{around}[{others}]{around}" + (f"|[{blanks}]+" if blanks else ""), text)


def fields_of(word: Word, runner: Runner, place: Place, text_of: Callable[[Piece, bool], str]) -> list[str]:
    """Unquoted parts are split, or vanish; "$@" is one field for each argument. text_of: (piece, it is the first)"""
    separators = runner.state.variables.get("IFS", BLANKS)
    fields = Fields(BLANKS if UNKNOWN in separators else separators)
    if runner.state.dialect is Dialect.BASH and BRACES.search(unquoted_text(word)):
        runner.state.doubt(place, word.text, "braces are not expanded here; what stands here is not known")
        return [UNKNOWN]
    keeps_empty = not any(each(piece, runner) is not None for piece in word.pieces)
    for number, piece in enumerate(word.pieces):
        values = each(piece, runner)
        if values is not None:
            for count, value in enumerate(values):
                fields.begun = fields.begun and not count
                fields.current().add(value, False)
            continue
        text = text_of(piece, number == 0)
        if isinstance(piece, Literal) or piece.is_quoted:
            if text or (piece.is_quoted and keeps_empty):
                fields.current().add(text, not piece.is_quoted)
        elif loses_quotes(piece, text, runner, place):
            runner.state.doubt(place, word.text, "quotes within an expansion without quotes are not followed")
            return [UNKNOWN]
        else:
            fields.split(text)
    return [name for found in fields.found for name in files_of(found, runner, place)]


def loses_quotes(piece: Piece, text: str, runner: Runner, place: Place) -> bool:
    """Whether this is ${X:-"a b"} or ${X-""}, where the quotes decide how many fields there are."""
    if not isinstance(piece, Parameter) or piece.operator[-1:] not in ("-", "+"):
        return False
    if not any(part.is_quoted for word in piece.words for part in word.pieces):
        return False
    fields = [found for word in piece.words for found in runner.fields(word, place)]
    return text == " ".join(fields) and any(not found or SPLITS.search(found) for found in fields)


def unquoted_text(word: Word) -> str:
    return "".join(piece.text for piece in word.pieces if isinstance(piece, Literal) and not piece.is_quoted)


def each(piece: Piece, runner: Runner) -> tuple[str, ...] | None:
    """The values of "$@" and "${ARRAY[@]}", None for another piece."""
    if not isinstance(piece, Parameter) or not piece.is_quoted or piece.operator:
        return None
    state = runner.state
    if piece.name == "@":
        state.touched |= state.argument_keys
        return state.arguments
    if piece.subscript != "@":
        return None
    state.touched |= state.keys.get(piece.name, frozenset())
    value = state.variables.get(piece.name)
    return state.arrays.get(piece.name, () if value is None else (value,))


def files_of(found: Field, runner: Runner, place: Place) -> list[str]:
    """The files that a pattern names; the text itself if it names none, or is no pattern."""
    state = runner.state
    if state.names_no_files or not found.has_pattern or not MAGIC.search(found.text) or UNKNOWN in found.text:
        return [found.text]
    if sum(map(glob.has_magic, found.text.split("/"))) > MOST_PATTERNS or "\0" in found.text:
        state.doubt(place, found.text, "which files this pattern names is not looked up; what stands here is not known")
        return [UNKNOWN]
    names = sorted(matching(found.pattern, state.folder))[:MOST_FILES]
    answer = f"it names {' '.join(names[:3])}{' ...' * (len(names) > 3)}" if names else "it names no file"
    question = Question(f"files {state.folder} {found.text}", place, found.text, answer, others=int(bool(names)),
                        freezes="the files that it names")  # fmt: skip
    return state.ask(question, names or [found.text], [found.text])


def matching(pattern: str, folder: str) -> Iterator[str]:
    """Relative names stay relative."""
    yield from glob.iglob(pattern, root_dir=None if os.path.isabs(pattern) else folder)
