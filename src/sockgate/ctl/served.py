"""What is served as the inetd of this machine: the units as they should be, are loaded, and were started last."""

import glob
import json
import os
from collections.abc import Mapping
from typing import NamedTuple

from ..atomic_write import PRIVATE, write_atomically
from ..convert.conflicts import origin_of
from ..convert.live import generated_texts
from ..convert.result import Conversion
from ..host.listening import LISTEN_KEYS, endpoints
from ..host.ports import listeners
from ..units.reader import parse
from ..units.unit import Unit

GENERATED = "/run/systemd/generator"
RECORD = "/run/sockgate/served.json"  # it ends with the boot, as the sockets do
IPV6 = "/proc/net/if_inet6"  # missing where the kernel has no IPv6: systemd leaves such addresses out


class Served(NamedTuple):
    """One service, as texts without comments.

    socket   its socket
    service  the name of the unit that has the listening socket itself once it runs: a gate, or a server that waits;
             "" for none
    text     that unit
    """

    socket: str
    service: str
    text: str

    @property
    def is_gate(self) -> bool:
        """Whether that unit is a resident gate. The sessions of such a gate outlive it."""
        return "/sockgated " in self.text


Services = Mapping[str, Served]  # by the name of the socket


def planned(conversion: Conversion) -> Services:
    """As the files say now."""
    found = {}
    for one in conversion.converted:
        texts = {name: without_comments(text) for name, text in generated_texts(one)}
        socket = one.socket_unit.name
        service = service_of(socket) if service_of(socket) in texts else ""
        found[socket] = Served(texts[socket], service, texts.get(service, ""))
    return found


def service_of(socket: str) -> str:
    return f"{socket.removesuffix('.socket')}.service"


def loaded(folder: str = GENERATED) -> Services:
    """As the generator wrote them at the last reload."""
    found = {}
    for path in glob.glob(f"{folder}/*.socket"):
        if origin_of(path)[0]:
            service = service_of(path)
            name = os.path.basename(service) if os.path.exists(service) else ""
            found[os.path.basename(path)] = Served(text_of(path), name, text_of(service))
    return found


def text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return without_comments(file.read())
    except OSError:
        return ""


def without_comments(text: str) -> str:
    """A line that is put in above moves the others: only the comment that says from where they come changes."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def deaf(services: Services) -> set[str]:
    """The sockets of which an address is not listened on.

    At a reload, systemd closes the sockets of a unit if its file is gone or has other addresses. If the file is back at
    the next reload, it still calls the unit active ("no open socket file descriptor left", core/socket.c, 252 to 257).
    That happens when another package reloads systemd while one package takes the place of another.
    """
    heard = [listener.endpoint for protocol in LISTEN_KEYS.values() for listener in listeners(protocol)]
    has_ipv6 = os.path.exists(IPV6)
    return {
        name for name, one in services.items() for wanted, _ in endpoints(unit_of(name, one.socket))
        if not any(endpoint.overlaps(wanted) for endpoint in heard) and (has_ipv6 or 4 in wanted.families)
    }  # fmt: skip


def unit_of(name: str, text: str) -> Unit:
    assignments, ignored = parse(text, name)
    return Unit(name, name, (), tuple(assignments), tuple(ignored))


class Record(NamedTuple):
    """What was served after the last call of `sync`, what it complained about, and which sockets it could not start.

    systemd keeps a failed socket in mind when its file is gone, until it is told to forget it.
    """

    services: Services
    complaints: tuple[str, ...]
    failed: Services


def recorded(path: str = RECORD) -> Record:
    """Empty if `sync` was not called since the boot."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            services, complaints, failed = json.load(file)
        return Record(services_of(services), tuple(map(str, complaints)), services_of(failed))
    except (OSError, ValueError, TypeError, AttributeError):
        return Record({}, (), {})


def services_of(found: Mapping[str, list[str]]) -> Services:
    return {name: Served(*map(str, one)) for name, one in found.items()}


def record(now: Record, path: str = RECORD) -> None:
    text = json.dumps([dict(now.services), now.complaints, dict(now.failed)])
    write_atomically(path, text, PRIVATE, durable=False)
