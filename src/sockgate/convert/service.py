"""The service record: what every reader makes of an old service, and all that the plan knows."""

from dataclasses import dataclass

from ..units.model import Value, Word
from .input_files import Place
from .stunnel import Tls

STREAM, DATAGRAM, SEQUENTIAL = "ListenStream", "ListenDatagram", "ListenSequentialPacket"


@dataclass(frozen=True, slots=True)
class Listen:
    """One listening socket.

    kind     the directive: STREAM or DATAGRAM, or SEQUENTIAL
    address  as systemd takes it: 25, 127.0.0.1:25, [::1]:25 or a path
    """

    kind: str
    address: str

    @property
    def is_addressed(self) -> bool:
        """Bound to one address of the machine, which may come up later than the socket."""
        return ":" in self.address and not self.address.startswith(("0.0.0.0:", "[::]:"))

    @property
    def is_ipv6(self) -> bool:
        """An IPv6 address or, where systemd is given nothing but a port, the wildcard of both families."""
        return self.address.startswith("[") or self.address.isdigit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service in systemd's and the gate's terms.

    name             of the units, without suffix, with the prefix that was asked for
    old_name         what the report calls it
    place            where it stood
    wait             the server takes the listening socket itself, instead of one connection
    ipv6_only        BindIPv6Only=: "both", "ipv6-only", or "" where it does not matter
    command          the server's words, the first one its path; systemd expands none but Variable and Specifier
    argv0            the name it runs under, "" for the last part of the path
    user, group      "" for the manager's own
    clear_groups     run without the user's further groups
    limits           (name as in setrlimit(2), in lower case; value as Limit*= takes it)
    environment      (name, value)
    secrets          (name, value) of variables that only root may read: they go to a file of their own
    pass_env         of the inherited variables only these; None for all
    gate             (gate option, value or None) that the service needs; without any it runs bare
    needs_gate       runs behind a gate even so, for the variables that it sets
    options_from     a variable of the unit that holds further gate options, "" for none
    unit             further directives of [Unit] of the service
    socket           further directives of [Socket]
    directives       further directives of [Service]
    max_connections  None for no limit
    max_per_source   None for no limit
    rate             (connections, in that many seconds); 0 connections for no limit
    tls              ended by stunnel, between the gate and the server; None where nobody does
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
    needs_gate: bool = False
    options_from: str = ""
    unit: tuple[tuple[str, Value], ...] = ()
    socket: tuple[tuple[str, Value], ...] = ()
    directives: tuple[tuple[str, Value], ...] = ()
    max_connections: int | None = None
    max_per_source: int | None = None
    rate: tuple[int, int] = (0, 1)
    tls: Tls | None = None

    @property
    def gated(self) -> bool:
        """setpriv cannot start the server under another name, and env(1) only from coreutils 9.5 on: the gate can."""
        renamed = self.clear_groups and bool(self.argv0)
        return self.needs_gate or bool(self.gate) or self.pass_env is not None or renamed
