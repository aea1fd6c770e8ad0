"""Expansion of one piece of a word: literal text with ~, and parameters; substitution.py has the commands."""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ..input_files import Place
from .substitution import substitution, unknown
from .tokens import LITERAL, PARAMETER, UNKNOWN, Piece, ScriptError, Word, tokenize

if TYPE_CHECKING:
    from .interpreter import Interpreter

PARAMETER_FORM = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?)([-=+?])(.*))?", re.DOTALL)
LONGEST_CUT, LONGEST_PATTERN = 1000, 40  # characters; each cut tries all lengths
CUT_FORM = re.compile(r"([A-Za-z_][A-Za-z0-9_]*|0)(%%?|##?)(.*)", re.DOTALL)
EACH_ARGUMENT = Piece(PARAMETER, "@", True)
HOME = re.compile(r"~([A-Za-z_][A-Za-z0-9_-]*)?(?=/|$)")


def expand(interpreter: "Interpreter", piece: Piece, place: Place) -> str:
    """The text of a piece; UNKNOWN where it cannot be known, with a doubt that says why."""
    if piece.kind == LITERAL:
        return piece.text if piece.is_quoted else home(interpreter, piece.text, place)
    if piece.kind == PARAMETER:
        return parameter(interpreter, piece.text, place)
    return substitution(interpreter, piece.text, place)


def after_equals(word: Word) -> tuple[Piece, ...]:
    """An assignment in two pieces at least: a ~ behind the equals sign is at the start of one."""
    first = word.pieces[0]
    at = first.text.find("=") + 1
    return (Piece(LITERAL, first.text[:at], False), Piece(LITERAL, first.text[at:], False), *word.pieces[1:])


def home(interpreter: "Interpreter", text: str, place: Place) -> str:
    """~ and ~NAME at the start of a word."""
    match = HOME.match(text)
    if match is None:
        return text
    account = interpreter.shell.machine.user(match[1] or "root")
    if account is None:
        return unknown(interpreter, place, match[0], f"there is no user {match[1]!r} on this machine")
    return account.pw_dir + text[match.end() :]


def parameter(interpreter: "Interpreter", text: str, place: Place) -> str:
    """$NAME and the forms ${NAME-x} ${NAME:-x} ${NAME=x} ${NAME+x} ${NAME?x}, ${NAME%x} and ${NAME#x}."""
    shell = interpreter.shell
    if (text.isascii() and text.isdigit()) or text in ("@", "*", "#"):
        return argument(interpreter, text)
    if text in ("?", "$", "!", "-"):
        return "01"[not shell.status] if text == "?" and shell.status is not None else UNKNOWN
    cut = CUT_FORM.fullmatch(text)
    if cut:
        value = parameter(interpreter, cut[1], place)
        return UNKNOWN if UNKNOWN in value else without(value, cut[2], nested(interpreter, cut[3], place))
    match = PARAMETER_FORM.fullmatch(text)
    if match is None:
        return unknown(interpreter, place, f"${{{text}}}", "this expansion is not understood")
    name, colon, operator, word = match.groups()
    given = shell.variables.get(name)
    if operator is None:
        return inherited(interpreter, name) if given is None else given
    return conditional(interpreter, place, text, (name, colon, operator, word))


INHERITED = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}


def inherited(interpreter: "Interpreter", name: str) -> str:
    """A variable that the script does not set: what is certain to be there before it starts."""
    if name == "PWD":
        return interpreter.shell.folder
    return INHERITED.get(name, UNKNOWN if interpreter.shell.more_set else "")


def argument(interpreter: "Interpreter", text: str) -> str:
    """$0, $1, $#, $@: a supervisor starts the script without arguments."""
    arguments = interpreter.shell.arguments
    if text in ("@", "*"):
        return " ".join(arguments)
    if text == "#":
        return str(len(arguments))
    number = int(text) if len(text) < 4 else 1000
    if number == 0:
        return interpreter.file
    return arguments[number - 1] if number <= len(arguments) else ""


def without(value: str, operator: str, pattern: str) -> str:
    """${NAME%PATTERN}: the shortest end that matches goes, with %% the longest; # and ## at the beginning."""
    if len(value) > LONGEST_CUT or len(pattern) > LONGEST_PATTERN:
        return UNKNOWN
    sizes = range(len(value) + 1) if len(operator) == 1 else range(len(value), -1, -1)
    cuts: Callable[[int], tuple[str, str]]
    if operator[0] == "%":
        cuts = lambda size: (value[len(value) - size :], value[: len(value) - size])  # noqa: E731
    else:
        cuts = lambda size: (value[:size], value[size:])  # noqa: E731
    return next((rest for part, rest in map(cuts, sizes) if fnmatchcase(part, pattern)), value)


def conditional(interpreter: "Interpreter", place: Place, text: str, parts: tuple[str, str, str, str]) -> str:
    """${NAME:-x} and its kin."""
    shell = interpreter.shell
    name, colon, operator, word = parts
    value = shell.variables.get(name)
    if UNKNOWN in (value or "") or (value is None and shell.more_set):
        return UNKNOWN
    is_set = bool(value) if colon else value is not None
    if operator == "+":
        return nested(interpreter, word, place) if is_set else ""
    if is_set:
        return value or ""
    if operator == "?":
        return unknown(interpreter, place, f"${{{text}}}", f"the script would stop, since {name} is not set")
    default = nested(interpreter, word, place)
    if operator == "=":
        shell.variables[name] = default
    return default


def nested(interpreter: "Interpreter", text: str, place: Place) -> str:
    """The word behind an operator, itself expanded."""
    try:
        tokens = tokenize(text, place.line)
    except ScriptError:
        return unknown(interpreter, place, text, "the quotes in this expansion do not match")
    words = [token for token in tokens if isinstance(token, Word)]
    return " ".join(" ".join(interpreter.expand(word, place)) for word in words)


def fields_of(word: Word, arguments: tuple[str, ...], text_of: Callable[[Piece], str]) -> list[str]:
    """A word after expansion: unquoted parts are split at blanks, or vanish; "$@" is one word for each argument."""
    keeps_empty = EACH_ARGUMENT not in word.pieces  # the quotes around it make no word where there is no argument
    fields: list[str] = []
    current: str | None = None  # the field that has begun
    for piece in word.pieces:
        if piece == EACH_ARGUMENT:
            for number, argument in enumerate(arguments):
                fields += [current or ""] * (number > 0)
                current = argument if number else (current or "") + argument
            continue
        text = text_of(piece)
        if piece.is_quoted or not piece.is_expansion:
            current = (current or "") + text if text or (piece.is_quoted and keeps_empty) else current
            continue
        fields, current = split_at_blanks(fields, current, text)
    return fields if current is None else [*fields, current]


def split_at_blanks(fields: list[str], current: str | None, text: str) -> tuple[list[str], str | None]:
    """What was expanded without quotes."""
    if text[:1].isspace() and current is not None:
        fields, current = [*fields, current], None
    for number, part in enumerate(text.split()):
        if number:
            fields, current = [*fields, current or ""], None
        current = (current or "") + part
    if text[-1:].isspace() and current is not None:
        fields, current = [*fields, current], None
    return fields, current
