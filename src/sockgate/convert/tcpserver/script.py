"""A run script: the servers that it starts, and the parts of it that no unit can do."""

import os
from collections.abc import Callable

from ...host.host import Host
from ..chain.peeling import BadLink
from ..input_files import Place, Unreadable
from ..outcomes import Answer, approximated, blocked, entry_of, translated
from ..report import Entry, Report
from ..service import Service
from ..shell.evaluator import evaluate_script
from ..shell.findings import Started
from ..shell.state import State
from ..shell.syntax import ScriptError
from ..shell.worlds import World, explore
from ..starters import SERVERS, server_at, split_at_server
from .command import convert
from .command_words import OTHER_SERVERS, other_server, shown
from .forms import form_of
from .other_answers import report_questions, servers_of, told


def read(files: list[str], host: Host, report: Report) -> list[Service]:
    services = []
    for file in files:
        path = os.path.join(file, "run") if os.path.isdir(file) else file
        services += read_script(path, host, report)
    return services


def read_script(path: str, host: Host, report: Report) -> list[Service]:
    name = name_of(path)
    shell, failure = as_a_service(path, host)
    if shell.first_arguments:
        text = "read as init runs it: with the word start behind it"
        report.entries.append(entry_of(name, Place(path, 0), path, translated(text=text)))
    for doubt in shell.doubts:
        report.entries.append(entry_of(name, doubt.place, doubt.what, approximated(doubt.text)))
    if failure:
        report.entries.append(entry_of(name, failure[1], path, failure[0]))
        return []
    servers = servers_of(shell)
    for command in shell.commands:
        if command not in servers and (servers or not other_server(command.words)):
            text = "the script runs this as well, the unit does not; add ExecStartPre= to the socket if it is needed"
            report.entries.append(entry_of(name, command.place, told(command), approximated(text)))
    if not servers:
        report.entries.append(nothing_starts(shell, name, path))
    names = [name if len(servers) == 1 else f"{name}-{port_of(command)}" for command in servers]
    refused = report_questions(name, names, shell, explore(shell, again(shell, path)), report)
    converted = [
        convert(names[number], command, host, report) for number, command in enumerate(servers) if number not in refused
    ]
    return [service for service in converted if service]


def again(shell: State, path: str) -> Callable[[World], State]:
    """The same script with other answers of this host. It starts nothing if these answers make it unreadable."""
    folder = os.path.dirname(os.path.abspath(path))

    def evaluate_in(world: World) -> State:
        state = State(shell.host, folder, world=world, arguments=shell.first_arguments, trees=shell.trees)
        if evaluate(state, path):
            state.commands.clear()
        return state

    return evaluate_in


def as_a_service(path: str, host: Host) -> tuple[State, tuple[Answer, Place] | None]:
    """Run it without arguments, as a supervisor does. If that starts no server, run it as init does: `SCRIPT start`."""
    folder = os.path.dirname(os.path.abspath(path))
    shell = State(host, folder)
    failure = evaluate(shell, path)
    if failure or starts_servers(shell):
        return shell, failure
    other = State(host, folder, arguments=("start",), first_arguments=("start",))
    if evaluate(other, path) or not starts_servers(other):
        return shell, failure
    return other, None


def starts_servers(shell: State) -> bool:
    return any(server_at(command.words) is not None for command in (*shell.commands, *shell.uncertain))


def evaluate(shell: State, path: str) -> tuple[Answer, Place] | None:
    """Evaluate the script. Return the reason and its place if it cannot be read, else None."""
    try:
        evaluate_script(shell, path)
    except Unreadable as error:
        return blocked(f"unable to read {path!r}: {error}"), Place(path, 0)
    except ScriptError as error:
        return blocked(f"{error}; write the command in plain words and convert again"), Place(path, error.line)
    return None


def nothing_starts(shell: State, name: str, path: str) -> Entry:
    """Why there is nothing to convert."""
    for command in shell.commands:
        other = other_server(command.words)
        if other:
            answer = blocked(f"{other} is not converted: {OTHER_SERVERS[other]}")
            return entry_of(name, command.place, shown(command.words), answer)
    perhaps = next((command for command in shell.uncertain if server_at(command.words) is not None), None)
    if perhaps is None:
        text = f"nothing in it starts {', '.join(SERVERS[:-1])} or {SERVERS[-1]}"
        return entry_of(name, Place(path, 0), path, blocked(text))
    text = "whether this is run cannot be known; write a script without the condition and convert that"
    return entry_of(name, perhaps.place, shown(perhaps.words), blocked(text))


def name_of(path: str) -> str:
    """The name of the service: qmail-smtpd for /etc/service/qmail-smtpd/run, else the name of the file."""
    folder, _, base = os.path.abspath(path).rpartition("/")
    return folder.rpartition("/")[2] if base == "run" else base


def port_of(command: Started) -> str:
    """The port, which tells the servers of one script apart."""
    _, own = split_at_server(command.words) or ([], [*command.words])
    try:
        rest = form_of(own).take_apart(own[1:])[1]
    except BadLink:
        return "server"
    return rest[1] if len(rest) > 1 else "server"
