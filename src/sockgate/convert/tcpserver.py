"""Run scripts of daemontools and runit that end in tcpserver, sslserver or tcpsvd."""

import os
import re

from .answer import Answer, approximated, blocked, entry_of, translated
from .chain import LINKS, BadLink, Chain, flags_of, peel
from .machine import Machine
from .names import unit_stem
from .report import Report
from .service import STREAM, Listen, Service
from .shell.interpreter import Shell
from .shell.state import Command
from .shell.tokens import ACCOUNT_MARK, UNKNOWN, ScriptError
from .source import Place, Unreadable
from .tcpserver_options import (
    DEFAULT_CONCURRENCY,
    HARMLESS,
    WITH_VALUE,
    WITHOUT_VALUE,
    Listener,
    access,
    lookups,
    option,
    user_of,
)  # fmt: skip

SERVERS = frozenset(("tcpserver", "sslserver", "tcpsvd"))


def read(files: list[str], machine: Machine, report: Report) -> list[Service]:
    services = []
    for file in files:
        path = os.path.join(file, "run") if os.path.isdir(file) else file
        service = read_script(path, machine, report)
        if service:
            services.append(service)
    return services


def read_script(path: str, machine: Machine, report: Report) -> Service | None:
    name = name_of(path)
    shell = Shell(machine, os.path.dirname(os.path.abspath(path)))
    failure = None
    try:
        shell.run_file(path)
    except Unreadable as error:
        failure = blocked(f"unable to read {path!r}: {error}"), Place(path, 0)
    except ScriptError as error:
        failure = blocked(f"{error}; write the command in plain words and convert again"), Place(path, error.line)
    for doubt in shell.doubts:
        report.entries.append(entry_of(name, doubt.place, doubt.what, approximated(doubt.text)))
    if failure:
        report.entries.append(entry_of(name, failure[1], path, failure[0]))
        return None
    for command in shell.commands[:-1]:
        if not starts_a_server(command):
            text = "the script runs this first, the unit does not; add ExecStartPre= to the socket if it is needed"
            report.entries.append(entry_of(name, command.place, shown(command.words), approximated(text)))
    found = next((command for command in shell.commands if starts_a_server(command)), None)
    if found is None:
        text = "nothing in it starts tcpserver, sslserver or tcpsvd"
        report.entries.append(entry_of(name, Place(path, 0), path, blocked(text)))
        return None
    return convert(name, found, shell, report)


def account_names(words: tuple[str, ...]) -> list[str]:
    """With the user of `-u $(id -u NAME)` by name, and its own group left to User=."""
    users = {word[2:-1] for word in words if word.startswith(f"{ACCOUNT_MARK}u")}
    named: list[str] = []
    for word in words:
        if word.startswith(ACCOUNT_MARK) and named and named[-1] == "-u":
            word = word[2:-1]
        elif word.startswith(f"{ACCOUNT_MARK}g") and named and named[-1] == "-g" and word[2:-1] in users:
            named.pop()
            continue
        named.append(word)
    return named


def number_of(machine: Machine, word: str) -> str:
    """With `id -u NAME` as a number, if this machine knows it."""

    def number(match: re.Match[str]) -> str:
        account = machine.user(match[2])
        return match[0] if account is None else str(account.pw_uid if match[1] == "u" else account.pw_gid)

    return re.sub(f"{ACCOUNT_MARK}([ug])([^{ACCOUNT_MARK}]*){ACCOUNT_MARK}", number, word)


def name_of(path: str) -> str:
    """/etc/service/qmail-smtpd/run is qmail-smtpd; a run script under another name is itself."""
    folder, _, base = os.path.abspath(path).rpartition("/")
    return folder.rpartition("/")[2] if base == "run" else base


def starts_a_server(command: Command) -> bool:
    return any(word.rpartition("/")[2] in SERVERS for word in command.words)


def shown(words: tuple[str, ...] | list[str]) -> str:
    text = re.sub(f"{ACCOUNT_MARK}([ug])([^{ACCOUNT_MARK}]*){ACCOUNT_MARK}", r"`id -\1 \2`", " ".join(words))
    return text.replace(UNKNOWN, "?")


def convert(name: str, command: Command, shell: Shell, report: Report) -> Service | None:
    """The record of one command line; None if a part of it blocks."""
    answers: list[tuple[str, Answer]] = []
    service = build(name, command, shell, answers)
    report.entries += [entry_of(name, command.place, what, answer) for what, answer in answers]
    return None if any(answer.blocks for _, answer in answers) else service


def build(name: str, command: Command, shell: Shell, answers: list[tuple[str, Answer]]) -> Service | None:
    chain = Chain(shell.machine, shell.folder)
    words, link_answers = peel(chain, account_names(command.words))
    answers += [("before the server", answer) for answer in link_answers]
    program = words[0].rpartition("/")[2] if words else ""
    if program not in SERVERS or any(answer.blocks for answer in link_answers):
        if not any(answer.blocks for answer in link_answers):
            answers.append((shown(words), blocked(f"{program!r} in front of tcpserver is not known")))
        return None
    listener = Listener(shell.machine, shell.folder, chain, command.exported, DEFAULT_CONCURRENCY[program])
    try:
        options, rest = flags_of(words[1:], WITH_VALUE[program], WITHOUT_VALUE[program])
    except BadLink as error:
        answers.append((shown(words), blocked(f"{program}: {error}")))
        return None
    taken = [*command.words[: len(command.words) - len(words)], *rest]
    taken += [value for letter, value in options if letter not in HARMLESS]
    unknown = next((word for word in taken if UNKNOWN in word or ACCOUNT_MARK in number_of(shell.machine, word)), None)
    if unknown:
        text = f"the word {shown([unknown])!r} cannot be known without running the script; write its value out"
        answers.append((shown(command.words), blocked(text)))
        return None
    rest = [number_of(shell.machine, word) for word in rest]
    if program == "sslserver":
        answers.append((program, tls(options)))
    for letter, value in options:
        answers.append((shown([f"-{letter} {value}".rstrip()]), option(listener, letter, value)))
    if len(rest) < 3:
        answers.append((shown(words), blocked(f"{program}: host, port or program is missing")))
        return None
    return record(name, command, listener, rest, answers)


def tls(options: list[tuple[str, str]]) -> Answer:
    """sslserver -n and UCSPI-TLS leave the start of TLS to the server; anything else is TLS from the first byte."""
    return blocked(
        "TLS is not the gate's: put a TLS program in front of it that tells the client's address (stunnel or haproxy "
        "with the PROXY protocol, and --proxy-protocol here), or let the server speak TLS, and convert with tcpserver "
        "in place of sslserver"
    )


def record(
    name: str, command: Command, listener: Listener, rest: list[str], answers: list[tuple[str, Answer]]
) -> Service | None:
    host, port_name, *server = rest
    chain = listener.chain
    listen = listen_on(listener, host, port_name, answers)
    access(listener, answers)
    lookups(listener, answers)
    inside = Chain(listener.machine, listener.folder)
    server, more = peel(inside, server, {**LINKS})
    answers += [("in front of the server", answer) for answer in more]
    if not server:
        answers.append((shown(rest), blocked("there is no server behind these programs")))
    if listen is None or not server:
        return None
    user, group = chosen_account(listener, chain, inside, answers)
    clear_groups = further_groups(listener.machine, user, answers)
    group = group or (primary_group(listener.machine, user) if clear_groups else "")
    path = listener.machine.program(server[0])
    if "/" in server[0] and not path.startswith("/"):
        path = os.path.normpath(f"{listener.folder}/{path}")
    answers.append((shown(server), program_answer(listener, path)))
    return Service(
        name=unit_stem(name), place=command.place, listens=(listen,), ipv6_only="both" if listen.is_ipv6 else "",
        command=(*chain.keep, *inside.keep, path, *server[1:]), argv0=inside.argv0, user=user, group=group,
        clear_groups=clear_groups,
        limits=tuple({**chain.limits, **inside.limits}.items()),
        environment=known_variables(listener, inside, answers),
        pass_env=inside.pass_env if inside.pass_env is not None else chain.pass_env,
        gate=tuple(chain.gate + inside.gate), needs_gate=True, socket=tuple(listener.socket),
        directives=(
            *chain.directives, *inside.directives, ("WorkingDirectory", "-" + listener.folder.replace("%", "%%")),
        ),
        max_connections=listener.concurrency, max_per_source=listener.per_source,
    )  # fmt: skip


def known_variables(
    listener: Listener, inside: Chain, answers: list[tuple[str, Answer]]
) -> tuple[tuple[str, str], ...]:
    """What the script exports, and what env(1) sets in the chain."""
    variables = {**listener.environment, **listener.chain.environment, **inside.environment}
    for name, value in list(variables.items()):
        variables[name] = number_of(listener.machine, value)
        if UNKNOWN in value or ACCOUNT_MARK in variables[name]:
            del variables[name]
            answers.append((f"export {name}", approximated("its value cannot be known without running it; set it "
                                                           "with --env")))  # fmt: skip
    return tuple(variables.items())


def primary_group(machine: Machine, user: str) -> str:
    account = machine.user(user)
    return str(account.pw_gid) if account else ""


def further_groups(machine: Machine, user: str, answers: list[tuple[str, Answer]]) -> bool:
    """tcpserver -g and setuidgid leave the server one group; User= would add the user's others."""
    account = machine.user(user) if user else None
    further = machine.further_groups(account) if account else []
    if further:
        answers.append((user, translated("setpriv --clear-groups", text=f"without the groups {' '.join(further)}")))
    return bool(further)


def program_answer(listener: Listener, path: str) -> Answer:
    if listener.machine.is_executable(path):
        return translated(f"ExecStart={path}")
    return approximated(f"{path!r} cannot be executed on this machine", f"ExecStart={path}")


def listen_on(listener: Listener, host: str, port_name: str, answers: list[tuple[str, Answer]]) -> Listen | None:
    """0 and an empty host stand for every IPv4 address, :0 and :: for IPv6 as well."""
    number = int(port_name) if port_name.isascii() and port_name.isdigit() else listener.machine.port(port_name, "tcp")
    what = f"{host} {port_name}"
    if number is None or not 0 < number < 65536:
        answers.append((what, blocked(f"{port_name!r} is neither a port nor in /etc/services")))
        return None
    if host in (":0", "::", ":::"):
        address = str(number)
    elif host in ("", "0", "0.0.0.0"):  # noqa: S104  # what the old command line says
        address = f"0.0.0.0:{number}"
    else:
        found = listener.machine.address(host, 0)
        if found is None:
            answers.append((what, blocked(f"the host {host!r} cannot be resolved here")))
            return None
        address = f"[{found}]:{number}" if ":" in found else f"{found}:{number}"
    answers.append((what, translated(f"ListenStream={address}")))
    return Listen(STREAM, address)


def chosen_account(
    listener: Listener, chain: Chain, inside: Chain, answers: list[tuple[str, Answer]]
) -> tuple[str, str]:
    """The last change of user counts: setuidgid behind tcpserver, its own -u and -g, or setuidgid in front."""
    if inside.user or (chain.user and not (listener.user or listener.use_uid_variables)):
        source = inside if inside.user else chain
        found, _ = user_of(listener.machine, source.user)
        return found.user, source.group or found.group
    if listener.use_uid_variables and chain.uid_variables:
        found, _ = user_of(listener.machine, chain.uid_variables)
        return found.user, found.group
    if listener.use_uid_variables:
        answers.append(("-U", blocked("$UID and $GID are not set by envuidgid in front of it; write -u and -g")))
    return listener.user, listener.group
