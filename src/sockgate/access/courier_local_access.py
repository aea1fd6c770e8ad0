"""--courier-access-local: couriertcpd's -access with -accesslocal.

The entries are asked about the client, and then about the address and the port to which the client connected:
192.0.2.1.25, 192.0.2.1, its networks, *.25, and *. Both entries must let the client in. The variables of both count; of
two with the same name, the one for the client counts.
"""

from ..core import ALLOW, DENY, Verdict
from ..core.peer import Peer
from .courier_access import CourierAccess, Entry, EntryError, doubled, parse_octets, parse_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.options import Settings
    from ..core.rule_files import Sources

EVERY_ADDRESS = "*"
LAST_PORT = 65535
LONGEST = 5  # digits of a port


def build(settings: "Settings", sources: "Sources") -> "CourierAccessLocal":
    assert settings.courier_access_local is not None
    return CourierAccessLocal(settings.courier_access_local, sources)


class CourierAccessLocal(CourierAccess):
    """CourierAccess in which keys can end with a dot and a port. Raises ConfigError."""

    __slots__ = ("_ports",)

    def __init__(self, path: str, sources: "Sources | None" = None) -> None:
        self._ports: dict[tuple[bytes, int], Entry] = {}
        super().__init__(path, sources)

    def decide(self, peer: Peer, considered: list[str] | None = None) -> Verdict:
        verdict = super().decide(peer, considered)
        if verdict.outcome == DENY:
            return verdict
        entry = self._local_entry(peer, considered)
        if entry is None:
            return verdict
        local = entry.verdict()
        if local.outcome == DENY:
            return local
        variables = local.variables | verdict.variables
        named = verdict if verdict.outcome == ALLOW else local
        return Verdict(ALLOW, named.cause, named.reason, variables=variables)

    def asks_where(self, peer: Peer) -> bool:
        return super().decide(peer).outcome != DENY

    def _is_empty(self) -> bool:
        return super()._is_empty() and not self._ports

    def _local_entry(self, peer: Peer, considered: list[str] | None) -> Entry | None:
        entry = self._ports.get((peer.local, peer.local_port))
        if entry is None and considered is not None and peer.local_ip:
            considered.append(f"{self._path}: no entry for {peer.local_ip}.{peer.local_port}")
        entry = entry or self._entry(peer.local, considered) or self._ports.get((b"", peer.local_port))
        if entry is None and considered is not None and peer.local_ip:
            considered.append(f"{self._path}: no entry for *.{peer.local_port}")
        return entry or self._catch_all

    def _add(self, key: str, entry: Entry) -> None:
        place = parse_local(key)
        if place is None:
            super()._add(key, entry)
            return
        known = self._ports.setdefault(place, entry)
        if known is not entry:
            raise doubled(repr(key), entry, known)


def parse_local(key: str) -> tuple[bytes, int] | None:
    """The address and port of 192.0.2.1.25, :2001:...:0001.25 or *.25 (empty address). None for other keys.

    Raises EntryError.
    """
    address, _, digits = key.rpartition(".")
    is_whole = address == EVERY_ADDRESS or address.startswith(":") or address.count(".") == 3
    if not is_whole or "/" in key or "-" in key:
        return None
    if not (digits.isascii() and digits.isdigit() and len(digits) <= LONGEST and 0 < int(digits) <= LAST_PORT):
        raise EntryError(f"{digits!r} in the key {key!r} is not a port")
    if digits[0] == "0":
        raise EntryError(f"no socket has the key {key!r}", f"write {address}.{int(digits)}")
    if address == EVERY_ADDRESS:
        return b"", int(digits)
    length, bits, number = parse_words(address) if address.startswith(":") else parse_octets(address)
    if bits != 8 * length:
        raise EntryError(f"no socket has the key {key!r}", "write 192.0.2.1.25, all eight words of IPv6, or *.25")
    return number.to_bytes(length, "big"), int(digits)
