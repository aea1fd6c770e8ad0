"""What one source is: the part of a client's address by which clients are counted together."""

from ..core.peer import Peer, text_of

Network = tuple[int, int]  # address length in bytes (0 for a user of an AF_UNIX socket), number of the network


def network_of(peer: Peer, prefix: tuple[int, int]) -> Network:
    """The network with which this client is counted. The prefix is in bits: (IPv4, IPv6)."""
    length = len(peer.remote)
    if not length:
        return 0, peer.credentials[1] if peer.credentials else -1
    bits = prefix[0] if length == 4 else prefix[1]
    return length, int.from_bytes(peer.remote, "big") >> (length * 8 - bits)


def source_of(peer: Peer, prefix: tuple[int, int]) -> str:
    """The source of this client as text: 192.0.2.1, 2001:db8::/64 or uid 1000."""
    length, number = network_of(peer, prefix)
    if not length:
        return peer.source
    bits = prefix[0] if length == 4 else prefix[1]
    address = text_of((number << (length * 8 - bits)).to_bytes(length, "big"))
    return address if bits == length * 8 else f"{address}/{bits}"
