"""One command line of a run script: programs in front, tcpserver with its options, programs behind, the server."""

import os
from collections.abc import Iterator

from ...connection.log_choice import NONE
from ...host.host import Host
from ...units.model import Directive, Folder, Value
from ..accounts import by_setpriv
from ..assigned_ports import port_of
from ..chain.links import LINKS
from ..chain.peeling import OF_GATE, BadLink, Chain, peel
from ..directives import Directives
from ..outcomes import Answer, approximated, blocked, broken, entry_of, ignored, translated
from ..report import Report
from ..service import DATAGRAM, STREAM, Service
from ..shell.findings import Started
from ..starters import HOST_PORT_PROGRAM, SERVERS, base_name, server_at
from ..unit_names import unit_stem
from .access import access, folders, lookups, told_to_some
from .account import RunAs, run_as
from .command_words import ACCOUNT, is_known, number_of, shown
from .families import check_letters, listen_on
from .forms import Form, form_of, is_busybox, option, written
from .kept_programs import report_kept
from .options import HARMLESS, LOG_NOTHING, Listener, Options
from .secrets import hidden, keep_apart, tell_options, words_apart
from .socat import BUILTIN
from .tls import behind_stunnel

Answers = list[tuple[str, Answer]]
# These become the server. They leave a child that still copies data after the server has ended.
COPIERS = frozenset(("recordio", "fixcrio"))
# These set the variables about a client themselves, and take away what they do not know.
TELLING = frozenset(("tcpserver", "sslserver", "tcpsvd"))


def convert(name: str, command: Started, host: Host, report: Report) -> Service | None:
    """The record of one command line; None if a part of it blocks."""
    answers: Answers = []
    service = build(name, command, host, answers)
    answers = hidden(command, answers)
    report.entries += [entry_of(name, command.place, what, answer) for what, answer in answers]
    return None if any(answer.blocks for _, answer in answers) else service


def build(name: str, command: Started, host: Host, answers: Answers) -> Service | None:
    if command.waits_for:
        text = (
            f"the script starts it when the server of line {command.waits_for} has ended, and a unit would serve at "
            "once: put & behind that command if both are to serve"
        )
        answers.append((shown(command.words), blocked(text)))
        return None
    chain = Chain(host, command.folder, command.path, limits=dict(command.limits))
    chain.limits_stay = is_sslserver(command)
    if command.limits and not chain.limits_stay:
        became = (f"--rlimit {limit}={size}" for limit, size in command.limits)
        answers.append(("ulimit", translated(*became)))
    words, links = peel(chain, list(command.words), LINKS)
    answers += [("in front of the server", answer) for answer in links]
    if any(answer.blocks for answer in links):
        return None
    program = base_name(words[0]) if words else ""
    if program not in SERVERS:
        answers.append((shown(words), blocked(f"{program!r} in front of {server_of(command)} is not known")))
        return None
    form = form_of(words, is_busybox=is_busybox(chain, words[0]))
    try:
        options, rest = form.take_apart(words[1:])
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
    listener = listener_of(form, words[0], chain, options, answers)
    if len(rest) < HOST_PORT_PROGRAM:
        answers.append((shown(words), blocked(f"{program}: host, port or program is missing")))
        return None
    return record(name, command, listener, [number_of(host, word) for word in rest], answers)


def server_of(command: Started) -> str:
    """The name of the program that listens, "" for none."""
    at = server_at(command.words)
    return "" if at is None else base_name(command.words[at])


def is_sslserver(command: Started) -> bool:
    return server_of(command) == "sslserver"


def is_decisive(letter: str, value: str) -> bool:
    """Whether the value must be known. `id -u NAME` becomes User=NAME, also if there is no such account yet."""
    return letter not in HARMLESS and not (letter in "ug" and ACCOUNT.fullmatch(value))


def listener_of(form: Form, path: str, chain: Chain, options: Options, answers: Answers) -> Listener:
    """The options of the program that listens. path: as it is written."""
    program = base_name(path)
    binary = os.path.normpath(os.path.join(chain.folder, chain.host.program(path, chain.path)))
    listener = Listener(chain.host, program, chain.folder, chain, form.concurrency, binary=binary)
    if not form.looks_up:
        listener.lookup = listener.ident = False
    if not form.names_itself:
        listener.local_name = ""
    if program == "sslserver":
        listener.ident = None
        listener.socket.replace("NoDelay", "yes")  # its default, although its manual says otherwise
    listener.given = frozenset(name for name, _ in options)
    for name, value in options:
        answer = option(form, listener, name, value)
        if answer:
            answers.append((shown([written(program, name, value)]), answer))
    answers += form.finish(listener)
    return listener


def record(name: str, command: Started, listener: Listener, rest: list[str], answers: Answers) -> Service | None:
    host, chain = listener.host, listener.chain
    name_of_host, port_name, *server = rest
    check_letters(listener, answers)
    listen = listen_on(listener, name_of_host, port_name, answers)
    access(listener, answers)
    folders(listener, answers)
    lookups(listener, answers)
    inside = Chain(host, chain.folder, command.path, behind=True, keep=chain.keep, limits_stay=chain.limits_stay,
                   told=told_to_some(listener))  # fmt: skip
    server, links = peel(inside, server, LINKS)
    answers += [("in front of the program", answer) for answer in links]
    if not server:
        answers.append((shown(rest), blocked("there is no server behind these programs")))
    if listen is None or not server:
        return None
    account = run_as(host, chain, inside, (listener.user, listener.group, listener.use_uid_variables), answers)
    if account.clear_groups:
        answers[:] = [(what, by_setpriv(answer)) for what, answer in answers]
    server = numbered(host, server, answers)
    path = server_path(host, inside, server, answers)
    report_kept(server, answers)
    own, secrets = keep_apart(command, variables(command, listener, inside, answers), answers)
    kept = len(inside.keep)
    words, secret_words = words_apart(command, [*inside.keep, *server[1:]], answers)
    gate = chain.gate + inside.gate
    tell_options(command, gate, answers)
    service = Service(
        name=unit_stem(name), old_name=name, place=command.place, listens=(listen,),
        wait=listen.kind == DATAGRAM, ipv6_only=(listener.ipv6_only or "both") if listen.is_ipv6 else "",
        command=(*words[:kept], path, *words[kept:]), argv0=inside.argv0 or name_of(inside, server, path),
        user=account.user, group=account.group, clear_groups=account.clear_groups,
        limits=tuple({**chain.limits, **inside.limits}.items()),
        environment=tuple(own.items()), secrets=tuple({**secrets, **secret_words}.items()), pass_env=chain.pass_env,
        log=log_of(command, listener, answers), rules=listener.rules_text or inside.rules_text,
        gate=tuple(gate), needs_gate=listen.kind == STREAM, socket=(*listener.socket, *inside.socket),
        directives=(*directives(command, chain, inside, server, answers), *own_directives(listener, account, server)),
        max_connections=listener.concurrency, max_per_source=listener.per_source,
        resident=listener.resident, resident_because=because(listener),
    )  # fmt: skip
    if not is_sslserver(command):
        return service
    given = {**({} if chain.cleared else command.exported), **chain.environment, **chain.in_folders}
    return behind_stunnel(service, listener, given, inside.argv0, answers)


def log_of(command: Started, listener: Listener, answers: Answers) -> tuple[tuple[str, str], ...]:
    """The gate's options for its records. Where standard error went nowhere, no line about a client was kept."""
    if not command.is_silent:
        return listener.log
    text = "the server's own messages went nowhere, too, and are in the journal now"
    answers.append(("2> /dev/null", approximated(text, LOG_NOTHING)))
    return (("--log", NONE),)


def because(listener: Listener) -> str:
    """Why the service is served by one process for all clients."""
    text = f"{listener.program} was one process for all clients, too"
    waits = listener.concurrency is not None and not listener.resident
    return f"{text}, and let them wait above its limit" if waits else text


def own_directives(listener: Listener, account: RunAs, server: list[str]) -> Iterator[tuple[str, Value]]:
    """What follows from the program that listened."""
    if listener.program == "udpsvd":
        yield "StandardOutput", "journal"  # it made descriptor 1 of the server the log
    if server[0] == BUILTIN and not account.user:
        yield "DynamicUser", "yes"


def directives(
    command: Started, chain: Chain, inside: Chain, server: list[str], answers: Answers
) -> list[tuple[str, Value]]:
    found = Directives({**dict(chain.directives), **dict(inside.directives)}.items())
    copier = next((word for word in server if word.rpartition("/")[2] in COPIERS), None)
    if copier:
        became = found.replace("ExitType", "cgroup")
        answers.append((copier, translated(became, text="it copies what the server said after its end")))
    if command.umask:
        answers.append(("umask", translated(found.replace("UMask", command.umask))))
    return [*found, ("WorkingDirectory", Folder(inside.folder, optional=True))]


def variables(command: Started, listener: Listener, inside: Chain, answers: Answers) -> dict[str, str]:
    """The variables that the script exports, and those that env(1) and others set."""
    host, chain = listener.host, listener.chain
    exported = {} if chain.cleared else command.exported
    in_front = {**exported, **chain.environment}
    if listener.program in TELLING:
        for name in filter(OF_GATE.match, list(in_front)):
            text = f"the gate alone says this of a client, as {listener.program} did"
            answers.append((f"{'export' if name in exported else 'env'} {name}", ignored(text)))
            del in_front[name]
    known = {}
    for name, value in {**in_front, **inside.environment, **listener.variables}.items():
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
    if server[0] == BUILTIN:
        return ""
    return server[0] if server[0] != path and not inside.keep else ""


def numbered(host: Host, server: list[str], answers: Answers) -> list[str]:
    """The server; of a redirection with the number of its port, since sockgate-builtin reads no services(5)."""
    if server[0] != BUILTIN:
        return server
    number, answer = port_of(host, server[-1], "tcp")
    if answer is not None:
        answers.append((shown(server[1:]), answer))
    return server if number is None else [*server[:-1], str(number)]


def server_path(host: Host, inside: Chain, server: list[str], answers: Answers) -> str:
    if server[0] == BUILTIN:
        path = f"{host.programs}/{BUILTIN}"
        answers.append((shown(server[1:]), translated(" ".join(server))))
        return path
    path = host.program(server[0], inside.path)
    if "/" in server[0] and not path.startswith("/"):
        path = os.path.normpath(f"{inside.folder}/{path}")
    if host.is_executable(path):
        answers.append((shown(server), translated(Directive("ExecStart", path))))
    else:
        text = f"{path!r} cannot be executed on this machine"
        answers.append((shown(server), broken(text, Directive("ExecStart", path))))
    return path
