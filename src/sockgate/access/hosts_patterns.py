"""The patterns of hosts.allow and hosts.deny, as libwrap 7.6.q-32 (hosts_access.c) compares them: hosts_access(5).

A match is True, False, or None where it hangs on a host name that could not be found out; whoever asks decides
what that means. A pattern that no client can ever match, which libwrap skips in silence, is an error.
"""

import _socket

from ..core.addresses import inet_aton
from ..core.host_names import CONFIRMED, FAILED, UNCONFIRMED, HostName
from ..core.peer import Peer, pack, text_of
from ..core.rule_files import read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..core.rule_files import Sources

    Match = bool | None

UNKNOWN, PARANOID = "unknown", "paranoid"  # libwrap's words for no name, and for one that leads elsewhere
NUMERIC = "0123456789./"
PATTERN_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*?")
DEEPEST_FILE = 8  # files of patterns that name files of patterns


class End:
    """One end of a connection, as patterns see it.

    address  textual, with the scope of a link-local one (fe80::1%eth0); "unknown" if it has none
    packed   the same in network byte order
    name     what libwrap would call it, once somebody asked; None if it could not be found out
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

    def is_in_netgroup(self, group: str) -> "Match":
        name, names = self.find_name(), self._peer.names
        if name is None or names is None:
            return None
        answer = names.is_in_netgroup(group, name)
        self.problem = f"nobody knows the netgroup {group}" if answer is None else ""
        return answer

    def shown(self) -> str:
        """What %h stands for: the name where a pattern has asked for it, else the address."""
        return self.name if self.name and self.name not in (UNKNOWN, PARANOID) else self.address


class Request:
    """One connection, as rules see it."""

    __slots__ = ("client", "daemon", "port", "remote_port", "server", "user")

    def __init__(self, daemon: str, peer: Peer) -> None:
        self.daemon = daemon
        self.client = End(peer, peer.remote, peer.remote_ip)
        self.server = End(peer, peer.local, peer.local_ip)
        self.port = peer.local_port
        self.remote_port = peer.remote_port
        self.user = peer.info or UNKNOWN


def libwrap_name(host: HostName) -> str | None:
    """An alias is not believed either, but for localhost (socket.c)."""
    if host.state == FAILED:
        return None
    if host.state == UNCONFIRMED or (host.state == CONFIRMED and not host.canonical and host.text != "localhost"):
        return PARANOID
    return host.text or UNKNOWN


def match_text(pattern: str, text: str) -> bool:
    """libwrap's string_match, which it uses for names, addresses, daemons and users alike. Ignores case."""
    pattern, text = pattern.lower(), text.lower()
    if "*" in pattern or "?" in pattern:
        return match_wildcards(pattern, text)
    if pattern.startswith("."):
        return len(text) > len(pattern) and text.endswith(pattern)
    if pattern == "all":
        return True
    if pattern == "known":
        return text != UNKNOWN
    return text.startswith(pattern) if pattern.endswith(".") else text == pattern


def match_wildcards(pattern: str, text: str) -> bool:
    """`*` stands for any characters, `?` for one, in at most len(pattern) * len(text) steps.

    Behind a `*` that is not the last character libwrap wants something to be left: `a**` does not match `a`.
    """
    reached = {0}  # how much of the text the pattern so far can have matched
    for at, character in enumerate(pattern, 1):
        if character != "*":
            reached = {next + 1 for next in reached if next < len(text) and character in ("?", text[next])}
        elif reached:
            reached = set(range(min(reached), len(text) + (at == len(pattern))))
    return len(text) in reached


class HostPattern:
    """One word that a host is compared with. Raises ValueError for one that no host can match."""

    __slots__ = ("_compare", "_sources", "needs_name", "text")

    def __init__(self, text: str, sources: "Sources | None" = None, depth: int = 0) -> None:
        self.text = text
        self._sources = sources
        self.needs_name = True
        word = text.lower()
        if word.startswith("@"):
            self._compare: Callable[[End], Match] = lambda end: end.is_in_netgroup(text[1:])
        elif word.startswith("/"):
            self._compare = self._file(depth)
        elif word == "known":
            self._compare = is_known
        elif word == "local":
            self._compare = is_local
        else:
            self._compare = self._address_or_name()

    def match(self, end: End) -> "Match":
        return self._compare(end)

    def _address_or_name(self) -> "Callable[[End], Match]":
        text = self.text
        bracket, closed, size = text.partition("]")
        if text.startswith("[") and closed:
            self.needs_name = False
            return ipv6_pattern(text, bracket[1:], size)
        if "/" in text:
            self.needs_name = False
            return ipv4_pattern(text)
        if not PATTERN_CHARACTERS.issuperset(text):
            raise ValueError(f"no client can match {text!r}")
        if not text.strip(NUMERIC):
            self.needs_name = False
            require_address(text)
            return lambda end: match_text(text, end.address)
        self.needs_name = text.lower() != "all"
        return lambda end: match_text(text, end.address) or match_name(text, end)

    def _file(self, depth: int) -> "Callable[[End], Match]":
        """Patterns separated by blanks, in a file of their own."""
        if depth == DEEPEST_FILE:
            raise ValueError(f"{self.text!r}: files of patterns that name files, without end")
        words = read_file(self.text, sources=self._sources).decode("latin-1").split()
        patterns = [HostPattern(word, self._sources, depth + 1) for word in words]
        self.needs_name = any(pattern.needs_name for pattern in patterns)
        return lambda end: any_of(pattern.match(end) for pattern in patterns)


def any_of(matches: "Iterable[Match]") -> "Match":
    """True if one is, else None if one is, else False; asks no further than it must."""
    result: Match = False
    for match in matches:
        if match:
            return True
        result = None if match is None else result
    return result


def match_name(pattern: str, end: End) -> "Match":
    name = end.find_name()
    return None if name is None else match_text(pattern, name)


def is_known(end: End) -> "Match":
    name = end.find_name()
    return None if name is None else end.address != UNKNOWN and name not in (UNKNOWN, PARANOID)


def is_local(end: End) -> "Match":
    name = end.find_name()
    return None if name is None else "." not in name and name not in (UNKNOWN, PARANOID)


def require_address(text: str) -> None:
    """Of digits and dots alone, only a whole address or one that begins or ends with a dot can match."""
    if text.startswith(".") or text.endswith("."):
        return
    try:
        pack(text)
    except ValueError:
        raise ValueError(f"no client can match {text!r}: write {text}. for a network") from None


def ipv4_pattern(text: str) -> "Callable[[End], Match]":
    """`net/mask` or `net/bits`."""
    net, _, mask = text.partition("/")
    network, bits = dotted_quad(net), dotted_quad(mask)
    if bits is None and mask.isascii() and mask.isdigit() and len(mask) <= 2 and 1 <= int(mask) <= 32:
        bits = 0xFFFFFFFF << 32 - int(mask) & 0xFFFFFFFF
    if network is None or bits is None:
        raise ValueError(f"no client can match {text!r}: it is not NET/MASK or NET/1 to NET/32")
    if network & bits != network:
        masked = text_of((network & bits).to_bytes(4, "big"))
        raise ValueError(f"no client can match {text!r}: write {masked}/{mask}")
    known: int = bits
    return lambda end: len(end.packed) == 4 and int.from_bytes(end.packed, "big") & known == network


def dotted_quad(text: str) -> int | None:
    """An address of four parts as inet_addr(3) reads it, which takes 255.255.255.255 for an error."""
    try:
        number = inet_aton(text) if text.count(".") == 3 else None
    except ValueError:
        return None
    return None if number == 0xFFFFFFFF else number


def ipv6_pattern(text: str, inside: str, size: str) -> "Callable[[End], Match]":
    """`[address]`, `[address%scope]` or `[net]/bits`."""
    address, _, scope = inside.partition("%")
    bits = size.removeprefix("/") if size else "128"
    try:
        if size and not (size.startswith("/") and bits.isascii() and bits.isdigit() and len(bits) <= 3):
            raise ValueError
        host_bits = 128 - int(bits)
        network = int.from_bytes(_socket.inet_pton(_socket.AF_INET6, address), "big") >> host_bits
    except (OSError, ValueError):  # ValueError: also a negative shift
        raise ValueError(f"no client can match {text!r}: it is not [ADDRESS] or [NET]/BITS") from None
    if host_bits <= 32 and network >> 32 - host_bits == 0xFFFF:
        raise ValueError(f"no client can match {text!r}: write IPv4 addresses as such")

    def compare(end: End) -> bool:
        has_scope = not scope or end.address.partition("%")[2] == scope
        return len(end.packed) == 16 and has_scope and int.from_bytes(end.packed, "big") >> host_bits == network

    return compare
