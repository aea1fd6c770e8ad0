"""Expansion of one piece of a word: literal text with ~, parameters, calculations; `outputs` has the commands."""

import glob
import re
from collections.abc import Callable
from fnmatch import fnmatchcase

from ..input_files import UNKNOWN, Place
from .arithmetic import NotCalculated, calculate
from .findings import NO_KEYS, Question
from .runner import NotKnown, Runner
from .syntax import Arithmetic, Dialect, Literal, Parameter, Piece, ScriptError, Substitution, Word

LONGEST_CUT, LONGEST_PATTERN = 1000, 40  # characters; each cut tries all lengths
WEIGHT_OF_CUT = 50  # characters that cost as much as a command
HOME = re.compile(r"\A~([A-Za-z_][A-Za-z0-9_-]*)?(?=/|$)")
HOME_IN_LIST = re.compile(r"(?:^|(?<=:))~([A-Za-z_][A-Za-z0-9_-]*)?(?=[/:]|$)")
# In a pattern without quotes: [[:digit:]] and the like, [^...], which dash and bash read in two ways, and a backslash.
NO_FNMATCH = re.compile(r"\[\^|\[[:.=]|\\")
NEEDS_CHARACTERS = frozenset("?[")
NEEDS_VALUE = frozenset(("", "length", "%", "%%", "#", "##"))
INHERITED = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
SET_BY_BASH = {"UID": "0", "EUID": "0", "IFS": " \t\n", "OPTIND": "1"}
SET_BY_SH = {"IFS": " \t\n", "OPTIND": "1"}
NEVER_KNOWN = {
    Dialect.BASH: frozenset(("RANDOM", "SECONDS", "PPID", "LINENO", "BASHPID", "BASH_VERSION", "BASH_SOURCE", "SHLVL",
                             "BASH", "OSTYPE", "HOSTTYPE", "MACHTYPE", "GROUPS", "SRANDOM", "EPOCHSECONDS",
                             "EPOCHREALTIME", "FUNCNAME", "PIPESTATUS", "SHELLOPTS", "BASHOPTS", "_")),
    Dialect.DASH: frozenset(("PPID", "LINENO", "_")),
}  # fmt: skip


def unknown(runner: Runner, place: Place, what: str, text: str) -> str:
    runner.state.doubt(place, what, text)
    return UNKNOWN


def text_of(runner: Runner, piece: Piece, place: Place, is_first: bool) -> str:
    """The text of a piece; UNKNOWN where it cannot be known, with a doubt that says why."""
    if isinstance(piece, Literal):
        return piece.text if piece.is_quoted or not is_first else HOME.sub(home_of(runner, place), piece.text, 1)
    if isinstance(piece, Parameter):
        return parameter(runner, piece, place)
    if isinstance(piece, Arithmetic):
        return calculation(runner, piece, place)
    return substitution(runner, piece, place)


def assigned_text(runner: Runner, word: Word, place: Place) -> str:
    """The value of an assignment: it is not split, and ~ counts behind each colon as well."""
    texts = []
    for number, piece in enumerate(word.pieces):
        if isinstance(piece, Literal) and not piece.is_quoted:
            text = piece.text if number == 0 else "\0" + piece.text  # ~ within a word is no home
            texts.append(HOME_IN_LIST.sub(home_of(runner, place), text).lstrip("\0"))
        else:
            texts.append(text_of(runner, piece, place, False))
    return "".join(texts)


def pattern_of(runner: Runner, word: Word, place: Place) -> str:
    """The text of a pattern, in which quoted characters stand for themselves."""
    parts = []
    for number, piece in enumerate(word.pieces):
        text = text_of(runner, piece, place, number == 0)
        parts.append(glob.escape(text) if piece.is_quoted else UNKNOWN if NO_FNMATCH.search(text) else text)
    return "".join(parts)


def matches(text: str, pattern: str) -> bool | None:
    """Whether a text matches a pattern of `pattern_of`; None if that is not known. dash compares bytes."""
    if UNKNOWN in text + pattern or not (text.isascii() or NEEDS_CHARACTERS.isdisjoint(pattern)):
        return None
    return fnmatchcase(text, pattern)


def home_of(runner: Runner, place: Place) -> Callable[[re.Match[str]], str]:
    """~ and ~NAME."""

    def home(match: re.Match[str]) -> str:
        if match[1] is None:
            return runner.state.variables.get("HOME", INHERITED["HOME"])
        account = runner.state.host.user(match[1])
        if account is None:
            return unknown(runner, place, match[0], f"there is no user {match[1]!r} on this machine")
        question = Question(f"home {match[1]}", place, match[0], f"it is {account.pw_dir}", freezes="/etc/passwd")
        return runner.state.ask(question, account.pw_dir)

    return home


def calculation(runner: Runner, piece: Arithmetic, place: Place) -> str:
    text = runner.text(piece.pieces, place)
    shown = f"`{' '.join(piece.written.split())}`"
    if UNKNOWN in text:
        return UNKNOWN
    try:
        return str(calculate(text, lambda name: value_of(runner, name)))
    except NotCalculated as error:
        return unknown(runner, place, shown, str(error))


def substitution(runner: Runner, piece: Substitution, place: Place) -> str:
    """`command` and $(command); UNKNOWN with a doubt where the output cannot be known."""
    shown = f"`{' '.join(piece.written.split())}`"
    if piece.problem:
        return unknown(runner, place, shown, piece.problem)
    try:
        output = runner.printed(piece.body, place).rstrip("\n")
        if runner.state.dialect is Dialect.BASH:  # $? behind it in the same command is its status there
            runner.state.status = runner.state.printed
        return output
    except NotKnown as error:
        runner.state.printed = None
        return unknown(runner, place, shown, str(error)) if str(error) else UNKNOWN


def parameter(runner: Runner, piece: Parameter, place: Place) -> str:
    """$NAME and the forms ${NAME-x} ${NAME:-x} ${NAME=x} ${NAME+x} ${NAME?x}, ${NAME%x}, ${NAME#x} and ${#NAME}."""
    if not piece.name:
        return not_understood(runner, piece, place)
    value = lookup(runner, piece.name, piece.subscript)
    if value is None and piece.operator in NEEDS_VALUE and (piece.operator or piece.subscript not in ("@", "*")):
        refuse_unset(runner, piece.name, place)
    match piece.operator:
        case "":
            return inherited(runner, piece.name, place) if value is None else value
        case "length":
            return length(runner, piece, value)
        case "%" | "%%" | "#" | "##":
            text = inherited(runner, piece.name, place) if value is None else value
            pattern = " ".join(pattern_of(runner, word, place) for word in piece.words)
            runner.state.count(place, 1 + len(text) // WEIGHT_OF_CUT)
            return without(text, piece.operator, pattern)
    return conditional(runner, piece, value, place)


def refuse_unset(runner: Runner, name: str, place: Place) -> None:
    """set -u: the shell ends at a variable that is not set. Raises ScriptError."""
    if runner.state.stops_at_unset and inherited(runner, name, place) == "" and not runner.state.more_set:
        raise ScriptError(place.line, f"{name} is not set, and the shell ends here (set -u)")


def not_understood(runner: Runner, piece: Parameter, place: Place) -> str:
    shown = f"${{{piece.written}}}"
    if piece.written.count('"') % 2:
        return unknown(runner, place, shown, "the quotes in this expansion do not match")
    if runner.state.dialect is Dialect.DASH:
        raise ScriptError(place.line, f"{shown} is not known to {runner.state.dialect}, which ends here")
    return unknown(runner, place, shown, "this expansion is not understood")


def lookup(runner: Runner, name: str, subscript: str = "") -> str | None:
    """The value of a variable or argument, None if it is not set."""
    state = runner.state
    if (name.isascii() and name.isdigit()) or name in ("@", "*", "#"):
        return argument(runner, name)
    if name in ("?", "$", "!", "-"):
        return str(state.status) if name == "?" and state.status is not None else UNKNOWN
    state.touched |= state.keys.get(name, NO_KEYS)
    if subscript and name in state.arrays:
        values = state.arrays[name]
        if subscript in "@*":
            return " ".join(values)
        return values[int(subscript)] if len(subscript) < 6 and int(subscript) < len(values) else None
    return state.variables.get(name) if subscript in ("", "0", "@", "*") else None


def value_of(runner: Runner, name: str) -> str:
    value = lookup(runner, name)
    return "" if value is None else value


def argument(runner: Runner, name: str) -> str | None:
    """$0, $1, $#, $@: a supervisor starts the script without arguments."""
    arguments = runner.state.arguments
    runner.state.touched |= runner.state.argument_keys
    if name == "@":
        return UNKNOWN if len(arguments) > 1 and "IFS" in runner.state.variables else " ".join(arguments)
    if name == "*":
        return runner.state.variables.get("IFS", " ")[:1].join(arguments)
    if name == "#":
        return str(len(arguments))
    number = int(name) if len(name) < 4 else 1000
    if number == 0:
        return runner.file
    return arguments[number - 1] if number <= len(arguments) else None


def inherited(runner: Runner, name: str, place: Place) -> str:
    """A variable that the script does not set: what is certain to be there before it starts."""
    state = runner.state
    if name == "PWD":
        return state.folder
    if name in NEVER_KNOWN[state.dialect]:
        return UNKNOWN
    if state.dialect is Dialect.BASH and name == "HOSTNAME":
        return host_name(runner, place, "$HOSTNAME")
    of_shell = SET_BY_BASH if state.dialect is Dialect.BASH else SET_BY_SH
    if name in of_shell:
        return of_shell[name]
    return INHERITED.get(name, UNKNOWN if state.more_set and not name.isdigit() else "")


def host_name(runner: Runner, place: Place, asked: str) -> str:
    """This machine's name, as hostname(1) says it."""
    name = runner.state.host.node_name
    return runner.state.ask(
        Question("host name", place, asked, "it is this machine's name", freezes="the name of the machine"), name
    )


def length(runner: Runner, piece: Parameter, value: str | None) -> str:
    """${#NAME}"""
    if piece.subscript in ("@", "*") and piece.subscript:
        return str(len(runner.state.arrays.get(piece.name, () if value is None else (value,))))
    text = value or ""
    is_known = text.isascii() and (value is not None or not runner.state.more_set)  # dash counts bytes
    return str(len(text)) if is_known else UNKNOWN


def without(value: str, operator: str, pattern: str) -> str:
    """${NAME%PATTERN}: the shortest end that matches goes, with %% the longest; # and ## at the beginning."""
    if len(value) > LONGEST_CUT or len(pattern) > LONGEST_PATTERN or matches(value, pattern) is None:
        return UNKNOWN
    sizes = range(len(value) + 1) if len(operator) == 1 else range(len(value), -1, -1)
    for size in sizes:
        cut = len(value) - size if operator[0] == "%" else size
        part, rest = (value[cut:], value[:cut]) if operator[0] == "%" else (value[:cut], value[cut:])
        if fnmatchcase(part, pattern):
            return rest
    return value


def conditional(runner: Runner, piece: Parameter, value: str | None, place: Place) -> str:
    """${NAME:-x} and its kin."""
    state = runner.state
    if UNKNOWN in (value or "") or (value is None and state.more_set and piece.name not in ("@", "*")):
        return UNKNOWN
    is_set = bool(value) if piece.operator[0] == ":" else value is not None
    keys = state.keys.get(piece.name, NO_KEYS)
    if state.may_be_otherwise(keys):  # the other answer to what was asked may set it, or not
        shown = f"${{{piece.written}}}"
        answer = f"{piece.name} is set" if is_set else f"{piece.name} is empty"
        question = Question(f"set {place} {shown}", place, shown, answer, 1, is_doubled=True)
        is_set = state.ask(question, is_set, not is_set)
    operator = piece.operator[-1]
    if operator == "+":
        return words_of(runner, piece, place) if is_set else ""
    if is_set:
        return value or ""
    if operator == "?":
        return unknown(runner, place, f"${{{piece.written}}}", f"the script would stop, since {piece.name} is not set")
    default = words_of(runner, piece, place)
    if operator == "=":
        state.assign(piece.name, default, keys, place)
    return default


def words_of(runner: Runner, piece: Parameter, place: Place) -> str:
    """The words behind an operator, themselves expanded."""
    return " ".join(" ".join(runner.fields(word, place)) for word in piece.words)
