"""How many clients of each source and network are connected, and the limits of that."""

from ..core import DENY, Cause, Verdict
from ..core.peer import Peer
from .options import Limits
from .sources import Network, network_of

Origin = tuple[Network, Network | None]  # source and network, None if networks are not counted


class ClientCounts:
    """Counts clients by source and by network, and enforces the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.sources: dict[Network, int] = {}
        self.networks: dict[Network, int] = {}

    def origin(self, peer: Peer) -> Origin:
        """The source and the network of this client."""
        source = network_of(peer, self._limits.source_prefix)
        return source, network_of(peer, self._limits.network_prefix) if self._limits.per_network else None

    def enter(self, origin: Origin) -> int | Verdict:
        """Count this client. Returns the number of clients from its source, or the refusal if a limit is reached."""
        return self.excess(origin) or self.add(origin)

    def excess(self, origin: Origin) -> Verdict | None:
        """The refusal of the next client, if the limit of its source or of its network is reached."""
        source, network = origin
        limits = self._limits
        if limits.per_source and self.sources.get(source, 0) >= limits.per_source:
            return refusal("--max-per-source", limits.per_source, "from this source")
        if network and limits.per_network and self.networks.get(network, 0) >= limits.per_network:
            return refusal("--max-per-network", limits.per_network, "from this network")
        return None

    def add(self, origin: Origin) -> int:
        """Count this client, also above a limit. Returns the number of clients from its source."""
        source, network = origin
        number = self.sources[source] = self.sources.get(source, 0) + 1
        if network:
            self.networks[network] = self.networks.get(network, 0) + 1
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
