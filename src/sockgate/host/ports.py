"""The programs that listen on a port: addresses of socket units, and the kernel's tables of sockets (proc(5))."""

import errno
import glob
import os
import socket
import sys
from collections.abc import Iterator
from typing import NamedTuple

from ..connection.log import clean
from ..core.peer import pack, unmap
from . import ipv6_only

STATES = {"tcp": "0A", "udp": "07"}  # TCP_LISTEN; a UDP socket without a peer (net/tcp_states.h)
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
MANAGER = 1
OF_SYSTEMD = ("", "name=systemd")  # the hierarchies in /proc/PID/cgroup that systemd keeps: the unified one, its own
OF_MANAGER = "/init.scope"  # the control group of PID 1, below that of its system


class Endpoint(NamedTuple):
    """An address and port to listen on. `address` is packed, and empty for any address.

    families   the lengths of the addresses that it covers: 4, 16 or both
    """

    protocol: str
    address: bytes
    port: int
    families: tuple[int, ...]

    def overlaps(self, other: "Endpoint") -> bool:
        """Whether two programs cannot listen on both at the same time."""
        return (
            (self.protocol, self.port) == (other.protocol, other.port)
            and bool(set(self.families).intersection(other.families))
            and (not self.address or not other.address or self.address == other.address)
        )

    @property
    def is_of_an_interface(self) -> bool:
        """Whether the address belongs to an interface. "Any" and loopback do not: they always exist."""
        return bool(self.address) and self.address[0] != 127 and self.address != bytes(15) + b"\x01"


class Process(NamedTuple):
    """A process that listens. `unit` is the unit to stop, "" if the process belongs to none."""

    pid: int
    name: str
    unit: str


def parse_listen(text: str, protocol: str, *, only_ipv6: bool = False) -> Endpoint | None:
    """The endpoint of `PORT`, `ADDRESS:PORT` or `[ADDRESS]:PORT` in ListenStream=, as systemd reads it.

    `%INTERFACE` may stand behind an address with its port; for a link-local address it must. None for other kinds of
    sockets, and for what systemd ignores (shared/socket-netlink.c: socket_address_parse, 252 and 257).
    """
    text, scoped, interface = text.partition("%")
    address, _, digits = text.rpartition(":")
    port = parse_port(digits)
    if port is None or (scoped and not (address and interface)):
        return None
    bracketed = address[:1] + address[-1:] == "[]"
    if (":" in address) != bracketed:  # systemd ignores ::1:25 and [127.0.0.1]:25
        return None
    both = (16,) if only_ipv6 else (4, 16)
    try:
        packed = pack(address[1:-1] if bracketed else address) if address else b""
    except ValueError:
        return None
    if not any(packed):
        return Endpoint(protocol, b"", port, (4,) if len(packed) == 4 else both)
    return Endpoint(protocol, packed, port, (len(packed),))


def parse_port(text: str) -> int | None:
    """A port as systemd reads numbers: decimal, or with the prefix 0x, 0o, 0b or 0 (octal). None for none."""
    text = text.removeprefix("+")
    octal = text[:1] == "0" and text.isdigit()
    try:
        port = int(text, 8 if octal else 0) if text.isascii() and text.isalnum() else 0
    except ValueError:
        return None
    return port if 0 < port < 65536 else None


class Listener(NamedTuple):
    """A listening socket of this network namespace.

    inode    of the socket
    waiting  the clients that wait to be accepted; of a datagram socket, the bytes that wait to be read
    """

    endpoint: Endpoint
    inode: str
    waiting: int


def listeners(protocol: str) -> Iterator[Listener]:
    """All listening sockets in this network namespace."""
    only_ipv6 = ipv6_only.inodes(protocol)
    for file in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
        try:
            with open(file, encoding="ascii") as lines:
                next(lines)
                for line in lines:
                    fields = line.split()
                    if fields[3] == STATES[protocol]:
                        endpoint = kernel_endpoint(fields[1], protocol)
                        endpoint = endpoint._replace(families=(16,)) if fields[9] in only_ipv6 else endpoint
                        yield Listener(endpoint, fields[9], int(fields[4].rpartition(":")[2], 16))
        except OSError:
            continue  # IPv6 is switched off


def kernel_endpoint(text: str, protocol: str) -> Endpoint:
    """The endpoint of `0100007F:0019`: address in 32-bit words of the machine's byte order, port in hexadecimal."""
    address, _, port = text.partition(":")
    words = bytes.fromhex(address)
    if sys.byteorder == "little":
        words = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
    packed = unmap(words)
    if not any(packed):
        return Endpoint(protocol, b"", int(port, 16), (4,) if len(words) == 4 else (4, 16))
    return Endpoint(protocol, packed, int(port, 16), (len(packed),))


def conflicting_processes(wanted: Endpoint) -> list[Process]:
    """The processes that keep systemd from listening there. A socket of systemd itself is no conflict."""
    inodes = sockets_on(wanted)
    inodes -= held_by(MANAGER, inodes)
    return holders(inodes) if inodes and is_taken(wanted) else []


def sockets_on(wanted: Endpoint) -> set[str]:
    """The inodes of the sockets that listen there now."""
    return {listener.inode for listener in listeners(wanted.protocol) if listener.endpoint.overlaps(wanted)}


def clients_waiting(wanted: Endpoint) -> int:
    """The clients that wait there to be accepted."""
    if wanted.protocol != "tcp":
        return 0
    return sum(listener.waiting for listener in listeners("tcp") if listener.endpoint.overlaps(wanted))


def holders(inodes: set[str]) -> list[Process]:
    """The processes that have these sockets open, among those that we may look at."""
    return [describe(pid) for pid in process_ids() if held_by(pid, inodes)]


def process_ids() -> list[int]:
    return sorted(int(path.rpartition("/")[2]) for path in glob.glob("/proc/[0-9]*"))


def held_by(pid: int, inodes: set[str]) -> set[str]:
    """Which of these sockets a process has open."""
    links = {f"socket:[{inode}]": inode for inode in inodes}
    descriptors = glob.glob(f"/proc/{pid}/fd/*") if links else []
    return {links[target] for path in descriptors if (target := link_target(path)) in links}


def link_target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""  # the descriptor was closed meanwhile


def is_taken(wanted: Endpoint) -> bool:
    """Whether the kernel refuses this address to us. This is the final test: the tables do not show socket options."""
    family = socket.AF_INET6 if 16 in wanted.families else socket.AF_INET
    with socket.socket(family, KINDS[wanted.protocol]) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(4 not in wanted.families))
        host = socket.inet_ntop(family, wanted.address) if wanted.address else ""
        try:
            probe.bind((host, wanted.port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def describe(pid: int) -> Process:
    """A process of any user, which can give itself any name (PR_SET_NAME in prctl(2))."""
    name = clean(read(f"/proc/{pid}/comm").removesuffix("\n")).strip()
    return Process(pid, name or "a process", unit_of(read(f"/proc/{pid}/cgroup"), read(f"/proc/{MANAGER}/cgroup")))


def unit_of(cgroup: str, manager: str = "") -> str:
    """The service in /proc/PID/cgroup, as systemd finds it: the first part of the path that is no slice.

    The parts behind it are named by the user of the service, or by the systemd of a user, which has units of its own.
    `manager` is that file of PID 1: in a container, the path can begin with that of the container.
    """
    roots = paths_of(manager)
    for hierarchy, path in paths_of(cgroup).items():
        own = path.removeprefix(roots.get(hierarchy, "").removesuffix(OF_MANAGER))
        first = next((part for part in own.split("/") if part and not part.endswith(".slice")), "")
        if first.endswith(".service") and not first.startswith("user@"):
            return first
    return ""


def paths_of(cgroup: str) -> dict[str, str]:
    """The control groups of a process in the hierarchies that systemd keeps."""
    lines = (line.split(":", 2) for line in cgroup.split("\n") if line.count(":") > 1)
    return {hierarchy: path for _, hierarchy, path in lines if hierarchy in OF_SYSTEMD}


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
