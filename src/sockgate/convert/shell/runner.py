"""What the parts of the evaluator need of the whole, so that they do not import it."""

from typing import NamedTuple, Protocol

from ..input_files import Place
from .findings import Keys
from .state import State
from .syntax import Block, Dialect, Piece, Simple, Word


class Call(NamedTuple):
    """A simple command after expansion.

    assigned   the variables in front of it, for this command alone
    silent     the descriptors that go to /dev/null: "1", "2"
    """

    words: list[str]
    keys: list[Keys]
    assigned: dict[str, str]
    assigned_keys: dict[str, Keys]
    place: Place
    silent: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.words[0]

    @property
    def arguments(self) -> list[str]:
        return self.words[1:]

    @property
    def all_keys(self) -> Keys:
        return frozenset().union(*self.keys)

    def without_first(self) -> "Call":
        return self._replace(words=self.words[1:], keys=self.keys[1:])


class Runner(Protocol):
    """The evaluation of one text. depth: of if, case and loops around the command that runs."""

    state: State
    file: str
    depth: int

    def run_file(self, path: str) -> None:
        """Evaluate a file in place. Raises Unreadable and ScriptError."""

    def run_text(self, text: str, line: int, dialect: Dialect) -> None:
        """Evaluate a text of this file. Raises ScriptError."""

    def run_words(self, call: Call) -> int | None:
        """A command after expansion; its status."""

    def expanded(self, command: Simple) -> Call:
        """The words of a simple command after expansion; what stands in front of it is assigned for it alone."""

    def fields(self, word: Word, place: Place) -> list[str]:
        """A word after expansion: none, one or several."""

    def text(self, pieces: tuple[Piece, ...], place: Place) -> str:
        """Pieces after expansion as one text, without splitting."""

    def pattern(self, word: Word, place: Place) -> str:
        """A pattern after expansion, in which quoted characters stand for themselves."""

    def printed(self, body: Block, place: Place) -> str:
        """What these commands print. Raises NotKnown."""


class NotKnown(Exception):
    """The output cannot be known; the text is the reason, "" where a doubt says it already."""
