"""Waiting for the next thing to happen: a descriptor that has something to say, or a time that has come."""

import select
from enum import IntEnum, auto
from operator import itemgetter
from time import monotonic
from typing import Protocol

FOREVER = float("inf")


class Source(Protocol):
    """What can be waited for."""

    def fileno(self) -> int: ...


class Poller:
    """The sources that are waited for."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._sources: dict[int, Source] = {}

    def watch(self, source: Source, events: int = select.EPOLLIN) -> None:
        """Raises OSError if the system is short of memory, or of watches (max_user_watches in epoll(7))."""
        self._epoll.register(source.fileno(), events)
        self._sources[source.fileno()] = source

    def unwatch(self, source: Source) -> None:
        del self._sources[source.fileno()]
        self._epoll.unregister(source.fileno())

    def wait(self, seconds: float) -> Source | None:
        """The next source that is ready, None after so many seconds, -1 for no end.

        One at a time, so that no source starves another.
        """
        for descriptor, _events in self._epoll.poll(seconds, 1):
            return self._sources[descriptor]
        return None


class Timer(IntEnum):
    """What the accept loop does later, without a client that would remind it."""

    CHORES = auto()
    REPORT = auto()
    END_OF_PAUSE = auto()
    START_WAITING = auto()
    SLOW_READERS = auto()
    GUARDIAN = auto()
    LEAVE_UNUSED = auto()
    LEAVE = auto()


class Timers:
    """When each of these is due."""

    def __init__(self) -> None:
        self._due: dict[Timer, float] = {}
        self._next_due = FOREVER

    def set(self, timer: Timer, seconds: float) -> None:
        """Due once, so much later. If it is already due earlier, then only earlier."""
        due = monotonic() + seconds
        if due < self._due.get(timer, FOREVER):
            self._due[timer] = due
            self._next_due = min(self._next_due, due)

    def cancel(self, timer: Timer) -> None:
        self._due.pop(timer, None)

    def seconds_left(self) -> float:
        """Until the next one is due; -1 if none is set."""
        return -1 if self._next_due == FOREVER else max(0.0, self._next_due - monotonic())

    def take_due(self) -> Timer | None:
        """The one that is due for the longest time, which is no longer set; None if none is due yet."""
        if monotonic() < self._next_due:
            return None
        timer, due = min(self._due.items(), key=itemgetter(1), default=(None, FOREVER))
        if timer is not None and due <= monotonic():
            del self._due[timer]
        else:
            timer = None
        self._next_due = min(self._due.values(), default=FOREVER)
        return timer
