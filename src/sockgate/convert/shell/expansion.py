"""Expansion of one piece of a word: parameters, and the few commands whose output can be known."""

import os
import re
from typing import TYPE_CHECKING

from ..source import Place, Unreadable, read_text
from .tokens import ACCOUNT_MARK, LITERAL, PARAMETER, UNKNOWN, Piece, ScriptError, Word, tokenize

if TYPE_CHECKING:
    from .interpreter import Interpreter

PARAMETER_FORM = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?)([-=+?])(.*))?", re.DOTALL)
HOME = re.compile(r"~([A-Za-z_][A-Za-z0-9_-]*)?(?=/|$)")


def expand(interpreter: "Interpreter", piece: Piece, place: Place) -> str:
    """The text of a piece; UNKNOWN where it cannot be known, with a doubt that says why."""
    if piece.kind == LITERAL:
        return piece.text if piece.is_quoted else home(interpreter, piece.text, place)
    if piece.kind == PARAMETER:
        return parameter(interpreter, piece.text, place)
    return substitution(interpreter, piece.text, place)


def home(interpreter: "Interpreter", text: str, place: Place) -> str:
    """~ and ~NAME at the start of a word."""
    match = HOME.match(text)
    if match is None:
        return text
    account = interpreter.shell.machine.user(match[1] or "root")
    if account is None:
        return unknown(interpreter, place, match[0], f"there is no user {match[1]!r} on this machine")
    return account.pw_dir + text[match.end() :]


def unknown(interpreter: "Interpreter", place: Place, what: str, text: str) -> str:
    interpreter.shell.doubt(place, what, text)
    return UNKNOWN


def parameter(interpreter: "Interpreter", text: str, place: Place) -> str:
    """$NAME and the forms ${NAME-x} ${NAME:-x} ${NAME=x} ${NAME+x} ${NAME?x}."""
    shell = interpreter.shell
    if text.isascii() and text.isdigit():
        number = int(text)
        return shell.arguments[number - 1] if 0 < number <= len(shell.arguments) else ""
    match = PARAMETER_FORM.fullmatch(text)
    if match is None:
        return unknown(interpreter, place, f"${{{text}}}", "this expansion is not understood")
    name, colon, operator, word = match.groups()
    value = shell.variables.get(name)
    if operator is None:
        if value is None and name in ("PATH", "HOME"):
            return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" if name == "PATH" else "/root"
        return "" if value is None else value
    if value is not None and UNKNOWN in value:
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


def substitution(interpreter: "Interpreter", text: str, place: Place) -> str:
    """`command` and $(command)."""
    try:
        tokens = tokenize(text.strip(), place.line)
    except ScriptError as error:
        return unknown(interpreter, place, f"`{text}`", str(error))
    commands: list[list[str]] = [[]]
    skip = False
    for token in tokens:
        if isinstance(token, Word):
            if not skip:
                commands[-1] += interpreter.expand(token, place)
            skip = False
        elif token.text == "|":
            commands.append([])
        elif token.is_redirection:
            skip = True
        else:
            return unknown(interpreter, place, f"`{text}`", "this command is not known, and nothing is run")
    if any(UNKNOWN in word for command in commands for word in command):
        return UNKNOWN
    output = output_of(interpreter, commands)
    if output is None:
        return unknown(interpreter, place, f"`{text.strip()}`", "the output cannot be known here, and nothing is run")
    return output.rstrip("\n")


def output_of(interpreter: "Interpreter", commands: list[list[str]]) -> str | None:
    match commands:
        case [["getent", "passwd", name], ["cut", *options]] if cut_field(options):
            account = interpreter.shell.machine.user(name.replace(ACCOUNT_MARK, ""))
            return ":".join(map(str, account)).split(":")[cut_field(options) - 1] if account else None
        case [["id", ("-u" | "-g") as which, name]]:
            return f"{ACCOUNT_MARK}{which[1]}{name}{ACCOUNT_MARK}"
        case [["cat", name]]:
            return contents(interpreter, name)
        case [["head", "-1" | "-n1", name]] | [["head", "-n", "1", name]]:
            text = contents(interpreter, name)
            return None if text is None else text.partition("\n")[0]
        case [["hostname"] | ["hostname", "-f" | "--fqdn"]]:
            return os.uname().nodename
        case [["echo", *words]] if not words or not words[0].startswith("-"):
            return " ".join(words)
        case [["pwd"]]:
            return interpreter.shell.folder
    return None


def cut_field(options: list[str]) -> int:
    text = " ".join(options).replace('"', "")
    match = re.fullmatch(r"-d ?: -f ?([1-7])", text)
    return int(match[1]) if match else 0


def contents(interpreter: "Interpreter", name: str) -> str | None:
    try:
        return read_text(interpreter.shell.path_of(name))
    except Unreadable:
        return None
