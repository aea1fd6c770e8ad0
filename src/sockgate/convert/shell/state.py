"""The state of a script during its evaluation: variables, commands, questions to this machine, doubts."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from ...host.host import Host
from ..input_files import UNKNOWN, Place, Unreadable, read_text
from .findings import HIDDEN, NO_KEYS, Doubt, Keys, Question, Started
from .syntax import Block, Command, Dialect, ScriptError

MOST_COMMANDS = 5000
MOST_TEXTS = 200  # scripts, words of eval and calls of functions that are read for one script
DEEPEST = 8
LONGEST_VALUE = 1 << 16  # characters; a script can double a value at each of its lines
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the script."""

    body: Command
    file: str


@dataclass(slots=True)
class State:
    """The state of a script that is evaluated.

    world      another machine: for the key of a question, the number of its answer. Questions that are not in it have
               the answer of this machine
    variables  by name; a value may contain UNKNOWN
    constant   the names that `readonly` has
    arrays     bash arrays by name. Their first value is in `variables` as well
    exported   the names of the variables that a started program inherits
    export_all, stops_at_failure, stops_at_unset, names_no_files  set -a, -e, -u, -f
    tested     the number of conditions around the current command. A failure inside a condition stops nothing
    keys       by variable: the questions that its value depends on
    other_keys  the questions that limits, umask and folder depend on
    argument_keys  the questions that the arguments depend on
    touched    the questions with answers that were used since it was last emptied
    sourcing   the questions that led to the text that is read now
    commands   the commands that the script starts, in order. The exec is the last
    uncertain  the commands of branches that may run or not
    waits_for  the line of a server in the foreground: the script goes on when it has ended; 0 for none
    silent     the descriptors that go to /dev/null: "1", "2"
    doubts     what the evaluation could not know
    first_arguments  of the script itself
    status     of the last command, None if it is not known
    returning  whether a function has reached its `return`
    loops, functions_around  the numbers of loops and functions around the current command
    leaving    the number of loops that `break` still has to leave; -1 and less for `continue`
    in_doubt   the number of parts around the current command that may run or not
    printed    the status of the last command substitution
    local_names  the values that the local variables of the current function had before
    more_set   whether a file that could not be read may have set further variables
    """

    host: Host
    folder: str
    dialect: Dialect = Dialect.DASH
    world: Mapping[str, int] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    constant: set[str] = field(default_factory=set)
    arrays: dict[str, tuple[str, ...]] = field(default_factory=dict)
    exported: set[str] = field(default_factory=lambda: {"PATH"})
    export_all: bool = False
    stops_at_failure: bool = False
    stops_at_unset: bool = False
    names_no_files: bool = False
    tested: int = 0
    keys: dict[str, Keys] = field(default_factory=dict)
    other_keys: Keys = NO_KEYS
    touched: set[str] = field(default_factory=set)
    sourcing: Keys = NO_KEYS
    questions: dict[str, Question] = field(default_factory=dict)
    commands: list[Started] = field(default_factory=list)
    uncertain: list[Started] = field(default_factory=list)
    waits_for: int = 0
    limits: dict[str, str] = field(default_factory=dict)
    umask: str = ""
    silent: frozenset[str] = frozenset()
    doubts: list[Doubt] = field(default_factory=list)
    done: bool = False
    arguments: tuple[str, ...] = ()
    argument_keys: Keys = NO_KEYS
    first_arguments: tuple[str, ...] = ()
    depth: int = 0
    functions: dict[str, Function] = field(default_factory=dict)
    status: int | None = 0
    returning: bool = False
    leaving: int = 0
    loops: int = 0
    functions_around: int = 0
    in_doubt: int = 0
    more_set: bool = False
    ran: int = 0
    texts: int = 0  # read so far: a script that sources itself three times over would take three to the depth
    trees: dict[tuple[str, int, Dialect], Block] = field(default_factory=dict)
    printed: int | None = 0
    local_names: dict[str, str | None] = field(default_factory=dict)

    @property
    def stopped(self) -> bool:
        """Whether no further command runs: the script has ended, or the function, or this round of a loop."""
        return self.done or self.returning or self.leaving != 0

    @property
    def follows_another_answer(self) -> bool:
        """Whether the current part depends on an answer of another machine."""
        return not self.touched.isdisjoint(self.world)

    @property
    def secret_keys(self) -> Keys:
        return frozenset(key for key, question in self.questions.items() if question.is_secret)

    def told(self, words: list[str], keys: list[Keys]) -> str:
        """The words for a report, with secret answers hidden: more users read the report than the files."""
        secret = self.secret_keys
        return " ".join(
            (word or "''") if found.isdisjoint(secret) else HIDDEN for word, found in zip(words, keys, strict=True)
        )

    def may_be_otherwise(self, keys: Keys) -> bool:
        """Whether other answers to these questions are still to be tried: none of them is set by the world."""
        return bool(keys) and keys.isdisjoint(self.world)

    def count(self, place: Place, weight: int = 1) -> None:
        """Count one more command, or one more round of a loop. Raises ScriptError."""
        self.ran += weight
        if self.ran > MOST_COMMANDS:
            raise ScriptError(place.line, "it runs too many commands")

    @contextmanager
    def one_deeper(self, place: Place) -> Iterator[None]:
        """The context of a text or function that another one runs. Raises ScriptError if it is too deep."""
        if self.depth > DEEPEST or self.texts >= MOST_TEXTS:
            raise ScriptError(place.line, "scripts or functions run each other without end")
        self.depth += 1
        self.texts += 1
        try:
            yield
        except RecursionError:
            raise ScriptError(place.line, "commands are nested too deeply") from None
        finally:
            self.depth -= 1

    def doubt(self, place: Place, what: str, text: str) -> None:
        self.doubts.append(Doubt(place, what.replace(UNKNOWN, "?"), text))

    def ask(self, question: Question, here: Answer, *others: Answer) -> Answer:
        """The answer of the world, or `here`, which is that of this machine. Records the question."""
        self.touched.add(question.key)
        if question.key not in self.questions:
            self.questions[question.key] = question
        number = self.world.get(question.key, 0)
        return (here, *others)[number] if number <= len(others) else here

    def kept(self) -> "Kept":
        return Kept(
            dict(self.variables), dict(self.arrays), dict(self.keys), set(self.exported), dict(self.functions),
            dict(self.limits), self.umask, self.silent, self.folder, self.arguments, self.argument_keys, self.done,
            self.returning, self.leaving, self.loops, dict(self.local_names), set(self.constant), self.options,
        )  # fmt: skip

    @property
    def options(self) -> tuple[bool, bool, bool, bool]:
        return self.export_all, self.stops_at_failure, self.stops_at_unset, self.names_no_files

    @options.setter
    def options(self, values: tuple[bool, bool, bool, bool]) -> None:
        self.export_all, self.stops_at_failure, self.stops_at_unset, self.names_no_files = values

    def set_options(self, letters: str, *, given: bool) -> None:
        """The options of `set` and of the shell's own command line."""
        self.export_all = given if "a" in letters else self.export_all
        self.stops_at_failure = given if "e" in letters else self.stops_at_failure
        self.stops_at_unset = given if "u" in letters else self.stops_at_unset
        self.names_no_files = given if "f" in letters else self.names_no_files

    # --- variables

    def make_local(self, name: str) -> None:
        """Make a variable local to the current function."""
        self.local_names.setdefault(name, self.variables.get(name))

    def restore_locals(self) -> None:
        for name, value in self.local_names.items():
            if value is None:
                self.forget(name)
            else:
                self.variables[name] = value

    def assign(self, name: str, value: str, keys: Keys, place: Place) -> None:
        """Raises ScriptError for a value that is too long."""
        if len(value) > LONGEST_VALUE:
            raise ScriptError(place.line, "a value is too long")
        self.refuse_constant(name, place)
        self.variables[name] = value
        self.arrays.pop(name, None)
        self.keys[name] = keys | self.sourcing

    def refuse_constant(self, name: str, place: Place) -> None:
        """Raises ScriptError: some shells end at such an assignment, others keep the value and go on."""
        if name in self.constant:
            raise ScriptError(place.line, f"{name!r} is readonly: what the shell does now is not followed")

    def forget(self, name: str) -> None:
        self.variables.pop(name, None)
        self.arrays.pop(name, None)
        self.keys.pop(name, None)

    def environment(self) -> dict[str, str]:
        """The variables of the script that a program would inherit if it started now."""
        names = self.variables if self.export_all else self.exported
        return {name: self.variables[name] for name in sorted(names) if name in self.variables}

    # --- the machine

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
        path = self.host.program(name, self.variables.get("PATH", "").replace(UNKNOWN, ""))
        return path if self.host.is_executable(path) else ""

    def can_open(self, operator: str, name: str) -> bool:
        """Whether root can open the file of a redirection on this machine."""
        path = self.path_of(name)
        try:
            if ">" in operator:
                return os.path.isdir(os.path.dirname(path)) and not os.path.isdir(path)
            return bool(name) and os.path.exists(path)
        except ValueError:  # a NUL
            return False

    def path_of(self, name: str) -> str:
        return os.path.normpath(name if name.startswith("/") else f"{self.folder}/{name}")


@dataclass(frozen=True, slots=True)
class Kept:
    """The part of the state that a subshell cannot change for the script around it."""

    variables: dict[str, str]
    arrays: dict[str, tuple[str, ...]]
    keys: dict[str, Keys]
    exported: set[str]
    functions: dict[str, Function]
    limits: dict[str, str]
    umask: str
    silent: frozenset[str]
    folder: str
    arguments: tuple[str, ...]
    argument_keys: Keys
    done: bool
    returning: bool
    leaving: int
    loops: int
    local_names: dict[str, str | None]
    constant: set[str]
    options: tuple[bool, bool, bool, bool]

    def restore(self, state: State) -> None:
        state.variables, state.arrays, state.keys = dict(self.variables), dict(self.arrays), dict(self.keys)
        state.exported, state.functions, state.limits = set(self.exported), dict(self.functions), dict(self.limits)
        state.umask, state.silent, state.folder = self.umask, self.silent, self.folder
        state.arguments, state.argument_keys = self.arguments, self.argument_keys
        state.done, state.returning, state.leaving, state.loops = self.done, self.returning, self.leaving, self.loops
        state.local_names, state.constant, state.options = dict(self.local_names), set(self.constant), self.options
