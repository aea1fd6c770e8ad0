"""The service record. Each reader makes it of an old service, and the unit plan reads nothing else."""

from dataclasses import dataclass
from enum import StrEnum

from ..core import peer
from ..units.model import Value, Word
from .input_files import Place
from .stunnel import Tls

# MaxConnections= must be set, or systemd takes 64. One machine hardly holds more than this.
NO_LIMIT = 65536
LARGEST = 1_000_000  # the largest number that sockgated takes
IDLE_SECONDS = 60  # for which a resident gate stays without a client, if the old program is not to be started by hand
STREAM, DATAGRAM, SEQUENTIAL = "ListenStream", "ListenDatagram", "ListenSequentialPacket"


def endpoint(address: str, port: int) -> str:
    """An address and a port as ListenStream= takes them. The port alone stands for every address of both families.

    The interface of a link-local address, which is behind the address elsewhere, is behind the port there.
    """
    address, scoped, interface = address.partition("%")
    return (peer.endpoint(address, port) if address else str(port)) + scoped + interface


class Engine(StrEnum):
    """What serves the clients: a gate for each of them, or one gate for all (sockgated)."""

    CONNECTION = "connection"
    RESIDENT = "resident"


@dataclass(frozen=True, slots=True)
class Listen:
    """One listening socket.

    kind     the directive: STREAM or DATAGRAM, or SEQUENTIAL
    address  in systemd's form: 25, 127.0.0.1:25, [::1]:25, [fe80::1]:25%eth0 or a path
    """

    kind: str
    address: str

    @property
    def is_addressed(self) -> bool:
        """Whether it is bound to one address of the machine. The address may come up later than the socket."""
        return ":" in self.address and not self.address.startswith(("0.0.0.0:", "[::]:"))

    @property
    def is_ipv6(self) -> bool:
        """Whether it is an IPv6 address, or only a port, which is the wildcard of both families."""
        return self.address.startswith("[") or self.address.isdigit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service in systemd's and the gate's terms.

    name              the name of the units, with the prefix of --prefix, without suffix
    old_name          its name in the report
    place             its place in the old configuration
    wait              whether the server gets the listening socket itself, instead of one connection
    ipv6_only         BindIPv6Only=: "both", "ipv6-only", or "" where it does not matter
    command           the server's words, the first is its path; systemd expands only Variable and Specifier
    argv0             the server's argv[0], "" for the last part of the path
    user, group       "" for root
    clear_groups      whether it runs without the user's further groups
    limits            (name as in setrlimit(2), in lower case; value as Limit*= takes it)
    environment       (name, value)
    secrets           (name, value) of variables that only root may read; they go to their own file
    pass_env          the only inherited variables that are kept; None for all
    gate              (gate option, value or None) that the service needs; without options it has no gate
    log               the gate's options for its records, if it has a gate
    rules             rules of tcprules for a file of its own, () for none
    needs_gate        whether it has a gate even without options, for the gate's variables
    options_from      a variable of the unit that holds further gate options, "" for none
    unit              further directives of [Unit] of the service
    socket            further directives of [Socket]
    directives        further directives of [Service]
    max_connections   None for no limit
    max_per_source    None for no limit
    rate              (connections, in this many seconds); 0 connections for no limit. This is for systemd
    resident          sockgated's own options beside these two limits: what the old program did above them, its rate
    resident_because  what the old program promised that only the resident engine keeps; "" for nothing
    engine            which engine it begins with. It is chosen when the whole service is known
    tls               what stunnel needs, between the gate and the server; None without TLS
    """

    name: str
    place: Place
    listens: tuple[Listen, ...]
    command: tuple[Word, ...]
    old_name: str = ""
    prefix: str = ""
    wait: bool = False
    ipv6_only: str = ""
    argv0: str = ""
    user: str = ""
    group: str = ""
    clear_groups: bool = False
    limits: tuple[tuple[str, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    pass_env: tuple[str, ...] | None = None
    gate: tuple[tuple[str, str | None], ...] = ()
    log: tuple[tuple[str, str], ...] = ()
    rules: tuple[str, ...] = ()
    needs_gate: bool = False
    options_from: str = ""
    unit: tuple[tuple[str, Value], ...] = ()
    socket: tuple[tuple[str, Value], ...] = ()
    directives: tuple[tuple[str, Value], ...] = ()
    max_connections: int | None = None
    max_per_source: int | None = None
    rate: tuple[int, int] = (0, 1)
    resident: tuple[tuple[str, str], ...] = ()
    resident_because: str = ""
    engine: Engine = Engine.CONNECTION
    tls: Tls | None = None

    @property
    def gated(self) -> bool:
        """Whether it has a gate. A gate can also set argv[0]: setpriv cannot, and env(1) only from coreutils 9.5 on."""
        renamed = self.clear_groups and bool(self.argv0)
        return self.needs_gate or bool(self.gate) or bool(self.rules) or self.pass_env is not None or renamed

    @property
    def takes_connections(self) -> bool:
        """Whether each of its processes takes one connection, so that it has both engines."""
        return not self.wait and all(listen.kind == STREAM for listen in self.listens)
