"""The units of an administrator's own server behind a gate: the model that `install` writes."""

import re
from typing import NamedTuple

from ..core.errors import UsageError
from ..units.command import format_command
from ..units.quoting import quote_variable
from ..units.writer import Section, Setting, assignment, format_unit, literal
from .check.listening import parse_listen
from .files import MARKER

# What systemd takes in the name of a unit, without the characters that escape or separate.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*\Z")
POLL_LIMIT_SINCE = 255
MAX_CONNECTIONS = 200


class OwnService(NamedTuple):
    """What the administrator says about a service.

    listen   ports and addresses, as ListenStream= takes them
    server   the words of its command line
    options  the gate's options
    """

    name: str
    listen: tuple[str, ...]
    user: str
    server: tuple[str, ...]
    options: tuple[str, ...]


def check_name(name: str) -> str:
    if not NAME.match(name):
        raise UsageError(f"{name!r} cannot be the name of a service", "letters, digits and . _ : - only")
    return name


def check_listen(text: str) -> str:
    """Raises UsageError for what ListenStream= would not take."""
    if text.startswith("/"):
        return text
    endpoint = parse_listen(text, "tcp")
    if endpoint is None or not 0 < endpoint.port < 65536:
        raise UsageError(f"--listen: {text!r} is not a port, ADDRESS:PORT, [ADDRESS]:PORT or the path of a socket")
    return text


def socket_unit(service: OwnService, sockgatectl: str, systemd_version: int) -> str:
    """The text of NAME.socket; `sockgatectl` is the path of that program."""
    check = format_command([sockgatectl, "check", "--level", "error"]) + " %n"
    settings = [
        Setting("ExecStartPre", check),
        *(Setting("ListenStream", literal(listen)) for listen in service.listen),
        Setting("BindIPv6Only", "both"),
        Setting("FreeBind", "yes"),
        Setting("KeepAlive", "yes"),
        Setting("Accept", "yes"),
        Setting("MaxConnections", str(MAX_CONNECTIONS)),
        Setting("MaxConnectionsPerSource", "20"),
        Setting("TriggerLimitIntervalSec", "0", "Above its limit systemd would stop the socket for good."),
    ]
    if systemd_version >= POLL_LIMIT_SINCE:
        settings += [Setting("PollLimitIntervalSec", "1s"), Setting("PollLimitBurst", str(MAX_CONNECTIONS))]
    sections = [
        Section("Unit", description(service, "socket")),
        Section("Socket", settings),
        Section("Install", [Setting("WantedBy", "sockets.target")]),
    ]
    return f"{MARKER}\n\n" + format_unit(sections)


def service_unit(service: OwnService, sockgate: str) -> str:
    """The text of NAME@.service; `sockgate` is the path of the gate.

    The sandbox is what no server minds, one that needs setuid programs included.
    """
    gate = f"{format_command([sockgate])} --name %p $SOCKGATE_OPTIONS -- $SOCKGATE_SERVER"
    settings = [
        Setting("ExecStart", gate),
        Setting("Environment", assignment("SOCKGATE_OPTIONS", quote_variable(service.options))),
        Setting("Environment", assignment("SOCKGATE_SERVER", quote_variable(service.server))),
        Setting("EnvironmentFile", "-/etc/default/sockgate-%p"),
        Setting("EnvironmentFile", "-/etc/sysconfig/sockgate-%p"),
        Setting("User", literal(service.user)),
        Setting("StandardInput", "socket"),
        Setting("StandardError", "journal"),
        Setting("SyslogIdentifier", "%p"),
        Setting("SyslogLevelPrefix", "no"),
        Setting("TimeoutStopSec", "10s"),
        Setting("UMask", "0022"),
        Setting("TasksMax", "64"),
        Setting("KeyringMode", "private", "See `systemd-analyze security` for what else this server may do without."),
        Setting("PrivateTmp", "yes"),
        Setting("ProtectControlGroups", "yes"),
        Setting("ProtectSystem", "full"),
    ]
    sections = [
        Section("Unit", [*description(service, "connection"), Setting("CollectMode", "inactive-or-failed")]),
        Section("Service", settings),
    ]
    return f"{MARKER}\n\n" + format_unit(sections)


def description(service: OwnService, what: str) -> list[Setting]:
    return [Setting("Description", f"{service.name} {what}"), Setting("Documentation", "man:sockgate(8)")]
