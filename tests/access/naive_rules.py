"""Rules as their manual page explains them: every rule is compared with the client, and the best one decides.

Nothing of this is shared with the gate, which goes the other way: from the client to the keys of rules.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network

# Ranks in the order of tcpserver: the lowest wins, then the earlier line.
INFO_ADDRESS, INFO_HOST, ADDRESS, HOST, NETWORK, SUFFIX, ANY_NAME, CATCH_ALL = range(8)
Rank = tuple[int, int]


@dataclass(frozen=True)
class NaivePeer:
    ip: str
    host: str | None = None
    info: str | None = None


def best_rule(rules: list[str], peer: NaivePeer) -> int | None:
    """The index of the rule whose address fits best, None if none does."""
    ranked = [(rank, at) for at, rule in enumerate(rules) if (rank := rank_of(address_of(rule), peer)) is not None]
    return min(ranked)[1] if ranked else None


def address_of(rule: str) -> str:
    verdict = ":allow" if ":allow" in rule else ":deny"
    return rule[: rule.index(verdict)]


def rank_of(address: str, peer: NaivePeer) -> Rank | None:
    """How well an address fits a peer, None if it does not."""
    if address == "":
        return (CATCH_ALL, 0)
    if "@" in address:
        return rank_of_info(address, peer)
    if address.startswith("="):
        return rank_of_host(address[1:], peer)
    return rank_of_network(address, peer)


def rank_of_info(address: str, peer: NaivePeer) -> Rank | None:
    info, _, place = address.rpartition("@")
    if peer.info is None or info != peer.info:
        return None
    if place.startswith("="):
        return (INFO_HOST, 0) if place[1:] == peer.host else None
    return (INFO_ADDRESS, 0) if ip_address(place) == ip_address(peer.ip) else None


def rank_of_host(name: str, peer: NaivePeer) -> Rank | None:
    if peer.host is None:
        return None
    if name == "":
        return (ANY_NAME, 0)
    if name.startswith("."):
        return (SUFFIX, -len(name)) if peer.host.endswith(name) else None
    return (HOST, 0) if name == peer.host else None


def rank_of_network(address: str, peer: NaivePeer) -> Rank | None:
    client = ip_address(peer.ip)
    if "-" in address:
        before, _, rest = address.partition("-")
        high, dot, after = rest.partition(".")
        start, _, low = before.rpartition(".")
        octets = [f"{start}{'.' if start else ''}{octet}{dot}{after}" for octet in range(int(low), int(high) + 1)]
        return min((rank for octet in octets if (rank := rank_of_network(octet, peer))), default=None)
    if address.endswith("."):
        octets = address[:-1].split(".")
        address = ".".join(octets + ["0"] * (4 - len(octets))) + f"/{8 * len(octets)}"
    network = ip_network(address)
    if client.version != network.version or client not in network:
        return None
    whole = 32 if isinstance(client, IPv4Address) else 128
    return (ADDRESS, 0) if network.prefixlen == whole else (NETWORK, -network.prefixlen)
