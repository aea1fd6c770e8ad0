"""The keys by which a peer is looked up, from the most to the least specific.

A key is the address part of a rule in its normal form. One function makes the keys of a peer, and another (evaluate)
looks them up. So each dialect can have its own keys, and each store can answer them.
"""

from ..core import NO_MATCH, Verdict
from ..core.peer import Peer, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Protocol

    class Store(Protocol):
        name: str  # the path of the file, for messages

        def find(self, key: str) -> Verdict | None:
            """The verdict of the rule with exactly this key. None if there is no such rule. Raises ConfigError."""


DOTTED_LENGTHS = (24, 16, 8)  # networks that tcprules writes as `10.1.2.`, `10.1.` and `10.`


def tcprules_keys(peer: Peer, networks: "Callable[[Peer], list[str]]") -> list[str]:
    """The keys of tcpserver 0.88, in the order of its rules.c. `networks` gives the keys between host and suffixes.

    Info and host name count only if they are known. A peer without an address (AF_UNIX) has only the last key.
    """
    ip, host, info = peer.remote_ip, peer.host, peer.info
    keys = []
    if info is not None:
        keys += [f"{info}@{ip}"] if ip else []
        keys += [f"{info}@={host}"] if host is not None else []
    keys += [ip] if ip else []
    keys += [f"={host}"] if host is not None else []
    keys += networks(peer)
    if host is not None:
        keys += [f"={suffix}" for suffix in host_suffixes(host)]
        keys.append("=")
    keys.append("")
    return keys


def network_key(packed: bytes, length: int) -> str:
    """The key of the network of this prefix length around an address: `10.1.`, `10.1.128.0/17`, `2001:db8::/32`."""
    if len(packed) == 4 and length in DOTTED_LENGTHS:
        return "".join(f"{octet}." for octet in packed[: length // 8])
    shift = len(packed) * 8 - length
    if not shift:
        return text_of(packed)
    network = int.from_bytes(packed, "big") >> shift << shift
    return f"{text_of(network.to_bytes(len(packed), 'big'))}/{length}"


def network_keys(packed: bytes, lengths: "Iterable[int]") -> list[str]:
    """The networks around an address for these prefix lengths, longest first."""
    return [network_key(packed, length) for length in sorted(lengths, reverse=True)]


def textual_prefixes(ip: str) -> list[str]:
    """The address, cut after each of its dots as tcpserver 0.88 does, and after each colon as ucspi-tcp-ipv6 does."""
    return [ip[:end] for end in range(len(ip), 0, -1) if ip[end - 1] in ".:"]


def host_suffixes(host: str) -> list[str]:
    """`.example.com` and `.com` for www.example.com."""
    return [host[at:] for at in range(len(host)) if host[at] == "."]


def evaluate(keys: "Iterable[str]", store: "Store", considered: list[str] | None = None) -> Verdict:
    """The verdict of the first key that the store knows, else NO_MATCH. Raises ConfigError."""
    for key in keys:
        verdict = store.find(key)
        if verdict is not None:
            return verdict
        if considered is not None:
            considered.append(f"{store.name}: no rule for {key!r}" if key else f"{store.name}: no catch-all rule")
    return Verdict(NO_MATCH)


class OctetRange:
    """The keys of `10.2-3.` or `1.2.3.37-53`: one for each number. They are never listed only to be looked up."""

    __slots__ = ("frame", "high", "low")

    def __init__(self, before: str, low: int, high: int, after: str) -> None:
        self.frame = before, after
        self.low = low
        self.high = high

    def __iter__(self) -> "Iterator[str]":
        before, after = self.frame
        return (f"{before}{octet}{after}" for octet in range(self.low, self.high + 1))

    def __str__(self) -> str:
        before, after = self.frame
        return f"{before}{self.low}-{self.high}{after}"

    @property
    def octets(self) -> int:
        """A bit for each number."""
        return (1 << self.high + 1) - (1 << self.low)


class FirstNumbers:
    """For each key the number of the first rule that has it. A range costs as much as an address."""

    __slots__ = ("_covered", "_numbers", "_ranges")

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._covered: dict[tuple[str, str], int] = {}  # by frame: the octets that have a rule, as bits
        self._ranges: dict[tuple[str, str], list[tuple[int, int]]] = {}  # and those that a rule was the first to have

    def add(self, number: int, keys: "list[str] | OctetRange") -> None:
        if isinstance(keys, list):
            for key in keys:
                self._numbers.setdefault(key, number)
            return
        covered = self._covered.get(keys.frame, 0)
        new = keys.octets & ~covered
        if new:
            self._covered[keys.frame] = covered | new
            self._ranges.setdefault(keys.frame, []).append((new, number))

    def find(self, key: str) -> int | None:
        number = self._numbers.get(key)
        if self._ranges and key[:1].isdigit():
            found = [*self._in_ranges(key), *([] if number is None else [number])]
            return min(found, default=None)
        return number

    def has_all(self, keys: "list[str] | OctetRange") -> bool:
        """Whether there is a rule for each of these keys."""
        if isinstance(keys, OctetRange) and not keys.octets & ~self._covered.get(keys.frame, 0):
            return True
        return all(self.find(key) is not None for key in keys)

    def keys(self) -> "Iterable[str]":
        """All keys but those of ranges."""
        return self._numbers

    def _in_ranges(self, key: str) -> "Iterator[int]":
        """The numbers of the ranges that have this address or dotted prefix."""
        start = 0
        for part in key.split("."):
            end = start + len(part)
            if part.isdigit():
                for octets, number in self._ranges.get((key[:start], key[end:]), ()):
                    if octets >> int(part) & 1:
                        yield number
            start = end + 1
