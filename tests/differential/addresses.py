"""Addresses that tell rules apart: around the ends of what a rule covers, and its neighbours by digits."""

from ipaddress import IPv4Address, ip_address, ip_network
from random import Random

from sockgate.core.peer import Peer, internet_peer, pack

# Prefixes that generated rules are about: few, so that rules and clients meet.
IPV4_BLOCKS = (
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.2.0/24",
    "192.168.0.0/16",
    "192.168.1.0/24",
    "172.16.0.0/12",
    "8.0.0.0/8",
)
IPV6_BLOCKS = ("fd00::/8", "fd00:1::/32", "fd00:1:2::/48", "2001:db8::/32")


def random_network(random: Random, family: int) -> str:
    """A network in CIDR form, host bits masked."""
    block = ip_network(random.choice(IPV4_BLOCKS if family == 4 else IPV6_BLOCKS))
    address = block[random.choice((0, 1, 5, 256, random.randrange(block.num_addresses))) % block.num_addresses]
    bits = random.choice(
        (block.prefixlen, block.prefixlen + 1, block.max_prefixlen, random.randint(4, block.max_prefixlen))
    )
    return str(ip_network(f"{address}/{bits}", strict=False))


def random_address(random: Random, family: int) -> str:
    return str(ip_network(random_network(random, family))[0])


def around(network: str) -> list[str]:
    """The first and last address inside, those just outside, and the first with one decimal digit more."""
    block = ip_network(network, strict=False)
    first, last = int(block[0]), int(block[-1])
    kind = type(block[0])
    found = [
        str(kind(number))
        for number in (first, last, first - 1, last + 1)
        if 0 <= number <= int(kind(2**block.max_prefixlen - 1))
    ]
    digits = f"{block[0]}1"
    return [address for address in [*found, digits] if is_possible(address)]


BROADCAST = IPv4Address("127.255.255.255")  # a program that binds to it connects from 127.0.0.1


def is_possible(text: str) -> bool:
    """Whether a client on the loopback interface can have this address."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        if address == BROADCAST:
            return False
        return not (address.is_multicast or address.is_reserved or int(address) >> 24 == 0)
    mapped = address.ipv4_mapped is not None
    return not (address.is_multicast or address.is_unspecified or address.is_link_local or mapped)


def peer_at(client: str, server: str = "127.0.0.1", port: int = 25, *, dual_stack: bool = False) -> Peer:
    """The peer that a gate sees; with `dual_stack`, that of an IPv4 client on an IPv6 socket."""
    prefix = bytes(10) + b"\xff\xff" if dual_stack and ":" not in client else b""
    return internet_peer(prefix + pack(client), 40000, prefix + pack(server), port)
