"""--rate-per-source N/SECONDS[,BLOCK]: how many clients of one source may come in a time.

The first client of a source begins a time of SECONDS, in which N may come. One more begins a block: until that time is
over, or for BLOCK seconds if that is longer, each client of the source is refused. The first client after that begins
another time. What comes during a block does not make it longer.

An attacker can have any number of sources. So only the latest are remembered, and each costs the same. A source that
is forgotten may come N times more: other clients are not refused for an attacker's sake.
"""

from time import monotonic
from typing import Generic, TypeVar

from ..core import DENY, Cause, Verdict
from ..core.peer import Peer
from .options import Limits
from .sources import network_of

OPTION = "--rate-per-source"
MOST_SOURCES = 16_000  # in each half of a memory, about 150 bytes each

Value = TypeVar("Value")


class Latest(Generic[Value]):
    """Values by source. A value is kept for at least a time after it was set, unless too many other ones are.

    There are two halves: the values of this time, and those of the time before. To forget a half costs nothing for each
    value. (To find the oldest value of one dictionary would cost more, the more values were deleted from it.)
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._new: dict[int, Value] = {}
        self._old: dict[int, Value] = {}
        self._begin = 0.0

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def find(self, source: int) -> Value | None:
        found = self._new.get(source)
        return self._old.get(source) if found is None else found

    def set(self, source: int, value: Value, now: float) -> None:
        if now - self._begin >= self._seconds or len(self._new) >= MOST_SOURCES:
            self._old, self._new, self._begin = self._new, {}, now
        self._new[source] = value


class Blocked(Verdict):
    """The refusal of a client from a source that is blocked.

    is_first  whether the block begins with this client
    """

    __slots__ = ("is_first",)

    def __init__(self, cause: Cause, reason: str, *, is_first: bool) -> None:
        super().__init__(DENY, cause, reason)
        self.is_first = is_first


class SourceRates:
    """The clients of each source in its present time, and the sources that are blocked."""

    def __init__(self, most: int, seconds: int, block: int, prefix: tuple[int, int]) -> None:
        """`block` is 0 if a block has no time of its own; `prefix` says what one source is."""
        self._most = most
        self._seconds = seconds
        self._block = block
        self._prefix = prefix
        self._times: Latest[tuple[float, int]] = Latest(seconds)  # when the time began, and how many came
        self._blocks: Latest[float] = Latest(max(seconds, block))  # when the block is over
        self._memory_until = 0.0
        text = f"{most}/{seconds}" + (f",{block}" if block else "")
        clients = "1 connection" if most == 1 else f"{most} connections"
        blocked = f", blocked for {block} s" if block else ""
        cause, reason = Cause(OPTION, text), f"more than {clients} in {seconds} s from this source{blocked} ({OPTION})"
        self._first, self._next = (Blocked(cause, reason, is_first=is_first) for is_first in (True, False))

    def excess(self, peer: Peer) -> Blocked | None:
        """Count this client. Returns the refusal if it is one too many, or if its source is blocked."""
        length, number = network_of(peer, self._prefix)
        source = number << 5 | length  # an address has 0, 4 or 16 bytes
        now = monotonic()
        if now < (self._blocks.find(source) or 0.0):
            return self._next
        begin, count = self._times.find(source) or (now, 0)
        if now - begin >= self._seconds:
            begin, count = now, 0
        if count < self._most:
            self._times.set(source, (begin, count + 1), now)
            self._remember_until(begin + self._seconds)
            return None
        end = max(begin + self._seconds, now + self._block)
        self._blocks.set(source, end, now)
        self._remember_until(end)
        return self._first

    @property
    def memory_left(self) -> float:
        """The seconds until what was counted so far decides nothing any more."""
        return max(0.0, self._memory_until - monotonic())

    def _remember_until(self, end: float) -> None:
        self._memory_until = max(self._memory_until, end)


def source_rates_of(limits: Limits) -> SourceRates | None:
    """None without the option."""
    return SourceRates(*limits.rate_per_source, limits.source_prefix) if limits.rate_per_source else None
