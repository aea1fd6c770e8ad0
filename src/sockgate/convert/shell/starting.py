"""What a script starts: programs, and shells with a script of their own behind -c."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..input_files import Place
from .tokens import ASSIGNMENT, UNKNOWN, Word

if TYPE_CHECKING:
    from .interpreter import Interpreter

SHELLS = frozenset(("sh", "bash", "dash", "ksh"))
SERVERS = frozenset(("tcpserver", "sslserver", "tcpsvd"))
ENVDIRS = ("envdir", "s6-envdir")


def start(interpreter: "Interpreter", words: list[str], assigned: dict[str, str], place: Place) -> None:
    """A program that the script starts; a shell with -c, and su with it, are read as well."""
    found = script_of_su(words) or script_of_shell(words)
    shell = interpreter.shell
    if found is None:
        shell.commands.append(shell.command(words, assigned, place))
        return
    in_front, script = found
    before = len(shell.commands)
    read_folders(interpreter, in_front, place)
    shell.variables.update(dict(word.split("=", 1) for word in in_front if ASSIGNMENT.match(word)))
    shell.run_text(script, interpreter.file, place.line)
    for number, command in enumerate(shell.commands[before:], before):
        shell.commands[number] = replace(command, words=(*in_front, *command.words))


def read_folders(interpreter: "Interpreter", words: list[str], place: Place) -> None:
    """What envdir in front of the shell gives it."""
    shell = interpreter.shell
    for at, word in enumerate(words[:-1]):
        if word.rpartition("/")[2] in ENVDIRS:
            variables = shell.read_envdir(words[at + 1])
            if variables is None:
                shell.doubt(place, f"{word} {words[at + 1]}", "it cannot be read here; what it sets is not known")
                shell.more_set = True
            for name, value in (variables or {}).items():
                shell.variables.pop(name, None)
                shell.variables.update({} if value is None else {name: value})


def script_of_shell(words: list[str]) -> tuple[list[str], str] | None:
    """`sh -c TEXT` among these words: (what stands in front of it, TEXT). Behind a server it is the server's."""
    for at in range(len(words) - 2):
        if words[at].rpartition("/")[2] in SERVERS:
            return None
        if words[at].rpartition("/")[2] in SHELLS and words[at + 1] == "-c" and UNKNOWN not in words[at + 2]:
            return words[:at], words[at + 2]
    return None


def script_of_su(words: list[str]) -> tuple[list[str], str] | None:
    """`su [-] [-s SHELL] USER -c TEXT`, with the options in any order: (su USER, TEXT)."""
    if not words or words[0].rpartition("/")[2] != "su" or "-c" not in words[:-1]:
        return None
    rest = list(words[1:])
    at = rest.index("-c")
    script = rest[at + 1]
    del rest[at : at + 2]
    if "-s" in rest[:-1]:
        at = rest.index("-s")
        del rest[at : at + 2]
    users = [word for word in rest if not word.startswith("-")]
    if len(users) > 1 or UNKNOWN in script:
        return None
    return ["su", users[0]] if users else [], script


def starts_a_server(words: list[Word]) -> bool:
    """Whether one of them is a server whose output a pipeline takes to a logger."""
    return names_a_server(word.text for word in words)


def names_a_server(words: Iterable[str]) -> bool:
    return any(word.rpartition("/")[2] in SERVERS for word in words)
