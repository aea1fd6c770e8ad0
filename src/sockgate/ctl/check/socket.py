"""Inspections of the socket unit: what it listens on, its limits, and what it starts."""

from collections.abc import Iterator
from socket import if_indextoname, if_nametoindex

from ...core.numbers import natural
from ...host.host import Host
from ...host.listening import LISTEN_KEYS, endpoints, expanded
from ...host.ports import conflicting_processes, parse_listen
from ...units.search import UnitSearch
from ...units.unit import Unit
from ..gated_service import PER_CONNECTION, RESIDENT, GatedService, runs_a_gate, service_of
from .fault import ZERO, Fault, by_setting, switch_off

LISTENS = (
    "ListenStream", "ListenDatagram", "ListenSequentialPacket", "ListenFIFO", "ListenSpecial", "ListenNetlink",
    "ListenMessageQueue", "ListenUSBFunction",
)  # fmt: skip
VSOCK = "vsock"
OTHER_SOCKETS = ("/", "@", VSOCK)
LONGEST_INTERFACE = 15  # bytes (IFNAMSIZ)


def address_ignored(gated: GatedService, host: Host) -> Iterator[Fault]:
    """An address that systemd cannot parse. It ignores the line, and without another one it does not load the unit."""
    if gated.socket is None:
        return
    for key, protocol in LISTEN_KEYS.items():
        for assignment in gated.socket.list("Socket", key):
            text = expanded(assignment.value, gated.socket)
            if text.startswith(OTHER_SOCKETS):
                continue
            line = f"{key}={assignment.value}"
            if parse_listen(text, protocol) is None:
                yield Fault(
                    gated.socket, assignment.place, f"{line}: systemd cannot read this address, and ignores it",
                    "write PORT, ADDRESS:PORT, [ADDRESS]:PORT for IPv6, [ADDRESS]:PORT%%INTERFACE, or a path",
                )  # fmt: skip
            elif host.live and lacks_interface(text.partition("%")[2]):
                yield Fault(
                    gated.socket, assignment.place,
                    f"{line}: systemd ignores it, because this interface does not exist", "ip link shows those that do",
                )  # fmt: skip


def lacks_interface(name: str) -> bool:
    """Whether there is no interface of this name or number. An alternative name may be too long for this question."""
    if not name or len(name.encode()) > LONGEST_INTERFACE:
        return False
    try:
        number = natural(name)
        return not (if_nametoindex(name) if number is None else if_indextoname(number))
    except (OSError, OverflowError):
        return True


def not_served(gated: GatedService, _: Host) -> Iterator[Fault]:
    """A socket of a family that no gate can serve: it refuses every client."""
    if gated.socket is None:
        return
    for key in LISTENS:
        for assignment in gated.socket.list("Socket", key):
            if assignment.value.startswith(VSOCK):
                yield Fault(
                    gated.socket, assignment.place,
                    f"{key}={assignment.value}: the gate serves internet and Unix sockets alone, and refuses every"
                    " client of this one", "listen on a port or a path",
                )  # fmt: skip


def accept_mismatch(gated: GatedService, _: Host) -> Iterator[Fault]:
    expected = PER_CONNECTION if gated.is_template or takes_datagrams(gated) else RESIDENT
    if gated.program != expected:
        accept = "yes" if gated.is_template else "no"
        yield Fault(
            gated.service, gated.command.place,
            f"{gated.program} cannot serve a socket with Accept={accept}: {gated.service.name} must run {expected}",
            f"or set Accept={'no' if gated.is_template else 'yes'} in the socket",
        )  # fmt: skip


def port_taken(gated: GatedService, host: Host) -> Iterator[Fault]:
    if gated.socket is None or not host.live or not host.privileged:
        return
    for endpoint, text in endpoints(gated.socket):
        for process in conflicting_processes(endpoint):
            address = f" ({text})" if text != str(endpoint.port) else ""
            yield Fault(
                gated.socket, gated.socket.place_of("Socket", "ListenStream"),
                f"port {endpoint.port}{address} is taken by {process.name} (pid {process.pid})",
                switch_off(process.unit) if process.unit else f"kill {process.pid}",
            )  # fmt: skip


def port_shared(gated: GatedService, host: Host) -> Iterator[Fault]:
    """Another socket unit that is enabled for the same port. At boot, one of the two fails."""
    if gated.socket is None:
        return
    own = list(endpoints(gated.socket))
    for name in host.search.names("socket"):
        other = host.search.load(name) if name != gated.socket.name and host.search.enabled(name) else None
        for theirs, _ in endpoints(other) if other else ():
            if any(theirs.overlaps(endpoint) for endpoint, _ in own):
                yield Fault(
                    gated.socket, gated.socket.place_of("Socket", "ListenStream"),
                    f"port {theirs.port} is also that of {name}, which is enabled", f"systemctl disable --now {name}",
                )  # fmt: skip
                break


def several_sockets(gated: GatedService, host: Host) -> Iterator[Fault]:
    """StandardInput=socket, to which systemd gives exactly one socket."""
    if gated.socket and not gated.is_template:
        yield from too_many_sockets(gated.socket, gated.service, host.search)


def without_gate(name: str, search: UnitSearch) -> Iterator[Fault]:
    """The same of a socket for a service without a gate, such as one that was converted from a `wait` line of inetd."""
    socket = search.load(name)
    service = search.load(service_of(socket)) if socket else None
    if socket and service and not socket.is_true("Socket", "Accept") and not runs_a_gate(service):
        yield from too_many_sockets(socket, service, search)


def too_many_sockets(socket: Unit, service: Unit, search: UnitSearch) -> Iterator[Fault]:
    if service.value("Service", "StandardInput") != "socket":
        return
    units = [unit for name in search.names("socket") if (unit := search.load(name)) and unit.name != socket.name]
    same = [socket, *(unit for unit in units if service_of(unit) == service.name and search.enabled(unit.name))]
    lines = [line for unit in same for key in LISTENS for line in unit.list("Socket", key)]
    if len(lines) > 1:
        yield Fault(
            socket, lines[1].place,
            f"{service.name} has StandardInput=socket, which is for one socket, and gets {len(lines)}: systemd does not"
            " start it, and no client is served", "write a socket and a service for each address",
        )  # fmt: skip


def other_engine(gated: GatedService, host: Host) -> Unit | None:
    """The socket of the same name, if it starts the other one of NAME@.service and NAME.service."""
    prefix = gated.service.unit_name.prefix
    socket = host.search.load(f"{prefix}.socket") if gated.socket is None else None
    both = {f"{prefix}@.service", f"{prefix}.service"}
    return socket if socket and {service_of(socket), gated.service.name} == both else None


def engine_waits(gated: GatedService, host: Host) -> Iterator[Fault]:
    """This unit is the engine of a service that Accept= does not choose now."""
    socket = other_engine(gated, host)
    if socket:
        accept = "yes" if gated.is_template else "no"
        text = f"{socket.name} starts {service_of(socket)} now; with Accept={accept} it starts this unit"
        yield Fault(gated.service, None, text)


def no_socket(gated: GatedService, host: Host) -> Iterator[Fault]:
    if other_engine(gated, host):
        return
    if gated.socket is None:
        prefix = gated.service.unit_name.prefix
        text = f"no socket unit starts it: there is no {prefix}.socket, or it is masked, or it starts another unit"
        yield Fault(gated.service, None, text)
    elif service_of(gated.socket) != gated.service.name:
        yield Fault(gated.service, None, f"{gated.socket.name} starts {service_of(gated.socket)}")


def accepts(gated: GatedService) -> Unit | None:
    """The socket, if systemd accepts its connections, so that its limits apply."""
    return gated.socket if gated.socket and gated.socket.is_true("Socket", "Accept") else None


def takes_datagrams(gated: GatedService) -> bool:
    """Whether this is a datagram service: it has Accept=no and sockgate, which checks the first sender."""
    return bool(gated.socket and gated.socket.list("Socket", "ListenDatagram"))


def trigger_limit(gated: GatedService, _: Host) -> Iterator[Fault]:
    socket = gated.socket
    if socket is None or takes_datagrams(gated):  # here the limit is useful: it stops a server that fails at once
        return
    values = [socket.value("Socket", key) for key in ("TriggerLimitIntervalSec", "TriggerLimitBurst")]
    if not any(ZERO.match(value) for value in values):
        what = "200 connections" if accepts(gated) else "20 starts"
        yield by_setting(
            socket, socket.place_of("Socket", "TriggerLimitIntervalSec"),
            f"the trigger limit is on: after {what} within 2 s systemd stops the socket for good",
            ("TriggerLimitIntervalSec", "0"),
        )  # fmt: skip


def poll_limit(gated: GatedService, host: Host) -> Iterator[Fault]:
    socket = accepts(gated)
    if socket is None or not host.slows_down:
        return
    if not any(socket.value("Socket", key) for key in ("PollLimitIntervalSec", "PollLimitBurst")):
        yield by_setting(
            socket, None, "PollLimitBurst= is not set: systemd accepts at most 75 connections a second",
            ("PollLimitBurst", "400"),
        )  # fmt: skip


def max_connections(gated: GatedService, _: Host) -> Iterator[Fault]:
    socket = accepts(gated)
    if socket and not socket.value("Socket", "MaxConnections"):
        yield by_setting(
            socket, None, "MaxConnections= is not set: the 65th client at a time is disconnected without a word",
            ("MaxConnections", "200"),
        )  # fmt: skip


def free_bind(gated: GatedService, _: Host) -> Iterator[Fault]:
    if gated.socket is None or gated.socket.is_true("Socket", "FreeBind"):
        return
    for endpoint, text in endpoints(gated.socket):
        if endpoint.is_of_an_interface:
            yield by_setting(
                gated.socket, gated.socket.place_of("Socket", "ListenStream"),
                f"{text} fails at boot if its interface has no address yet", ("FreeBind", "yes"),
            )  # fmt: skip
            break
