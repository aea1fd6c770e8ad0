"""One connection as rules of hosts_access(5) see it, and the keys by which rules about its client are found."""

from ..core.host_names import CONFIRMED, FAILED, UNCONFIRMED, HostName
from ..core.peer import Peer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    # An address as text, `10.1.` for whole octets, or the length of an address in bytes, a prefix length, and a number.
    Key = str | tuple[int, int, int]

ALL, UNKNOWN, PARANOID = "all", "unknown", "paranoid"  # libwrap's words: no name, and a name that leads elsewhere


class End:
    """One end of a connection, as patterns see it.

    address  textual, with the scope of a link-local one (fe80::1%eth0); "unknown" if it has none
    packed   the same in network byte order
    asked    whether a pattern has asked for the name
    name     what libwrap would call it, once a pattern has asked; None if it could not be found out
    problem  why it could not
    """

    __slots__ = ("_peer", "address", "asked", "name", "packed", "problem")

    def __init__(self, peer: Peer, packed: bytes, ip: str | None) -> None:
        self._peer = peer
        self.packed = packed
        self.address = (f"{ip}%{peer.interface}" if peer.interface else ip) if ip else UNKNOWN
        self.asked = False
        self.name: str | None = None
        self.problem = ""

    def find_name(self) -> str | None:
        if not self.asked:
            self.asked = True
            host = self._peer.name_of(self.packed)
            self.name, self.problem = libwrap_name(host), host.problem
        return self.name

    def is_in_netgroup(self, group: str) -> bool | None:
        name, names = self.find_name(), self._peer.names
        if name is None or names is None:
            return None
        answer = names.is_in_netgroup(group, name)
        self.problem = f"the netgroup {group} is not known" if answer is None else ""
        return answer

    def shown(self) -> str:
        """What %h stands for: the name where a pattern has asked for it, else the address."""
        return self.name if self.name and self.name not in (UNKNOWN, PARANOID) else self.address


class Request:
    """One connection."""

    __slots__ = ("client", "daemon", "port", "remote_port", "server", "user")

    def __init__(self, daemon: str, peer: Peer) -> None:
        self.daemon = daemon
        self.client = End(peer, peer.remote, peer.remote_ip)
        self.server = End(peer, peer.local, peer.local_ip)
        self.port = peer.local_port
        self.remote_port = peer.remote_port
        self.user = peer.info or UNKNOWN


def libwrap_name(host: HostName) -> str | None:
    """libwrap does not believe an alias either, except localhost (socket.c)."""
    if host.state == FAILED:
        return None
    if host.state == UNCONFIRMED or (host.state == CONFIRMED and not host.canonical and host.text != "localhost"):
        return PARANOID
    return host.text or UNKNOWN


class ClientKeys:
    """Numbers of rules, to be found by the address or the name of a client without comparing every rule.

    addresses  by Key, also "all"
    names      by name, and by the end of a name from a dot on
    """

    __slots__ = ("_lengths", "addresses", "names")

    def __init__(self) -> None:
        self.addresses: dict[Key, list[int]] = {}
        self.names: dict[str, list[int]] = {}
        self._lengths: dict[int, set[int]] = {0: set(), 4: set(), 16: set()}

    def add(self, number: int, addresses: "Iterable[Key]", names: "Iterable[str]") -> None:
        for key in addresses:
            self.addresses.setdefault(key, []).append(number)
            if type(key) is tuple:
                self._lengths[key[0]].add(key[1])
        for name in names:
            self.names.setdefault(name, []).append(number)

    def of_address(self, end: End) -> list[int]:
        """The numbers of the rules that an address, without its name, may match."""
        text, packed = end.address.lower(), end.packed
        keys: list[Key] = [ALL, text]
        if len(packed) == 4:
            octets = text.split(".")
            keys += [".".join(octets[:count]) + "." for count in (1, 2, 3)]
        value, size = int.from_bytes(packed, "big"), len(packed)
        keys += [(size, bits, value >> size * 8 - bits) for bits in self._lengths[size]]
        found = [number for key in keys for number in self.addresses.get(key, ())]
        return found + self.of_name(text) if "%" in text else found

    def of_name(self, name: str) -> list[int]:
        """The numbers of the rules that a name may match."""
        keys = [name, *(name[at:] for at in range(1, len(name)) if name[at] == ".")]
        return [number for key in keys for number in self.names.get(key, ())]
