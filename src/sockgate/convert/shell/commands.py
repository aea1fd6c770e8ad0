"""The commands of a script that change its own state, and test(1)."""

import operator
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..input_files import Place, Unreadable
from .starting import names_a_server, start
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
        shell.more_set = True
        return None
    try:
        shell.run_file(shell.path_of(words[0]))
    except Unreadable as error:
        shell.doubt(place, f". {words[0]}", f"unable to read {words[0]!r}: {error}; what it sets is missing")
    except ScriptError as error:
        shell.doubt(place, f". {words[0]}", f"{words[0]}:{error.line}: {error}; what it sets after that is missing")
    else:
        return True
    shell.more_set = True
    return None


def exec_(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
    """`exec PROGRAM` ends the script; without a program it only redirects."""
    if words:
        start(interpreter, words, assigned, place)
        interpreter.shell.done = True
    return None


def exit_(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
    """At the end it ends the script. In a branch it is a guard: the unit has no such check."""
    if interpreter.depth == 0 or any(names_a_server(command.words) for command in interpreter.shell.commands):
        interpreter.shell.done = True
        return words[0] == "0" if words and UNKNOWN not in words[0] else None
    else:
        interpreter.shell.doubt(place, "exit", "the script would stop here on this machine; the unit does not look")
    return None


def eval_(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
    """What the words say is run as a text of its own, if all of it is known."""
    text = " ".join(words)
    if UNKNOWN in text:
        interpreter.shell.doubt(place, "eval", "what it runs cannot be known; variables that it sets are not known")
        interpreter.shell.more_set = True
        return None
    interpreter.shell.run_text(text, interpreter.file, place.line)
    return interpreter.shell.status


def set_(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool:
    """set -a, and set -- WORDS; the other options change nothing here."""
    if words == ["-a"]:
        interpreter.shell.export_all = True
    elif words[:1] == ["--"]:
        interpreter.shell.arguments = tuple(words[1:])
    return True


def shift(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool:
    count = int(words[0]) if words and re.fullmatch(r"\d{1,3}", words[0], re.ASCII) else 1
    interpreter.shell.arguments = interpreter.shell.arguments[count:]
    return True


def return_(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
    """It ends the function; in a branch of which nobody knows whether it runs, perhaps."""
    interpreter.shell.returning = True
    if interpreter.shell.in_doubt:
        interpreter.shell.doubt(place, "return", "whether the function ends here cannot be known")
    if not words:
        return interpreter.shell.status
    return None if UNKNOWN in words[0] else words[0] == "0"


def declare(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool:
    """local, readonly, declare, typeset: assignments; those of a function stay when it has ended."""
    for word in words:
        name, equals, value = word.partition("=")
        if equals and not name.startswith("-"):
            interpreter.shell.variables[name] = value
            interpreter.shell.exported |= {name} if "-x" in words else set()
    return True


def read(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> None:
    """What it reads is not known."""
    interpreter.shell.variables.update({word: UNKNOWN for word in words if not word.startswith("-")})


def found(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
    """hash, type and which: whether these programs are here."""
    names = [word for word in words if not word.startswith("-")]
    if any(UNKNOWN in name for name in names):
        return None
    return all(interpreter.shell.which(name) for name in names)


def command(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
    """command -v PROGRAM asks for it, command PROGRAM runs it."""
    if words[:1] in (["-v"], ["-V"]):
        return found(interpreter, words, assigned, place)
    return interpreter.shell_command(words, assigned, place) if words else True


# ulimit's options: the name as --rlimit takes it, and the bytes of its unit (dash: blocks of 512).
ULIMITS = {
    "c": ("core", 512), "d": ("data", 1024), "f": ("fsize", 512), "l": ("memlock", 1024), "m": ("rss", 1024),
    "n": ("nofile", 1), "p": ("nproc", 1), "r": ("rtprio", 1), "s": ("stack", 1024), "t": ("cpu", 1),
    "u": ("nproc", 1), "v": ("as", 1024),
}  # fmt: skip
ULIMIT = re.compile(r"-([SH]*)([cdflmnprstuv])?([SH]*)")


def ulimit(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
    """ulimit [-SH] -X N: both limits, or the soft one with -S."""
    shown = " ".join(["ulimit", *words])
    *options, value = words or [""]
    matches = [ULIMIT.fullmatch(option) for option in options]
    letters = "".join((match[1] + match[3]) for match in matches if match)
    names = [match[2] for match in matches if match and match[2]] or ["f"]
    size = ulimit_size(value, ULIMITS[names[0]][1])
    if not all(matches) or len(names) > 1 or not size or letters.strip("S"):
        interpreter.shell.doubt(place, shown, "this limit is not known; set it with --rlimit")
        return None
    interpreter.shell.limits[ULIMITS[names[0]][0]] = f"{size}:" if "S" in letters else size
    return True


def ulimit_size(value: str, unit: int) -> str:
    if value == "unlimited":
        return "infinity"
    return str(int(value) * unit) if re.fullmatch(r"\d{1,12}", value, re.ASCII) else ""


def umask(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
    match words:
        case [value] if re.fullmatch(r"0*[0-7]{1,3}", value, re.ASCII):
            interpreter.shell.umask = value.lstrip("0").zfill(4)
            return True
    interpreter.shell.doubt(place, " ".join(["umask", *words]), "this mask is not known; set it with UMask=")
    return None


def nothing(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool:
    """Without a bearing on what is started."""
    return True


def fails(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> bool:
    return False


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
    for sign, decides in (("-o", True), ("-a", False)):
        if sign in words:
            results = [test(interpreter, part, assigned, place) for part in split_at(words, sign)]
            return decides if decides in results else None if None in results else not decides
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


NUMBER_TESTS: dict[str, Callable[[int, int], bool]] = {
    "-eq": operator.eq,
    "-ne": operator.ne,
    "-lt": operator.lt,
    "-le": operator.le,
    "-gt": operator.gt,
    "-ge": operator.ge,
}


def is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d{1,18}", text, re.ASCII) is not None


def evaluate(interpreter: "Interpreter", words: list[str]) -> bool | None:
    match words:
        case [left, sign, right] if sign in NUMBER_TESTS and is_number(left) and is_number(right):
            return NUMBER_TESTS[sign](int(left), int(right))
        case ["-z", text]:
            return not text
        case ["-n", text] | [text]:
            return bool(text)
        case [sign, path] if sign in FILE_TESTS:
            try:
                return FILE_TESTS[sign](interpreter.shell.path_of(path))
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
    "ulimit": ulimit,
    "umask": umask,
    "wait": nothing,
    "printf": nothing,
    "sleep": nothing,
    "trap": nothing,
    "false": fails,
    "shift": shift,
    "return": return_,
    "read": read,
    "hash": found,
    "type": found,
    "which": found,
    "command": command,
    "builtin": command,
    **dict.fromkeys(("local", "readonly", "declare", "typeset"), declare),
}
