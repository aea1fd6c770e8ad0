"""How many clients may come in a time: --rate, and as xinetd (--cps) and inetd (--max-per-minute) count them."""

from collections.abc import Callable, Sequence
from time import monotonic

from ..core import DENY, Cause, Verdict
from .options import Limits

MINUTE = 60  # seconds


class Rate:
    """Counts clients, and pauses after one too many. A subclass says which client is one too many.

    seconds        how long the last pause is, from its begin
    counts_excess  whether it counts a client that the limit of its own source refuses. The old programs do, so one
                   source can close their services for all others
    """

    option, reason = "", ""
    counts_excess = True

    def __init__(self, most: int, pause: int) -> None:
        self._most = most
        self._pause = pause
        self._paused_until = 0.0
        self.seconds = 0.0

    def exceeded(self) -> bool:
        """Count a client. True if it is one too many, which begins a pause, and for all clients during the pause."""
        now = monotonic()
        if now < self._paused_until:
            return True
        if not self._is_too_many(now):
            return False
        self._paused_until = self._end_of_pause(now)
        self.seconds = self._paused_until - now
        return True

    def _is_too_many(self, now: float) -> bool:
        """Count a client that comes now."""
        raise NotImplementedError

    def _end_of_pause(self, now: float) -> float:
        return now + self._pause

    def _end_of_count(self) -> float:
        """The time from which on the clients so far do not count any more."""
        raise NotImplementedError

    @property
    def pause_left(self) -> float:
        """The seconds until the pause is over; 0 if there is none."""
        return max(0.0, self._paused_until - monotonic())

    @property
    def memory_left(self) -> float:
        """The seconds until what was counted so far, and the pause, decide nothing any more."""
        return max(0.0, self._end_of_count() - monotonic(), self.pause_left)

    @property
    def verdict(self) -> Verdict:
        text = f"{self._most}/{self._pause}" if self._pause else str(self._most)
        return Verdict(DENY, Cause(self.option, text), f"{self.reason} ({self.option} {text})")


class Average(Rate):
    """--rate N/SECONDS: if more than N clients per second come on average, a pause begins.

    It is a token bucket that holds N tokens, so a burst of N is always served.
    """

    option, reason = "--rate", "too many clients per second"
    counts_excess = False

    def __init__(self, most: int, pause: int) -> None:
        super().__init__(most, pause)
        self._tokens = float(most)
        self._updated = monotonic()

    def _is_too_many(self, now: float) -> bool:
        self._tokens = min(self._most, self._tokens + (now - self._updated) * self._most) - 1
        self._updated = now
        if self._tokens >= 0:
            return False
        self._tokens = float(self._most)
        return True

    def _end_of_count(self) -> float:
        return self._updated + 1


class PerSecond(Rate):
    """--cps N/SECONDS is xinetd's cps (access.c, 2.3.15.3).

    A client begins a time of N seconds. Each further client is counted, and is one too many if the count, divided by
    the whole seconds since the first (at least 1), is more than N. The first client after that time begins another.
    """

    option, reason = "--cps", "too many clients per second"

    def __init__(self, most: int, pause: int) -> None:
        super().__init__(most, pause)
        self._count = 0
        self._begin = 0  # the whole second of the first client

    def _is_too_many(self, now: float) -> bool:
        elapsed = int(now) - self._begin
        if not self._count or elapsed >= self._most:
            self._begin, self._count = int(now), 1
            return False
        self._count += 1
        return self._count // max(1, elapsed) > self._most

    def _end_of_count(self) -> float:
        return self._begin + self._most + 1 if self._count else 0.0


class PerMinute(Rate):
    """--max-per-minute N[/SECONDS] is nowait.MAX of inetd (inetd.c of openbsd-inetd and of inetutils).

    A client begins a minute. The client that is one too many begins another minute if the first is over. If not, the
    pause lasts to the end of the minute, or for SECONDS, and the next client begins a minute.
    """

    option, reason = "--max-per-minute", "too many clients in a minute"

    def __init__(self, most: int, pause: int) -> None:
        super().__init__(most, pause)
        self._count = 0
        self._begin = 0  # the whole second of the first client

    def _is_too_many(self, now: float) -> bool:
        if not self._count:
            self._begin = int(now)
        self._count += 1
        if self._count <= self._most:
            return False
        is_over = int(now) - self._begin > MINUTE
        self._begin, self._count = (int(now), 1) if is_over else (self._begin, 0)
        return not is_over

    def _end_of_pause(self, now: float) -> float:
        return now + self._pause if self._pause else self._begin + MINUTE + 1

    def _end_of_count(self) -> float:
        return self._begin + MINUTE + 1 if self._count else 0.0


class RateLimits:
    """The rates of this gate, and what happens to a client that is too much for one of them."""

    def __init__(self, rates: Sequence[Rate], pause: Callable[[float, str], None], *, refuse: bool) -> None:
        """`pause` is called with seconds and a reason, unless clients are to be refused."""
        self._rates = rates
        self._pause = pause
        self._refuse = refuse

    def excess(self, *, counts_excess: bool) -> Verdict | None:
        """Count a client for the rates of this kind. Returns its refusal if it is too much, or begins a pause."""
        for rate in self._rates:
            if rate.counts_excess == counts_excess and rate.exceeded():
                if self._refuse:
                    return rate.verdict
                self._pause(rate.seconds, rate.verdict.reason)
        return None

    @property
    def memory_left(self) -> float:
        """The seconds for which the clients so far count for a rate."""
        return max(rate.memory_left for rate in self._rates)


def rates_of(limits: Limits) -> tuple[Rate, ...]:
    rows = ((Average, limits.rate), (PerSecond, limits.cps), (PerMinute, limits.per_minute))
    return tuple(kind(*numbers) for kind, numbers in rows if numbers)


def rate_limits_of(limits: Limits, pause: Callable[[float, str], None]) -> RateLimits | None:
    """None without a rate."""
    rates = rates_of(limits)
    return RateLimits(rates, pause, refuse=limits.refuse) if rates else None
