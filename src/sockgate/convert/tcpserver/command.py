"""One command line of a run script: programs in front, tcpserver with its options, programs behind, the server."""

import os

from ...host.host import Host
from ...units.model import Folder, Value
from ..accounts import by_setpriv
from ..chain.links import LINKS
from ..chain.peeling import BadLink, Chain, flags_of, peel
from ..outcomes import Answer, approximated, blocked, broken, entry_of, translated
from ..report import Report
from ..service import Service
from ..shell.findings import Started
from ..unit_names import unit_stem
from .access import access, folders, lookups
from .account import run_as
from .command_words import ACCOUNT, HOST_PORT_PROGRAM, SERVERS, is_known, number_of, server_at, shown
from .families import check_letters, listen_on
from .kept_programs import report_kept
from .options import DEFAULT_CONCURRENCY, HARMLESS, WITH_VALUE, WITHOUT_VALUE, Listener, limit_of, option
from .secrets import hidden, keep_apart, tell_options, words_apart
from .tls import behind_stunnel

Answers = list[tuple[str, Answer]]
# These become the server. They leave a child that still copies data after the server has ended.
COPIERS = frozenset(("recordio", "fixcrio"))


def convert(name: str, command: Started, host: Host, report: Report) -> Service | None:
    """The record of one command line; None if a part of it blocks."""
    answers: Answers = []
    service = build(name, command, host, answers)
    answers = hidden(command, answers)
    report.entries += [entry_of(name, command.place, what, answer) for what, answer in answers]
    return None if any(answer.blocks for _, answer in answers) else service


def build(name: str, command: Started, host: Host, answers: Answers) -> Service | None:
    chain = Chain(host, command.folder, command.path, limits=dict(command.limits))
    chain.limits_stay = is_sslserver(command)
    if command.limits and not chain.limits_stay:
        became = (f"--rlimit {limit}={size}" for limit, size in command.limits)
        answers.append(("ulimit", translated(*became)))
    words, links = peel(chain, list(command.words), LINKS)
    answers += [("in front of the server", answer) for answer in links]
    if any(answer.blocks for answer in links):
        return None
    program = words[0].rpartition("/")[2] if words else ""
    if program not in SERVERS:
        answers.append((shown(words), blocked(f"{program!r} in front of tcpserver is not known")))
        return None
    try:
        options, rest = flags_of(words[1:], WITH_VALUE[program], WITHOUT_VALUE[program])
    except BadLink as error:
        answers.append((shown(words), blocked(f"{program}: {error}")))
        return None
    front = list(command.words[: len(command.words) - len(words)])
    decisive = [*front, *rest, *(value for letter, value in options if is_decisive(letter, value))]
    unknown = next((word for word in decisive if not is_known(host, word)), None)
    if unknown is not None:
        text = f"the word {shown([unknown])!r} cannot be known without running the script; write its value out"
        answers.append((shown(command.words), blocked(text)))
        return None
    listener = listener_of(words[0], chain, options, answers)
    if len(rest) < HOST_PORT_PROGRAM:
        answers.append((shown(words), blocked(f"{program}: host, port or program is missing")))
        return None
    return record(name, command, listener, [number_of(host, word) for word in rest], answers)


def is_sslserver(command: Started) -> bool:
    at = server_at(command.words)
    return at is not None and command.words[at].rpartition("/")[2] == "sslserver"


def is_decisive(letter: str, value: str) -> bool:
    """Whether the value must be known. `id -u NAME` becomes User=NAME, also if there is no such account yet."""
    return letter not in HARMLESS and not (letter in "ug" and ACCOUNT.fullmatch(value))


def listener_of(path: str, chain: Chain, options: list[tuple[str, str]], answers: Answers) -> Listener:
    """The options of tcpserver. path: as it is written."""
    program = path.rpartition("/")[2]
    binary = os.path.normpath(os.path.join(chain.folder, chain.host.program(path, chain.path)))
    listener = Listener(chain.host, program, chain.folder, chain, DEFAULT_CONCURRENCY[program], binary=binary)
    if program == "tcpsvd":
        listener.lookup = listener.ident = False
    if program == "sslserver":
        listener.ident = None
        listener.socket = [("NoDelay", "yes")]  # its default, although its manual says otherwise
    for letter, value in options:
        answer = option(listener, letter, value)
        if answer:
            answers.append((shown([f"-{letter} {value}".rstrip()]), answer))
    if not any(letter == "c" for letter, _ in options):
        answers.append(("without -c", limit_of(listener, f"{listener.concurrency} is its default")))
    return listener


def record(name: str, command: Started, listener: Listener, rest: list[str], answers: Answers) -> Service | None:
    host, chain = listener.host, listener.chain
    name_of_host, port_name, *server = rest
    check_letters(listener, answers)
    listen = listen_on(listener, name_of_host, port_name, answers)
    access(listener, answers)
    folders(listener, answers)
    lookups(listener, answers)
    inside = Chain(host, chain.folder, command.path, behind=True, keep=chain.keep, limits_stay=chain.limits_stay)
    server, links = peel(inside, server, LINKS)
    answers += [("in front of the program", answer) for answer in links]
    if not server:
        answers.append((shown(rest), blocked("there is no server behind these programs")))
    if listen is None or not server:
        return None
    account = run_as(host, chain, inside, (listener.user, listener.group, listener.use_uid_variables), answers)
    if account.clear_groups:
        answers[:] = [(what, by_setpriv(answer)) for what, answer in answers]
    path = server_path(host, inside, server, answers)
    report_kept(server, answers)
    own, secrets = keep_apart(command, variables(command, listener, inside, answers), answers)
    words, secret_words = words_apart(command, server[1:], answers)
    gate = chain.gate + inside.gate
    tell_options(command, gate, answers)
    service = Service(
        name=unit_stem(name), old_name=name, place=command.place, listens=(listen,),
        ipv6_only="both" if listen.is_ipv6 else "",
        command=(*inside.keep, path, *words), argv0=inside.argv0 or name_of(inside, server, path),
        user=account.user, group=account.group, clear_groups=account.clear_groups,
        limits=tuple({**chain.limits, **inside.limits}.items()),
        environment=tuple(own.items()), secrets=tuple({**secrets, **secret_words}.items()), pass_env=chain.pass_env,
        gate=tuple(gate), needs_gate=True, socket=tuple(listener.socket),
        directives=tuple(directives(command, chain, inside, server, answers)),
        max_connections=listener.concurrency, max_per_source=listener.per_source,
        resident_because=f"{listener.program} was one process for all clients, too, and let them wait above its limit",
    )  # fmt: skip
    if not is_sslserver(command):
        return service
    given = {**({} if chain.cleared else command.exported), **chain.environment, **chain.in_folders}
    return behind_stunnel(service, listener, given, inside.argv0, answers)


def directives(
    command: Started, chain: Chain, inside: Chain, server: list[str], answers: Answers
) -> list[tuple[str, Value]]:
    found: dict[str, Value] = {**dict(chain.directives), **dict(inside.directives)}
    copier = next((word for word in server if word.rpartition("/")[2] in COPIERS), None)
    if copier:
        found["ExitType"] = "cgroup"
        answers.append((copier, translated("ExitType=cgroup", text="it copies what the server said after its end")))
    if command.umask:
        found["UMask"] = command.umask
        answers.append(("umask", translated(f"UMask={command.umask}")))
    return [*found.items(), ("WorkingDirectory", Folder(inside.folder, optional=True))]


def variables(command: Started, listener: Listener, inside: Chain, answers: Answers) -> dict[str, str]:
    """The variables that the script exports, and those that env(1) and others set."""
    host, chain = listener.host, listener.chain
    exported = {} if chain.cleared else command.exported
    known = {}
    for name, value in {**exported, **chain.environment, **inside.environment, **listener.variables}.items():
        if not is_known(host, value):
            text = "its value cannot be known without running it; set it with --env"
            answers.append((f"export {name}", approximated(text)))
            continue
        known[name] = number_of(host, value)
        if name in exported:
            answers.append((f"export {name}", translated(f"--env {name}={known[name]}")))
    return known


def name_of(inside: Chain, server: list[str], path: str) -> str:
    """The old argv[0], if the converter had to find the path."""
    return server[0] if server[0] != path and not inside.keep else ""


def server_path(host: Host, inside: Chain, server: list[str], answers: Answers) -> str:
    path = host.program(server[0], inside.path)
    if "/" in server[0] and not path.startswith("/"):
        path = os.path.normpath(f"{inside.folder}/{path}")
    if host.is_executable(path):
        answers.append((shown(server), translated(f"ExecStart={path}")))
    else:
        text = f"{path!r} cannot be executed on this machine"
        answers.append((shown(server), broken(text, f"ExecStart={path}")))
    return path
