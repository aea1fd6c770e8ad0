"""The figures of a report, collected in one pass over the connections."""

import ipaddress
from collections import Counter
from dataclasses import dataclass, field

from ...core import DENY
from ...journal.connection import LEFT, MICROSECONDS, Connection, Ending
from ...journal.dropped import Dropped
from ..log import describe_end

MOST_INTERVALS = 60
# Widths of an interval, in seconds, that are easy to read.
WIDTHS = (1, 5, 15, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 7 * 86400, 30 * 86400, 365 * 86400)
DURATIONS = ((0.1, "under 0.1 s"), (1, "0.1 to 1 s"), (10, "1 to 10 s"), (60, "10 s to 1 min"), (600, "1 to 10 min"),
             (3600, "10 min to 1 h"), (float("inf"), "over 1 h"))  # fmt: skip
NETWORK_PREFIX = {4: 24, 6: 48}


@dataclass(slots=True)
class ServiceFigures:
    """One service: the number of clients let in, refused and failed, and the total time of the sessions.

    dropped  clients that systemd turned away at the limits of the socket
    """

    allowed: int = 0
    refused: int = 0
    failed: int = 0
    dropped: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Summary:
    """All that the report shows. Times are in microseconds since 1970."""

    since: int
    until: int
    allowed: Counter[int] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)
    services: dict[str, ServiceFigures] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    networks: Counter[str] = field(default_factory=Counter)
    durations: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    refused_sources: Counter[str] = field(default_factory=Counter)

    @property
    def width(self) -> int:
        """Seconds of one interval of the time line."""
        span = (self.until - self.since) / MICROSECONDS
        return next((width for width in WIDTHS if span / width <= MOST_INTERVALS), WIDTHS[-1])

    @property
    def intervals(self) -> int:
        return max(1, -(-(self.until - self.since) // (self.width * MICROSECONDS)))

    def total(self, what: str) -> int:
        return sum(getattr(figures, what) for figures in self.services.values())

    def add(self, connection: Connection, ending: Ending | None, *, open_: bool, vague: bool) -> None:
        figures = self.services.setdefault(connection.service or "unknown", ServiceFigures())
        if connection.remote_address:
            self.sources[connection.remote_address] += connection.count
        if connection.allowed:
            figures.allowed += 1
            self.allowed[self._interval(connection.start)] += 1
            self._add_session(figures, ending, describe_end(ending, open_=open_, vague=vague))
        elif connection.verdict != LEFT:
            self._add_refusal(figures, connection)

    def add_dropped(self, service: str, client: Dropped) -> None:
        self.services.setdefault(service, ServiceFigures()).dropped += 1
        self.refused[self._interval(client.at)] += 1
        self.reasons["MaxConnectionsPerSource=" if client.source else "MaxConnections="] += 1
        if client.source:
            self.sources[client.source] += 1
            self.refused_sources[client.source] += 1
            self.networks[network_of(client.source)] += 1

    def _interval(self, at: int) -> int:
        return (at - self.since) // (self.width * MICROSECONDS)

    def _add_session(self, figures: ServiceFigures, ending: Ending | None, how: str) -> None:
        self.endings["unknown" if how == "-" else how] += 1
        if ending:
            figures.seconds += ending.seconds
            self.durations[next(name for most, name in DURATIONS if ending.seconds < most)] += 1

    def _add_refusal(self, figures: ServiceFigures, connection: Connection) -> None:
        count = connection.count
        if connection.verdict == DENY:
            figures.refused += count
        else:
            figures.failed += count
        self._spread(connection)
        self.reasons[connection.rule or connection.reason or "unknown"] += count
        if connection.remote_address:
            self.networks[network_of(connection.remote_address)] += count
            self.refused_sources[connection.remote_address] += count

    def _spread(self, connection: Connection) -> None:
        """Count the refusals in their intervals. Those of a sum are spread evenly from the first to the last."""
        begin, end = (self._interval(max(at, self.since)) for at in (connection.start, connection.last))
        intervals = end - begin + 1
        each, rest = divmod(connection.count, intervals)
        for index in range(intervals):
            self.refused[begin + index] += each + (index < rest)


def network_of(address: str) -> str:
    """The /24 or /48 of an address. Providers often give a network of this size to one customer."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # uid 1000, the client of an AF_UNIX socket
        return address
    return str(ipaddress.ip_network((parsed, NETWORK_PREFIX[parsed.version]), strict=False))
