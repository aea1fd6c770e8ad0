"""Waiting for the next thing to happen, and calling whoever is responsible for it."""

import os
import select
from collections.abc import Callable
from time import monotonic
from typing import Generic, Protocol, TypeVar

Result = TypeVar("Result")


class Readable(Protocol):
    def fileno(self) -> int: ...


class Loop(Generic[Result]):
    """Descriptors with their handlers, and timers. Used by one thread at a time, but for wake()."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], Result | None]] = {}
        self._timers: dict[Callable[[], None], float] = {}
        self._alarm = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._alarm, select.EPOLLIN)
        self._handlers[self._alarm] = self._awake

    def watch(self, source: Readable, handler: Callable[[], Result | None], events: int = select.EPOLLIN) -> None:
        self._handlers[source.fileno()] = handler
        self._epoll.register(source.fileno(), events)

    def unwatch(self, source: Readable) -> None:
        del self._handlers[source.fileno()]
        self._epoll.unregister(source.fileno())

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Call this once, that much later; if it is already due earlier, then only earlier."""
        self._timers[action] = min(monotonic() + seconds, self._timers.get(action, float("inf")))

    def cancel(self, action: Callable[[], None]) -> None:
        self._timers.pop(action, None)

    def wake(self) -> None:
        """Have the waiting thread look again at what it waits for. From any thread."""
        os.eventfd_write(self._alarm, 1)

    def once(self) -> Result | None:
        """Wait for one event and return what its handler returns: one at a time, so that none starves another."""
        for descriptor, _events in self._epoll.poll(self._run_timers(), 1):
            return self._handlers[descriptor]()
        return None

    def _run_timers(self) -> float:
        """Call what is due. Returns the seconds to the next, -1 if there is none."""
        if not self._timers:
            return -1
        now = monotonic()
        for action, due in list(self._timers.items()):
            if due <= now:
                del self._timers[action]
                action()
        return max(0.0, min(self._timers.values()) - now) if self._timers else -1

    def _awake(self) -> None:
        os.eventfd_read(self._alarm)
