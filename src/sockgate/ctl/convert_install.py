"""`sockgatectl convert --install`: converted units put in place, and the commands that switch over and back."""

import os
from collections.abc import Iterator

from ..convert.conversion import Conversion
from ..convert.service import DATAGRAM, Service
from ..core.errors import ConfigError
from ..units.search import UnitSearch
from .files import write_atomically

UNIT_FOLDER = "/etc/systemd/system"
MARKER = "# Converted from "
LISTENING = {"tcp": "0A", "udp": "07"}  # the state of a socket that waits for clients, in /proc/net
# How the old program lets go of a port, and takes it again.
OLD_DAEMONS = {
    "xinetd": ("systemctl disable --now xinetd", "systemctl enable --now xinetd"),
    "inetd": ("systemctl disable --now inetd", "systemctl enable --now inetd"),
    "tcpserver": ("svc -d /service/{name}", "svc -u /service/{name}"),
    "couriertcpd": ("systemctl disable --now courier-{name}", "systemctl enable --now courier-{name}"),
}
COURIER_UNITS = {
    "imapd": "imap", "imapd-ssl": "imap-ssl", "pop3d": "pop", "pop3d-ssl": "pop-ssl", "esmtpd": "mta",
    "esmtpd-ssl": "mta-ssl", "esmtpd-msa": "msa",
}  # fmt: skip


def install(conversion: Conversion, program: str, search: UnitSearch) -> str:
    """Write the units where systemd looks for them; the text says what to do next. Raises ConfigError."""
    refuse_conflicts(conversion, search)
    for unit in conversion.units:
        write_atomically(search.host_path(f"{UNIT_FOLDER}/{unit.name}"), str(unit))
    return "\n".join([*taken_ports(conversion), *instructions(conversion, program)]) + "\n"


def refuse_conflicts(conversion: Conversion, search: UnitSearch) -> None:
    """A unit of the same name that did not come from here would be hidden by ours."""
    for unit in conversion.units:
        path = search.fragment(unit.name)
        if path and not came_from_here(search.host_path(path)):
            raise ConfigError(f"there is a {unit.name!r} already ({path}), nothing is installed",
                              "choose other names with --prefix")  # fmt: skip


def came_from_here(path: str) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().startswith(MARKER)
    except OSError:
        return False


def taken_ports(conversion: Conversion) -> Iterator[str]:
    """Ports on which something listens now: the old daemon, most likely."""
    for service in conversion.services:
        protocol = "udp" if service.listens[0].kind == DATAGRAM else "tcp"
        for port in sorted(ports_of(service) & listening(protocol)):
            yield f"Port {port}/{protocol} of {service.name} is taken: stop the old daemon first."


def ports_of(service: Service) -> set[int]:
    ends = (listen.address.rpartition(":")[2] for listen in service.listens)
    return {int(end) for end in ends if end.isdigit()}


def listening(protocol: str) -> set[int]:
    """The ports with a listening socket, from /proc/net."""
    ports = set()
    for path in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
        if os.path.exists(path):
            with open(path) as file:
                rows = [line.split() for line in file][1:]
            ports |= {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTENING[protocol]}
    return ports


def instructions(conversion: Conversion, program: str) -> list[str]:
    sockets = " ".join(f"{service.name}.socket" for service in conversion.services)
    files = " ".join(f"{UNIT_FOLDER}/{unit.name}" for unit in conversion.units)
    stop, start = OLD_DAEMONS[program]
    names = [COURIER_UNITS.get(service.name, service.name) for service in conversion.services]
    old = {"stop": dict.fromkeys(stop.format(name=name) for name in names),
           "start": dict.fromkeys(start.format(name=name) for name in names)}  # fmt: skip
    return [
        "To switch over:",
        *(f"  {line}" for line in ("systemctl daemon-reload", *old["stop"], f"systemctl enable --now {sockets}")),
        "To switch back:",
        *(f"  {line}" for line in (f"systemctl disable --now {sockets}", f"rm {files}", "systemctl daemon-reload")),
        *(f"  {line}" for line in old["start"]),
    ]
