"""The syntax tree of a script: what `parser` makes and `evaluator` walks. Every part is frozen and knows its line."""

from dataclasses import dataclass
from enum import StrEnum


class ScriptError(Exception):
    """The script is not in the part of sh that is understood; the text is the reason."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


class Dialect(StrEnum):
    """The shell that runs a script. DASH is also every other /bin/sh that knows POSIX only."""

    DASH = "dash"
    BASH = "bash"


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that stands for itself."""

    text: str
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """$NAME or ${NAME...}.

    name       of the variable, or a digit or sign for an argument; "" for a form that is not understood
    operator   "" or what stands behind the name: - :- = := + :+ ? :? % %% # ##, and # in front is "length"
    words      what stands behind the operator
    subscript  of an array: a number, @ or *; "" for none
    written    what stands between the braces
    """

    name: str
    operator: str
    words: tuple["Word", ...]
    subscript: str
    written: str
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """$(( ... )): its parts are expanded, then calculated."""

    pieces: tuple["Piece", ...]
    written: str
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class Substitution:
    """$( ... ) or `...`. problem: the text is no script, for this reason; the body is empty then."""

    body: "Block"
    written: str
    is_quoted: bool
    problem: str = ""


Piece = Literal | Parameter | Arithmetic | Substitution


@dataclass(frozen=True, slots=True)
class Word:
    """One word, in pieces."""

    pieces: tuple[Piece, ...]
    line: int

    @property
    def text(self) -> str:
        """The literal parts."""
        return "".join(piece.text for piece in self.pieces if isinstance(piece, Literal))


@dataclass(frozen=True, slots=True)
class Assignment:
    """NAME=VALUE, NAME+=VALUE; a tuple of words is bash's NAME=( ... )."""

    name: str
    is_append: bool
    value: Word | tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Redirection:
    """operator: with the number of the descriptor in front, as in `2>`."""

    operator: str
    target: Word


@dataclass(frozen=True, slots=True)
class Simple:
    """Assignments, then the words of a command."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]
    line: int


@dataclass(frozen=True, slots=True)
class If:
    """if CONDITION; then BODY; elif ...; else OTHERWISE; fi"""

    clauses: tuple[tuple["Block", "Block"], ...]
    otherwise: "Block"
    line: int


@dataclass(frozen=True, slots=True)
class Case:
    """case SUBJECT in PATTERN|PATTERN) BODY;; ... esac"""

    subject: Word
    clauses: tuple[tuple[tuple[Word, ...], "Block"], ...]
    line: int


@dataclass(frozen=True, slots=True)
class For:
    """for NAME in WORDS; do BODY; done. words: None for the arguments."""

    name: str
    words: tuple[Word, ...] | None
    body: "Block"
    line: int


@dataclass(frozen=True, slots=True)
class Loop:
    """while or until"""

    keyword: str
    condition: "Block"
    body: "Block"
    line: int


@dataclass(frozen=True, slots=True)
class Group:
    """{ BODY; } or, with is_subshell, ( BODY )"""

    body: "Block"
    is_subshell: bool
    line: int


@dataclass(frozen=True, slots=True)
class Definition:
    """NAME() BODY"""

    name: str
    body: "Command"
    line: int


@dataclass(frozen=True, slots=True)
class Redirected:
    """A compound command, and the redirections behind it. word: the one with which it begins, such as `while`."""

    command: "Command"
    word: str
    redirections: tuple[Redirection, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Primary:
    """One test within [[ ]]: the words of it."""

    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """! TEST within [[ ]]"""

    test: "Test"


@dataclass(frozen=True, slots=True)
class Joined:
    """TEST && TEST or TEST || TEST within [[ ]]"""

    operator: str
    left: "Test"
    right: "Test"


Test = Primary | Negation | Joined


@dataclass(frozen=True, slots=True)
class BashTest:
    """[[ TEST ]]"""

    test: Test
    line: int


Command = Simple | If | Case | For | Loop | Group | Redirected | Definition | BashTest


@dataclass(frozen=True, slots=True)
class Pipeline:
    """COMMAND | COMMAND, perhaps with ! in front."""

    commands: tuple[Command, ...]
    is_negated: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """Pipelines joined by && and ||, each behind the first with its operator; in the background with & at the end."""

    first: Pipeline
    rest: tuple[tuple[str, Pipeline], ...]
    is_background: bool


Block = tuple[Statement, ...]
