"""What a script starts: programs, and shells with a script of their own behind -c."""

import re
from collections.abc import Sequence
from dataclasses import replace

from ..input_files import UNKNOWN, Place
from ..starters import DAEMON_STARTER, SERVERS, base_name, names_a_server, server_at
from .assignment import ASSIGNMENT
from .findings import NO_KEYS, Question, Started, is_secret
from .interpreters import known_dialect
from .runner import Call, Runner
from .state import State
from .syntax import Dialect, Word

SHELLS = frozenset(("sh", "bash", "dash", "ksh"))
ENVDIRS = ("envdir", "s6-envdir")


def start(runner: Runner, call: Call) -> None:
    """A program that the script starts; a shell with -c, and su with it, are read as well."""
    found = script_of_su(call.words) or script_of_shell(call.words)
    state = runner.state
    if found is None:
        state.commands.append(started_by(state, call))
        if server_at(call.words) is not None and base_name(call.words[0]) != DAEMON_STARTER:
            state.waits_for = state.waits_for or call.place.line
        return
    in_front, shell, script = found
    before = len(state.commands)
    read_folders(runner, in_front, call.place)
    for word in in_front:
        if ASSIGNMENT.match(word):
            name, _, value = word.partition("=")
            state.assign(name, value, call.all_keys, call.place)
    runner.run_text(script, call.place.line, dialect_behind(state, in_front, shell, call.place.line))
    keys = [NO_KEYS] * len(in_front)
    for number, command in enumerate(state.commands[before:], before):
        state.commands[number] = replace(command, words=(*in_front, *command.words), keys=(*keys, *command.keys))


def started_by(state: State, call: Call) -> Started:
    """A program with what it inherits."""
    path = state.variables.get("PATH", "")
    exported = state.environment()
    keys = {name: state.keys.get(name, NO_KEYS) for name in exported} | call.assigned_keys
    return Started(
        tuple(call.words), call.place, exported | call.assigned, state.folder, tuple(state.limits.items()), state.umask,
        "" if UNKNOWN in path else path, tuple(call.keys), keys, state.other_keys,
        state.secret_keys, is_silent="2" in call.silent, waits_for=state.waits_for,
    )  # fmt: skip


def dialect_behind(state: State, in_front: list[str], shell: str, line: int) -> Dialect:
    """That of the shell, or of the login shell of su's account. Raises ScriptError.

    su starts nothing for an account whose shell is nologin or false.
    """
    what = repr(base_name(shell))
    if not shell:
        name = in_front[-1] if in_front else "root"
        account = state.host.user(name)
        shell = (account.pw_shell if account else "") or "sh"
        what = f"{base_name(shell)!r}, the shell of {name!r},"
    return known_dialect(shell, state.host.posix_shell, line, what)


def read_folders(runner: Runner, words: list[str], place: Place) -> None:
    """What envdir in front of the shell gives it."""
    state = runner.state
    for at, word in enumerate(words[:-1]):
        if base_name(word) in ENVDIRS:
            variables = state.read_envdir(words[at + 1])
            if variables is None:
                state.doubt(place, f"{word} {words[at + 1]}", "it cannot be read here; what it sets is not known")
                state.more_set = True
            for name, value in (variables or {}).items():
                state.forget(name)
                if value is not None:
                    state.assign(name, value, frozenset((read_from(state, place, words[at + 1], name),)), place)


def read_from(state: State, place: Place, folder: str, name: str) -> str:
    """The key of the question that reads one file of an envdir."""
    path = f"{state.path_of(folder)}/{name}"
    question = Question(f"contents {path}", place, f"envdir {folder}", "it can be read", 0, path, is_secret(path))
    state.ask(question, here=True)
    return question.key


def script_of_shell(words: list[str]) -> tuple[list[str], str, str] | None:
    """`sh -c TEXT` among these words: (what stands in front, sh, TEXT). Behind a server it is the server's."""
    for at in range(len(words) - 2):
        if base_name(words[at]) in SERVERS:
            return None
        if base_name(words[at]) in SHELLS and words[at + 1] == "-c" and UNKNOWN not in words[at + 2]:
            return words[:at], words[at], words[at + 2]
    return None


def script_of_su(words: list[str]) -> tuple[list[str], str, str] | None:
    """`su [-] [-s SHELL] USER -c TEXT`, with the options in any order: (su USER, SHELL, TEXT).

    SHELL is "" for that of the account. With -m or -p it is $SHELL, which is not known here.
    """
    if not words or base_name(words[0]) != "su" or "-c" not in words[:-1]:
        return None
    rest = list(words[1:])
    at = rest.index("-c")
    script = rest[at + 1]
    del rest[at : at + 2]
    keeps = not {"-m", "-p", "--preserve-environment"}.isdisjoint(rest)
    shell = next((word[2:] for word in rest if re.match("-s.", word)), "sh" if keeps else "")
    if "-s" in rest[:-1]:
        at = rest.index("-s")
        shell = rest[at + 1]
        del rest[at : at + 2]
    users = [word for word in rest if not word.startswith("-")]
    if len(users) > 1 or UNKNOWN in script:
        return None
    return (["su", users[0]] if users else []), shell, script


def starts_a_server(words: Sequence[Word]) -> bool:
    """Whether one of them is a server, and a pipeline takes its output to a logger."""
    return names_a_server([word.text for word in words])
