"""The units of an administrator's own server behind a gate: the model that `install` writes."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..core import UsageError
from ..dispatch.processes import OWN_SUBGROUP
from ..dispatch.session_groups import CONTROLLERS, SUBGROUP_SINCE
from ..host.host import Host
from ..host.ports import parse_listen
from ..units import resident
from ..units.model import (
    Command,
    Directive,
    Environment,
    File,
    Section,
    Specifier,
    Text,
    UnitFile,
    Value,
    Variable,
    Words,
    section,
)
from ..units.quoting import quote_variable
from .own_files import MARKER

# The characters that systemd allows in the name of a unit, without those that escape or separate.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*\Z")
MAX_CONNECTIONS, MAX_PER_SOURCE = 200, 20
MOST_TASKS = 64  # of one session
# The variables of the units. Their words are words of the command.
LIMITS, OPTIONS, SERVER = (Variable(f"SOCKGATE_{name}", splits=True) for name in ("RESIDENT", "OPTIONS", "SERVER"))
LONGEST_PATH = 107  # bytes, in systemd; a NUL follows in struct sockaddr_un
ODD_PORT = re.compile(r"(^|:)[0+]\w*(%|\Z)")  # one that systemd reads as octal, hexadecimal or binary, or with a plus


class OwnService(NamedTuple):
    """What the administrator says about a service.

    listen   ports and addresses, in the form of ListenStream=
    server   the words of its command line
    options  the gate's options
    bounds   options of the resident gate for each session, with their values
    """

    name: str
    listen: tuple[str, ...]
    user: str
    server: tuple[str, ...]
    options: tuple[str, ...]
    bounds: Mapping[str, str]


def check_name(name: str) -> str:
    if not NAME.match(name):
        raise UsageError(f"{name!r} cannot be the name of a service", "letters, digits and . _ : - only")
    for suffix in (".socket", ".service"):
        if name.endswith(suffix):
            raise UsageError(f"{name!r} is a unit, not the name of a service", f"write it without {suffix}")
    return name


def check_listen(text: str) -> str:
    """Return the text if ListenStream= accepts it, else raise UsageError."""
    if text.startswith(("/", "@")):
        if not 1 < len(text.encode()) <= LONGEST_PATH:
            raise UsageError(f"--listen: {text!r} is not the path of a socket", f"2 to {LONGEST_PATH} bytes")
        return text
    if parse_listen(text, "tcp") is None or ODD_PORT.search(text):
        raise UsageError(
            f"--listen: {text!r} is not a port, ADDRESS:PORT, [ADDRESS]:PORT or the path of a socket",
            "the interface stands last: [ADDRESS]:PORT%INTERFACE" if "%" in text else "",
        )
    return text


def socket_unit(service: OwnService, sockgatectl: str, host: Host) -> UnitFile:
    """The unit NAME.socket. `sockgatectl` is the path of that program."""
    directives = [
        Directive("ExecStartPre", Command((sockgatectl, "check", "--level", "error", Specifier("n")))),
        *(Directive("ListenStream", listen) for listen in service.listen),
        Directive("BindIPv6Only", "both"),
        Directive("FreeBind", "yes"),
        Directive("KeepAlive", "yes"),
        Directive("Accept", "yes"),
        Directive("MaxConnections", MAX_CONNECTIONS),
        Directive("MaxConnectionsPerSource", MAX_PER_SOURCE),
        Directive("TriggerLimitIntervalSec", 0, "Above its limit systemd would stop the socket for good."),
    ]
    if host.slows_down:
        directives += [Directive("PollLimitIntervalSec", "1s"), Directive("PollLimitBurst", MAX_CONNECTIONS)]
    sections = (
        section("Unit", *description(service, "socket")),
        Section("Socket", tuple(directives)),
        section("Install", ("WantedBy", "sockets.target")),
    )
    return UnitFile(f"{service.name}.socket", (MARKER,), sections)


def connection_unit(service: OwnService, sockgate: str) -> UnitFile:
    """The unit NAME@.service. `sockgate` is the path of the gate."""
    bounds = service.bounds
    directives = (
        Directive("ExecStart", Command((sockgate, "--name", Specifier("p"), OPTIONS, "--", SERVER))),
        *variables(service),
        Directive("User", service.user),
        Directive("StandardInput", "socket"),
        *output(),
        Directive("TimeoutStopSec", "10s"),
        *([Directive("RuntimeMaxSec", f"{bounds['--session-timeout']}s")] if "--session-timeout" in bounds else []),
        Directive("UMask", "0022"),
        *([Directive("MemoryMax", bounds["--session-memory"])] if "--session-memory" in bounds else []),
        Directive("TasksMax", bounds.get("--session-tasks", MOST_TASKS)),
        *small_sandbox(),
    )
    unit = section("Unit", *description(service, "connection"), ("CollectMode", "inactive-or-failed"))
    return UnitFile(f"{service.name}@.service", (MARKER,), (unit, Section("Service", directives)))


def resident_unit(service: OwnService, sockgated: str, host: Host) -> UnitFile:
    """The unit NAME.service. `sockgated` is the path of that program."""
    words = (sockgated, "--name", Specifier("p"), LIMITS, OPTIONS, "--", SERVER)
    bounds = "".join(f" {option} {text}" for option, text in service.bounds.items())
    limits = f"--max-connections {MAX_CONNECTIONS} --max-per-source {MAX_PER_SOURCE}{bounds}"
    controllers = controllers_for(service)
    directives = (
        *resident.in_service(Command(words), waits_for_reload=host.slows_down),
        Directive("Environment", Environment(LIMITS.name, limits)),
        *variables(service),
        Directive("User", service.user),
        *output(),
        Directive("UMask", "0022"),
        *resident.before_its_servers(),
        Directive("TasksMax", 10 * MAX_CONNECTIONS, "For all sessions together."),
        *groups_of_sessions(controllers, host),
        *sandbox(protects_groups=not controllers),
    )
    about = section("Unit", *description(service, "server for all connections", "man:sockgated(8)"))
    unit = Section("Unit", (*about.directives, *resident.in_unit(f"{service.name}.socket")))
    return UnitFile(f"{service.name}.service", (MARKER,), (unit, Section("Service", directives)))


def controllers_for(service: OwnService) -> tuple[str, ...]:
    """What the kernel must control for the limits of each session."""
    return tuple(name for option, name in CONTROLLERS.items() if option in service.bounds)


def groups_of_sessions(controllers: tuple[str, ...], host: Host) -> Iterator[Directive]:
    """systemd leaves the gate the control of these, for a control group of each session."""
    if controllers:
        yield Directive("Delegate", Words(controllers))
        if host.systemd_version >= SUBGROUP_SINCE:
            yield Directive("DelegateSubgroup", OWN_SUBGROUP)


def variables(service: OwnService) -> tuple[Directive, ...]:
    """The options and the server, and the files that can replace them."""
    return (
        Directive("Environment", Environment(OPTIONS.name, quote_variable(service.options))),
        Directive("Environment", Environment(SERVER.name, quote_variable(service.server))),
        Directive("EnvironmentFile", File(("/etc/default/sockgate-", Specifier("p")), optional=True)),
        Directive("EnvironmentFile", File(("/etc/sysconfig/sockgate-", Specifier("p")), optional=True)),
    )


def output() -> tuple[Directive, ...]:
    return (
        Directive("StandardError", "journal"),
        Directive("SyslogIdentifier", Text((Specifier("p"),))),
        Directive("SyslogLevelPrefix", "no"),
    )


def small_sandbox() -> Iterator[Directive]:
    """It fits every server, also one that needs setuid programs. Each connection pays for it."""
    hint = "See `systemd-analyze security` for what else this server may do without."
    yield Directive("KeyringMode", "private", hint)
    yield Directive("PrivateTmp", "yes")


def sandbox(*, protects_groups: bool) -> Iterator[Directive]:
    """For a gate that pays once, also what a server that is not root can hardly misuse."""
    yield from small_sandbox()
    if protects_groups:
        yield Directive("ProtectControlGroups", "yes")
    yield Directive("ProtectSystem", "full")


def description(service: OwnService, what: str, page: str = "man:sockgate(8)") -> list[tuple[str, Value]]:
    return [("Description", f"{service.name} {what}"), ("Documentation", page)]
