"""What is known of a script while it is read: variables, what it starts, what cannot be known."""

import os
from dataclasses import dataclass, field

from ..input_files import Place, Unreadable, read_text
from ..machine import Machine
from .tokens import UNKNOWN, ScriptError, Token

MOST_COMMANDS = 5000


@dataclass(frozen=True, slots=True)
class Command:
    """A command that the script comes to: its words after expansion, where it stands, and what it would inherit.

    limits  (name as --rlimit takes it, value), set by ulimit
    umask   "" if the script sets none
    path    $PATH as the script sets it, "" if it does not
    """

    words: tuple[str, ...]
    place: Place
    exported: dict[str, str]
    folder: str = "/"
    limits: tuple[tuple[str, str], ...] = ()
    umask: str = ""
    path: str = ""

    @property
    def is_known(self) -> bool:
        return not any(UNKNOWN in word for word in self.words)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that cannot be known, with the line."""

    place: Place
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the script: the command that is its body."""

    tokens: tuple[Token, ...]
    file: str


@dataclass(slots=True)
class State:
    """The state of a script that is being read.

    variables  by name; a value may contain UNKNOWN
    exported   the names that the programs it starts see
    commands   what it would start, in order, up to and including the exec
    uncertain  what it may start, in branches of which nobody knows whether they run
    doubts     what could not be known on the way
    status     of the last command: $? is 0 for True, not 0 for False
    returning  a function has come to its `return`
    in_doubt   how many parts around what is run now nobody knows to run
    more_set   variables that nothing here has set may be set all the same, by what could not be read
    """

    machine: Machine
    folder: str
    variables: dict[str, str] = field(default_factory=dict)
    exported: set[str] = field(default_factory=lambda: {"PATH"})
    export_all: bool = False
    commands: list[Command] = field(default_factory=list)
    uncertain: list[Command] = field(default_factory=list)
    limits: dict[str, str] = field(default_factory=dict)
    umask: str = ""
    doubts: list[Doubt] = field(default_factory=list)
    done: bool = False
    arguments: tuple[str, ...] = ()
    depth: int = 0
    functions: dict[str, Function] = field(default_factory=dict)
    status: bool | None = True
    returning: bool = False
    more_set: bool = False
    in_doubt: int = 0
    ran: int = 0
    texts: int = 0  # read so far: a script that sources itself three times over would take three to the depth

    @property
    def stopped(self) -> bool:
        """Nothing more is run: the script has ended, or the function."""
        return self.done or self.returning

    def count(self, place: Place) -> None:
        """One more command or round of a loop. Raises ScriptError."""
        self.ran += 1
        if self.ran > MOST_COMMANDS:
            raise ScriptError(place.line, "it runs too many commands")

    def doubt(self, place: Place, what: str, text: str) -> None:
        self.doubts.append(Doubt(place, what.replace(UNKNOWN, "?"), text))

    def environment(self) -> dict[str, str]:
        """What a program started now would inherit of the script's own variables."""
        names = self.variables if self.export_all else self.exported
        return {name: self.variables[name] for name in sorted(names) if name in self.variables}

    def command(self, words: list[str], assigned: dict[str, str], place: Place) -> Command:
        path = self.variables.get("PATH", "")
        return Command(tuple(words), place, self.environment() | assigned, self.folder, tuple(self.limits.items()),
                       self.umask, "" if UNKNOWN in path else path)  # fmt: skip

    def read_envdir(self, name: str) -> dict[str, str | None] | None:
        """The variables of an envdir(8) folder: the first line of each file, None for those that an empty file takes
        away. None if it cannot be read.
        """
        folder = self.path_of(name)
        variables: dict[str, str | None] = {}
        try:
            for file in sorted(os.listdir(folder)):
                if "=" not in file and not file.startswith("."):
                    text = read_text(f"{folder}/{file}")
                    variables[file] = text.partition("\n")[0].rstrip(" \t") if text else None
        except (OSError, Unreadable, ValueError):  # ValueError: a NUL
            return None
        return variables

    def which(self, name: str) -> str:
        """The path of a program as the script would find it, "" if it is not installed here."""
        path = self.machine.program(name, self.variables.get("PATH", "").replace(UNKNOWN, ""))
        return path if self.machine.is_executable(path) else ""

    def path_of(self, name: str) -> str:
        return os.path.normpath(name if name.startswith("/") else f"{self.folder}/{name}")
