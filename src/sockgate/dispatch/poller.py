"""Waiting for the next thing to happen, and calling whoever is responsible for it."""

import select
from collections.abc import Callable
from operator import itemgetter
from time import monotonic
from typing import Protocol

FOREVER = float("inf")


class Readable(Protocol):
    def fileno(self) -> int: ...


class Loop:
    """Descriptors with their handlers, and timers."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._timers: dict[Callable[[], None], float] = {}
        self._next_due = FOREVER

    def watch(self, source: Readable, handler: Callable[[], None], events: int = select.EPOLLIN) -> None:
        self._handlers[source.fileno()] = handler
        self._epoll.register(source.fileno(), events)

    def unwatch(self, source: Readable) -> None:
        del self._handlers[source.fileno()]
        self._epoll.unregister(source.fileno())

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Call this once, that much later; if it is already due earlier, then only earlier."""
        due = monotonic() + seconds
        if due < self._timers.get(action, FOREVER):
            self._timers[action] = due
            self._next_due = min(self._next_due, due)

    def cancel(self, action: Callable[[], None]) -> None:
        self._timers.pop(action, None)

    def run_timers(self) -> None:
        """Call what is due. Before once(), which only wakes up for them: timers change what is to be waited for."""
        now = monotonic()
        if now < self._next_due:
            return
        for action, due in sorted(self._timers.items(), key=itemgetter(1)):
            if due <= now and action in self._timers:
                del self._timers[action]
                action()
        self._next_due = min(self._timers.values(), default=FOREVER)

    def once(self, expect_more: Callable[[], None]) -> None:
        """Wait for the next event or timer. If it is an event, call expect_more, then deal with it.

        One at a time, so that none starves another.
        """
        seconds = -1 if self._next_due == FOREVER else max(0.0, self._next_due - monotonic())
        for descriptor, _events in self._epoll.poll(seconds, 1):
            expect_more()
            self._handlers[descriptor]()
