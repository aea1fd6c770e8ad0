"""The number of clients, by source and network, and the rate at which they come."""

from time import monotonic

from ...core import DENY, Cause, Verdict
from ...core.peer import Peer
from ..options import NETWORK_PREFIX, Limits

Network = tuple[int, int]  # address length in bytes (0 for a user of an AF_UNIX socket), number of the network
Origin = tuple[Network, Network | None]  # source and network, None if networks are not counted


def network_of(peer: Peer, prefix: tuple[int, int]) -> Network:
    """The network with which this client is counted. The prefix is in bits: (IPv4, IPv6)."""
    length = len(peer.remote)
    if not length:
        return 0, peer.credentials[1] if peer.credentials else -1
    bits = prefix[0] if length == 4 else prefix[1]
    return length, int.from_bytes(peer.remote, "big") >> (length * 8 - bits)


class ClientCounts:
    """Counts clients by source and by network, and enforces the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.sources: dict[Network, int] = {}
        self.networks: dict[Network, int] = {}

    def origin(self, peer: Peer) -> Origin:
        """The source and the network of this client."""
        source = network_of(peer, self._limits.source_prefix)
        return source, network_of(peer, NETWORK_PREFIX) if self._limits.per_network else None

    def enter(self, origin: Origin) -> int | Verdict:
        """Count this client. Returns the number of clients from its source, or the refusal if a limit is reached."""
        source, network = origin
        limits = self._limits
        number = self.sources.get(source, 0) + 1
        if limits.per_source and number > limits.per_source:
            return refusal("--max-per-source", limits.per_source, "from this source")
        if network and limits.per_network:
            neighbours = self.networks.get(network, 0) + 1
            if neighbours > limits.per_network:
                return refusal("--max-per-network", limits.per_network, "from this network")
            self.networks[network] = neighbours
        self.sources[source] = number
        return number

    def leave(self, origin: Origin) -> None:
        source, network = origin
        decrement(self.sources, source)
        if network:
            decrement(self.networks, network)


def decrement(counts: dict[Network, int], key: Network) -> None:
    """Subtract one. A count of 0 is deleted: a resident gate sees new sources for years."""
    left = counts.pop(key) - 1
    if left:
        counts[key] = left


def refusal(option: str, limit: int, where: str = "") -> Verdict:
    connections = "1 connection" if limit == 1 else f"{limit} connections"
    return Verdict(DENY, Cause(option, str(limit)), f"already {connections} {where}".rstrip() + f" ({option})")


class Rate:
    """--rate N/SECONDS, like xinetd's cps: if more than N clients per second come on average, a pause begins.

    It is a token bucket that holds N tokens, so a burst of N is always served. xinetd divides by whole seconds instead,
    and already pauses at a steady N per second (access.c, 2.3.15).
    """

    def __init__(self, most: int, pause: int) -> None:
        self._most = most
        self.pause = pause
        self._tokens = float(most)
        self._updated = monotonic()
        self._paused_until = 0.0

    def exceeded(self) -> bool:
        """Count a client. True if it is one too many, which begins a pause, and for all clients during the pause."""
        now = monotonic()
        if now < self._paused_until:
            return True
        self._tokens = min(self._most, self._tokens + (now - self._updated) * self._most) - 1
        self._updated = now
        if self._tokens >= 0:
            return False
        self._paused_until = now + self.pause
        self._tokens = float(self._most)
        return True

    @property
    def cause(self) -> Cause:
        return Cause("--rate", f"{self._most}/{self.pause}")
