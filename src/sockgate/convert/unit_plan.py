"""From a service record to its unit files: NAME.socket, with NAME@.service and NAME.service for its two engines.

A service that does not take one connection for each process has NAME.socket and one service.
"""

from collections.abc import Iterator
from itertools import repeat, starmap

from ..core import ConfigError
from ..host.host import Host
from ..units import resident
from ..units.envfile import format_assignment
from ..units.model import Command, Directive, Environment, File, Section, UnitFile, Variable, Word, section
from . import rules_text, stunnel
from .extra_files import FOLDER, ExtraFile
from .input_files import printable
from .service import LARGEST, NO_LIMIT, Engine, Service

MODE_OF_SECRETS = 0o600
SETPRIV = "/usr/bin/setpriv"
ONE_ADDRESS = ("--source-prefix", "32,128")  # the old programs compare whole addresses, also those of IPv6
OF_ONE_CONNECTION = frozenset(("ExitType",))  # directives that make no sense for the gate of all connections


def unit_names(name: str, service: Service) -> tuple[str, ...]:
    """The names of the units that this service would have under this name. The socket's is the first."""
    if service.takes_connections:
        return f"{name}.socket", f"{name}@.service", f"{name}.service"
    return f"{name}.socket", f"{name}.service" if service.wait else f"{name}@.service"


def extra_paths(name: str, service: Service) -> tuple[str, ...]:
    """The paths of the files that this service would need under this name, beside its units."""
    needed = (
        (service.tls, stunnel.path_of(name)),
        (service.rules, rules_text.path_of(name)),
        (service.secrets, secrets_path(name)),
    )
    return tuple(path for is_needed, path in needed if is_needed)


def unit_files(service: Service, host: Host) -> tuple[UnitFile, ...]:
    """The socket first. Raises ConfigError for words that no unit file can hold."""
    prefixed = f", with --prefix {service.prefix}" if service.prefix else ""
    header = (printable(f"Converted from {service.place} by sockgatectl{prefixed}; see sockgate-migrating(7)."),)
    contents = [
        (
            section("Unit", ("Description", f"{service.name} socket")),
            Section("Socket", tuple(socket_section(service, host))),
            section("Install", ("WantedBy", "sockets.target")),
        ),
        (Section("Unit", tuple(unit_section(service))), Section("Service", tuple(service_section(service, host)))),
    ]
    if service.takes_connections:
        unit, own = resident_unit_section(service), resident_service_section(service, host)
        contents.append((Section("Unit", tuple(unit)), Section("Service", tuple(own))))
    return tuple(map(UnitFile, unit_names(service.name, service), repeat(header), contents))


def extra_files(service: Service) -> tuple[ExtraFile, ...]:
    """What the units need beside them. Raises ConfigError for words that they cannot hold."""
    files = []
    if service.tls:
        account = (service.user, service.group)
        words = list(map(literal_word, service.command))
        files.append(stunnel.config_file(service.name, service.place, service.tls, account, words, service.argv0))
    if service.rules:
        files.append(rules_text.rules_file(service.name, service.place, service.rules))
    if service.secrets:
        lines = [f"# Converted from {printable(str(service.place))} by sockgatectl; see sockgate-migrating(7).\n"]
        lines += [format_assignment(name, value) for name, value in service.secrets]
        files.append(ExtraFile(secrets_path(service.name), "".join(lines), MODE_OF_SECRETS))
    return tuple(files)


def secrets_path(name: str) -> str:
    return f"{FOLDER}/{name}.env"


def literal_word(word: Word) -> str:
    if isinstance(word, str):
        return word
    raise ConfigError(f"'{word}' is expanded by systemd, and not in other files")


def socket_section(service: Service, host: Host) -> Iterator[Directive]:
    for listen in service.listens:
        yield Directive(listen.kind, listen.address)
    if service.ipv6_only:
        yield Directive("BindIPv6Only", service.ipv6_only)
    if any(listen.is_addressed for listen in service.listens):
        yield Directive("FreeBind", "yes")
    yield from starmap(Directive, service.socket)
    yield Directive("Accept", not service.wait and service.engine is Engine.CONNECTION)
    if not service.wait:
        yield Directive("MaxConnections", NO_LIMIT if service.max_connections is None else service.max_connections)
        if service.max_per_source is not None:
            yield Directive("MaxConnectionsPerSource", service.max_per_source)
    yield from rate_limits(service, host)


def rate_limits(service: Service, host: Host) -> Iterator[Directive]:
    """PollLimit*= slows down. TriggerLimit*= stops the socket for good, and is set only where there is nothing else.

    That is before systemd 255, for a server that takes the socket: one that crashes must not keep PID 1 busy.
    """
    starts, seconds = service.rate
    if not host.slows_down and service.wait and starts:
        yield Directive("TriggerLimitIntervalSec", f"{seconds}s")
        yield Directive("TriggerLimitBurst", starts)
        return
    yield Directive("TriggerLimitIntervalSec", 0)
    if host.slows_down:
        yield Directive("PollLimitIntervalSec", f"{seconds}s" if starts else 0)
        if starts:
            yield Directive("PollLimitBurst", starts)


def unit_section(service: Service) -> Iterator[Directive]:
    if service.wait:
        yield Directive("Description", f"{service.name} server")
        yield Directive("StartLimitIntervalSec", 0)  # the limit is the socket's
    else:
        yield Directive("Description", f"{service.name} connection")
        yield Directive("CollectMode", "inactive-or-failed")
    yield from starmap(Directive, service.unit)


def service_section(service: Service, host: Host) -> Iterator[Directive]:
    yield Directive("ExecStart", command(service, host))
    yield from account(service)
    yield Directive("StandardInput", "socket")
    yield Directive("StandardError", "journal")
    yield Directive("SyslogIdentifier", service.name)
    yield Directive("SyslogLevelPrefix", "no")
    if service.wait:
        yield Directive("KillMode", "process")  # such a server may leave a child to its client and end
    if not any(key == "UMask" for key, _ in service.directives):
        yield Directive("UMask", "0022")
    yield from starmap(Directive, service.directives)
    if service.secrets:
        yield Directive("EnvironmentFile", File((secrets_path(service.name),)))
    if not service.gated:
        yield Directive("IgnoreSIGPIPE", "no")  # a server that writes to a client that has gone ended by it
        for name, value in service.limits:
            yield Directive(f"Limit{name.upper()}", value)
        for name, value in service.environment:
            yield Directive("Environment", Environment(name, value))


def resident_unit_section(service: Service) -> Iterator[Directive]:
    yield Directive("Description", f"{service.name} server for all connections")
    yield from resident.in_unit(f"{service.name}.socket")
    yield from starmap(Directive, service.unit)


def resident_service_section(service: Service, host: Host) -> Iterator[Directive]:
    """The same as for each connection, as far as it is about the server. The gate sets the limits and variables."""
    yield from resident.in_service(resident_command(service, host), waits_for_reload=host.slows_down)
    yield from account(service)
    yield Directive("StandardError", "journal")
    yield Directive("SyslogIdentifier", service.name)
    yield Directive("SyslogLevelPrefix", "no")
    keys = {key for key, _ in service.directives}
    if "UMask" not in keys:
        yield Directive("UMask", "0022")
    if "Nice" not in keys:  # one that the old configuration gives is for the servers, so it must stay theirs
        yield from resident.before_its_servers()
    yield from (Directive(key, value) for key, value in service.directives if key not in OF_ONE_CONNECTION)
    if service.secrets:
        yield Directive("EnvironmentFile", File((secrets_path(service.name),)))


def account(service: Service) -> Iterator[Directive]:
    if service.clear_groups or service.tls:
        return  # setpriv changes it, or stunnel, which must read its key first
    if service.user:
        yield Directive("User", service.user)
    if service.group:
        yield Directive("Group", service.group)


def command(service: Service, host: Host) -> Command:
    """ExecStart=.

    The old program did not care whether a server failed. CollectMode= keeps failed connections out of `systemctl
    --failed`, and systemd still logs them. A server that takes the socket stays loaded, because its socket holds it:
    there the failure is ignored. It is ignored as well for a program that is not installed yet, because
    `systemd-analyze verify` complains about one otherwise.
    """
    words = started(service, host)
    ours = service.gated or service.clear_groups or words[0] == f"{host.programs}/sockgate-builtin"
    ignores_failure = service.wait or not (ours or host.is_executable(str(words[0])))
    argv0 = "" if service.argv0 == words[0] or service.gated else service.argv0
    if service.gated:
        words = [f"{host.programs}/sockgate", *gate_words(service), *further_options(service), "--", *words]
    return Command((*in_front(service), *words), argv0, ignores_failure)


def resident_command(service: Service, host: Host) -> Command:
    words = [*gate_words(service), *resident_words(service), *further_options(service), "--", *started(service, host)]
    return Command((*in_front(service), f"{host.programs}/sockgated", *words))


def in_front(service: Service) -> list[str]:
    """What stands in front of the gate."""
    if not service.clear_groups or service.tls:
        return []
    return [SETPRIV, f"--reuid={service.user}", f"--regid={service.group}", "--clear-groups", "--"]


def further_options(service: Service) -> list[Word]:
    return [Variable(service.options_from, splits=True)] if service.options_from else []


def started(service: Service, host: Host) -> list[Word]:
    """What the gate starts, or systemd where there is none: the server, or stunnel in front of it."""
    if service.tls is None:
        return list(service.command)
    return [host.program(stunnel.PROGRAM), stunnel.path_of(service.name)]


def gate_words(service: Service) -> list[str]:
    """The gate's options. What the server alone needs is set by the gate, which would not start under all limits."""
    words = ["--name", service.name, *(word for pair in service.log for word in pair)]
    if service.rules:
        words += ["--rules", rules_text.path_of(service.name)]
    for option, value in service.gate:
        words += [option] if value is None else given(option, value)
    if service.pass_env is not None:
        words += ["--pass-env", " ".join((*service.pass_env, *(name for name, _ in service.secrets)))]
    for name, value in service.environment:
        words += ["--env", f"{name}={value}"]
    for name, value in service.limits:
        words += ["--rlimit", f"{name}={value}"]
    if service.argv0 and service.argv0 != service.command[0] and not service.tls:
        words += given("--argv0", service.argv0)
    return words


def resident_words(service: Service) -> list[str]:
    """The options of sockgated alone."""
    connections = NO_LIMIT if service.max_connections is None else min(service.max_connections, LARGEST)
    words = ["--max-connections", str(connections)]
    if service.max_per_source is not None:
        words += ["--max-per-source", str(min(service.max_per_source, LARGEST)), *ONE_ADDRESS]
    return words + [word for pair in service.resident for word in pair]


def given(option: str, value: str) -> list[str]:
    """An option with its value. `--` as a word of its own would end the options."""
    return [f"{option}={value}"] if value == "--" else [option, value]
