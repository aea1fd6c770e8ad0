"""The commands of a script that change its own state, and test(1)."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..source import Place, Unreadable
from .tokens import UNKNOWN, ScriptError

if TYPE_CHECKING:
    from .interpreter import Interpreter

Builtin = Callable[["Interpreter", list[str], dict[str, str], Place], "bool | None"]


def export(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool:
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            interpreter.shell.variables[name] = value
        interpreter.shell.exported.add(name)
    return True


def unset(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool:
    for word in words:
        interpreter.shell.variables.pop(word, None)
        interpreter.shell.exported.discard(word)
    return True


def source(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
    """`. FILE`: evaluated in place."""
    shell = interpreter.shell
    if len(words) != 1 or UNKNOWN in words[0]:
        shell.doubt(place, " ".join([".", *words]), "which file this is cannot be known")
        return None
    try:
        shell.run_file(shell.path_of(words[0]))
    except Unreadable as error:
        shell.doubt(place, f". {words[0]}", f"unable to read {words[0]!r}: {error}; what it sets is missing")
        return None
    except ScriptError as error:
        shell.doubt(place, f". {words[0]}", f"{words[0]}:{error.line}: {error}; what it sets after that is missing")
        return None
    return True


def exec_(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
    """`exec PROGRAM` ends the script; without a program it only redirects."""
    if words:
        interpreter.start(words, assigned, place)
        interpreter.shell.done = True
    return None


def exit_(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
    """At the end it ends the script. In a branch it is a guard: the unit has no such check."""
    if interpreter.depth == 0:
        interpreter.shell.done = True
    else:
        interpreter.shell.doubt(place, "exit", "the script would stop here on this machine; the unit does not look")
    return None


def eval_(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> None:
    interpreter.shell.doubt(place, "eval", "eval is not evaluated; the variables that it sets are missing")


def set_(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool:
    if words == ["-a"]:
        interpreter.shell.export_all = True
    return True


def nothing(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool:
    """Without a bearing on what is started."""
    return True


def folder(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
    if len(words) == 1 and UNKNOWN not in words[0]:
        interpreter.shell.folder = interpreter.shell.path_of(words[0])
        return True
    interpreter.shell.doubt(place, "cd", "where this leads cannot be known")
    return None


def test(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
    """[ and test: what can be known of files and strings."""
    if words and words[-1] in ("]", "]]"):
        words = words[:-1]
    for operator, combine in (("-o", any), ("-a", all)):
        if operator in words:
            parts = split_at(words, operator)
            results = [test(interpreter, part, assigned, place) for part in parts]
            return None if None in results else combine(bool(result) for result in results)
    if words[:1] == ["!"]:
        result = test(interpreter, words[1:], assigned, place)
        return None if result is None else not result
    if any(UNKNOWN in word for word in words):
        return None
    return evaluate(interpreter, words)


def split_at(words: list[str], mark: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word == mark:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


FILE_TESTS: dict[str, Callable[[str], bool]] = {
    "-e": os.path.exists,
    "-f": os.path.isfile,
    "-d": os.path.isdir,
    "-x": lambda path: os.access(path, os.X_OK),
    "-r": lambda path: os.access(path, os.R_OK),
    "-s": lambda path: os.path.exists(path) and os.path.getsize(path) > 0,
}


def evaluate(interpreter: "Interpreter", words: list[str]) -> bool | None:
    match words:
        case ["-z", text]:
            return not text
        case ["-n", text] | [text]:
            return bool(text)
        case [operator, path] if operator in FILE_TESTS:
            try:
                return FILE_TESTS[operator](interpreter.shell.path_of(path))
            except ValueError:
                return None
        case [left, "=" | "==", right]:
            return left == right
        case [left, "!=", right]:
            return left != right
        case [] | ["-n" | "-z"]:
            return False
    return None


BUILTINS: dict[str, Builtin] = {
    "export": export,
    "unset": unset,
    ".": source,
    "source": source,
    "exec": exec_,
    "exit": exit_,
    "eval": eval_,
    "set": set_,
    "cd": folder,
    "[": test,
    "[[": test,
    "test": test,
    ":": nothing,
    "true": nothing,
    "echo": nothing,
    "umask": nothing,
    "printf": nothing,
}
