"""Wait for the next event: a descriptor is ready, or a time has come."""

import select
from enum import IntEnum, auto
from operator import itemgetter
from time import monotonic
from typing import Protocol

FOREVER = float("inf")


class Source(Protocol):
    """An object with a descriptor that can be watched."""

    def fileno(self) -> int: ...


class Poller:
    """The watched sources."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._sources: dict[int, Source] = {}

    def watch(self, source: Source, events: int = select.EPOLLIN) -> None:
        """Watch a source. Raises OSError if memory or watches are short (max_user_watches in epoll(7))."""
        self._epoll.register(source.fileno(), events)
        self._sources[source.fileno()] = source

    def unwatch(self, source: Source) -> None:
        del self._sources[source.fileno()]
        self._epoll.unregister(source.fileno())

    def wait(self, until: float) -> Source | None:
        """The next source that is ready, or None at this time of time.monotonic().

        It returns one source at a time, so that no source starves another.
        """
        seconds = -1 if until == FOREVER else max(0.0, until - monotonic())
        for descriptor, _events in self._epoll.poll(seconds, 1):
            return self._sources[descriptor]
        return None


class Timer(IntEnum):
    """The things that the accept loop does at a later time."""

    CHORES = auto()
    MORE_CHORES = auto()
    REPORT = auto()
    END_OF_PAUSE = auto()
    START_WAITING = auto()
    SLOW_READERS = auto()
    GUARDIAN = auto()
    ADOPTED = auto()
    LIFETIMES = auto()
    LEAVE_UNUSED = auto()
    LEAVE = auto()
    STANDARD_ERROR = auto()


class Timers:
    """The times when these things are due.

    next_due  the earliest, by time.monotonic(); FOREVER if none is set
    """

    def __init__(self) -> None:
        self._due: dict[Timer, float] = {}
        self.next_due = FOREVER

    def set(self, timer: Timer, seconds: float) -> None:
        """Make this timer due once, after these seconds. If it is already due earlier, that stays."""
        due = monotonic() + seconds
        if due < self._due.get(timer, FOREVER):
            self._due[timer] = due
            self.next_due = min(self.next_due, due)

    def cancel(self, timer: Timer) -> None:
        self._due.pop(timer, None)

    def take_due(self) -> Timer | None:
        """Delete and return the timer that has been due for the longest time. None if no timer is due."""
        if monotonic() < self.next_due:
            return None
        timer, due = min(self._due.items(), key=itemgetter(1), default=(None, FOREVER))
        if timer is not None and due <= monotonic():
            del self._due[timer]
        else:
            timer = None
        self.next_due = min(self._due.values(), default=FOREVER)
        return timer
