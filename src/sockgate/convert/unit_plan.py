"""From a service record to its unit files: NAME.socket with NAME@.service, or with NAME.service if it waits."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..core.errors import ConfigError
from ..units.command import format_command
from ..units.quoting import quote_word
from . import stunnel
from .input_files import printable
from .machine import Machine
from .service import Service
from .stunnel import ConfigFile

# MaxConnections= must be set, or systemd takes 64. More than this one machine hardly holds.
NO_LIMIT = 65536
POLL_LIMIT_SINCE = 255
SETPRIV = "/usr/bin/setpriv"

Directives = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class UnitFile:
    """A unit file: its name, the lines of comment on top, and its sections with their directives in order."""

    name: str
    comment: tuple[str, ...]
    sections: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

    def __str__(self) -> str:
        parts = ["".join(f"# {printable(line)}\n" for line in self.comment)]
        for section, directives in self.sections:
            parts.append(f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in directives))
        return "\n".join(parts)


def unit_files(service: Service, machine: Machine) -> tuple[UnitFile, UnitFile]:
    """The socket and the service. Raises ConfigError for words that no unit file can hold."""
    prefixed = f", with --prefix {service.prefix}" if service.prefix else ""
    place = service.origin or service.place
    comment = (f"Converted from {place} by sockgatectl{prefixed}; see sockgate-migrating(7).",)
    name = f"{service.name}.service" if service.wait else f"{service.name}@.service"
    return (
        UnitFile(
            f"{service.name}.socket",
            comment,
            (
                ("Unit", (("Description", f"{description(service)} socket"),)),
                ("Socket", tuple(socket_section(service, machine))),
                ("Install", (("WantedBy", "sockets.target"),)),
            ),
        ),
        UnitFile(
            name,
            comment,
            (("Unit", tuple(unit_section(service))), ("Service", tuple(service_section(service, machine)))),
        ),
    )


def config_files(service: Service) -> tuple[ConfigFile, ...]:
    """What the units need beside them. Raises ConfigError for words that it cannot hold."""
    if service.tls is None:
        return ()
    account = (service.user, service.group)
    origin = service.origin or service.place
    return (stunnel.config_file(service.name, origin, service.tls, account, list(service.command), service.argv0),)


def check_printable(unit: UnitFile) -> None:
    """What was not quoted must be plain text; bytes that are not UTF-8 are surrogates here. Raises ConfigError."""
    for _, directives in unit.sections:
        for key, value in directives:
            if not value.isprintable():
                raise ConfigError(f"{key}={value!r} cannot stand in a unit file")


def description(service: Service) -> str:
    return service.name.replace("%", "%%")


def socket_section(service: Service, machine: Machine) -> Directives:
    for listen in service.listens:
        yield listen.kind, listen.address
    if service.ipv6_only:
        yield "BindIPv6Only", service.ipv6_only
    if any(listen.is_addressed for listen in service.listens):
        yield "FreeBind", "yes"
    yield from service.socket
    yield "Accept", "no" if service.wait else "yes"
    if not service.wait:
        yield "MaxConnections", str(NO_LIMIT if service.max_connections is None else service.max_connections)
        if service.max_per_source is not None:
            yield "MaxConnectionsPerSource", str(service.max_per_source)
    yield from rate_limits(service, machine)


def rate_limits(service: Service, machine: Machine) -> Directives:
    """PollLimit*= slows down. TriggerLimit*= stops the socket for good, and is set only where there is nothing else.

    That is before systemd 255, for a server that takes the socket: one that crashes must not keep PID 1 busy.
    """
    starts, seconds = service.rate
    if machine.systemd < POLL_LIMIT_SINCE and service.wait and starts:
        yield "TriggerLimitIntervalSec", f"{seconds}s"
        yield "TriggerLimitBurst", str(starts)
        return
    yield "TriggerLimitIntervalSec", "0"
    if machine.systemd >= POLL_LIMIT_SINCE:
        yield "PollLimitIntervalSec", f"{seconds}s" if starts else "0"
        if starts:
            yield "PollLimitBurst", str(starts)


def unit_section(service: Service) -> Directives:
    if service.wait:
        yield "Description", f"{description(service)} server"
        yield "StartLimitIntervalSec", "0"  # the limit is the socket's
    else:
        yield "Description", f"{description(service)} connection"
        yield "CollectMode", "inactive-or-failed"
    yield from service.unit


def service_section(service: Service, machine: Machine) -> Directives:
    yield "ExecStart", command_line(service, machine)
    yield from account(service)
    yield "StandardInput", "socket"
    yield "StandardError", "journal"
    yield "SyslogIdentifier", service.name
    yield "SyslogLevelPrefix", "no"
    if service.wait:
        yield "KillMode", "process"  # such a server may leave a child to its client and end
    if not any(key == "UMask" for key, _ in service.directives):
        yield "UMask", "0022"
    yield from service.directives
    if not service.gated:
        yield "IgnoreSIGPIPE", "no"  # a server that writes to a client that has gone ended by it
        for name, value in service.limits:
            yield f"Limit{name.upper()}", value
        for name, value in service.environment:
            yield "Environment", environment(name, value)


def environment(name: str, value: str) -> str:
    """The value of Environment=. Raises ConfigError for bytes that systemd would leave out with a warning."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"the value of the variable {name} is not UTF-8, and systemd takes no other") from None
    return quote_word(f"{name}={value}")


def account(service: Service) -> Directives:
    if service.clear_groups or service.tls:
        return  # setpriv changes it, or stunnel, which must read its key first
    if service.user:
        yield "User", service.user
    if service.group:
        yield "Group", service.group


def command_line(service: Service, machine: Machine) -> str:
    """ExecStart=.

    A server's failure never mattered to the old program. CollectMode= keeps those of a connection out of `systemctl
    --failed` and systemd still logs them; a server that takes the socket is held by it, so `-` has to. A program that
    is not installed yet gets it too: `systemd-analyze verify` complains of one without.
    """
    words = started(service, machine)
    if words[0].endswith("/"):
        raise ConfigError(f"{words[0]!r} is a folder, and no program")
    ours = service.gated or service.clear_groups or words[0] == f"{machine.programs}/sockgate-builtin"
    installed = ours or machine.is_executable(words[0])
    prefixes = "-" if service.wait or not installed else ""
    if service.gated:
        further = [f"${service.options_from}"] if service.options_from else []
        words = [f"{machine.programs}/sockgate", *gate_words(service), *further, "--", *words]
    elif service.argv0 and service.argv0 != words[0]:
        prefixes, words = prefixes + "@", [words[0], service.argv0, *words[1:]]
    if service.clear_groups and not service.tls:
        words = [SETPRIV, f"--reuid={service.user}", f"--regid={service.group}", "--clear-groups", "--", *words]
    line = format_command(words, prefixes)
    if service.options_from:
        line = line.replace(f' "$${service.options_from}" ', f" ${service.options_from} ")
    return line.replace("$${", "${") if service.expand_command else line


def started(service: Service, machine: Machine) -> list[str]:
    """What the gate starts, or systemd where there is none: the server, or stunnel in front of it."""
    if service.tls is None:
        return list(service.command)
    return [machine.program(stunnel.PROGRAM), stunnel.path_of(service.name)]


def gate_words(service: Service) -> list[str]:
    """The gate's options. What the server alone needs is set by the gate, which would not start under all limits."""
    words = ["--name", service.name]
    for option, value in service.gate:
        words += [option] if value is None else [option, value]
    if service.pass_env is not None:
        words += ["--pass-env", " ".join(service.pass_env)]
    for name, value in service.environment:
        words += ["--env", f"{name}={value}"]
    for name, value in service.limits:
        words += ["--rlimit", f"{name}={value}"]
    if service.argv0 and service.argv0 != service.command[0] and not service.tls:
        words += ["--argv0", service.argv0]
    return words
