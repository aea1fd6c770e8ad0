"""How many clients there are, from where, and how fast they come."""

from time import monotonic

from ...core.peer import Peer
from ...core.verdict import DENY, Cause, Verdict
from ..options import NETWORK_PREFIX, Limits

Network = tuple[int, int]  # address length in bytes (0 for a user of an AF_UNIX socket), number of the network
Origin = tuple[Network, Network | None]  # source and network, None if networks are not counted


def network_of(peer: Peer, prefix: tuple[int, int]) -> Network:
    """The network that this client is counted with; prefix in bits: (IPv4, IPv6)."""
    length = len(peer.remote)
    if not length:
        return 0, peer.credentials[1] if peer.credentials else -1
    bits = prefix[0] if length == 4 else prefix[1]
    return length, int.from_bytes(peer.remote, "big") >> (length * 8 - bits)


class ClientCounts:
    """Clients by source and by network. One more of them is counted, or the limit that is in the way is named."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.sources: dict[Network, int] = {}
        self.networks: dict[Network, int] = {}

    def origin(self, peer: Peer) -> Origin:
        """What this client is counted under."""
        source = network_of(peer, self._limits.source_prefix)
        return source, network_of(peer, NETWORK_PREFIX) if self._limits.per_network else None

    def enter(self, origin: Origin) -> int | Verdict:
        """Count this client. Returns how many there are from its source then, or the refusal of one too many."""
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
    """A count of 0 is not kept: a resident gate sees new sources for years."""
    left = counts.pop(key) - 1
    if left:
        counts[key] = left


def refusal(option: str, limit: int, where: str = "") -> Verdict:
    connections = "1 connection" if limit == 1 else f"{limit} connections"
    return Verdict(DENY, Cause(option, str(limit)), f"already {connections} {where}".rstrip() + f" ({option})")


class Rate:
    """--rate N/SECONDS, what xinetd has cps for: more than N clients per second on average, and a pause begins.

    A token bucket that holds N: a burst of N is always welcome. xinetd divides by whole seconds instead, and pauses
    already for a steady N per second (access.c, 2.3.15).
    """

    def __init__(self, most: int, pause: int) -> None:
        self._most = most
        self.pause = pause
        self._tokens = float(most)
        self._updated = monotonic()
        self._paused_until = 0.0

    def exceeded(self) -> bool:
        """Count a client. True if it is one too many, and for all that come during the pause that it begins."""
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
