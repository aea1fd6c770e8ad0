"""Accept clients while one more can be served. Otherwise clients wait in the kernel's queue."""

import _socket
import errno
from collections.abc import Sequence
from time import monotonic

from ...connection.log import PAUSED
from ..overload import OVERLOAD_SECONDS, OVERLOADED
from ..poller import Poller, Timer, Timers
from ..records.buffered_log import WARNING
from ..records.rate_limiter import RateLimiter
from ..records.records import Records
from .listener import Listener

# Errors of accept(2) about one connection: it was aborted, or a firewall forbids it. The next connection may be good.
NOT_A_CLIENT = frozenset((
    errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.ENOPROTOOPT, errno.EHOSTDOWN, errno.ENONET,
    errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH, errno.EAGAIN, errno.ETIMEDOUT,
))  # fmt: skip
MOST_FAILURES = 100  # after so many of these errors in a row, the gate pauses


class Accepting:
    """Whether and how clients are accepted now.

    paused   no client is accepted for the moment
    trouble  the reason of the pause, as text; empty while clients are accepted, or wait for other clients to leave
    """

    def __init__(self, listeners: Sequence[Listener], poller: Poller, timers: Timers, records: Records) -> None:
        self._listeners = listeners
        self._poller = poller
        self._timers = timers
        self._records = records
        self._limiter = RateLimiter()
        self._watched: list[Listener] = []
        self._paused_until = 0.0
        self._closed_for_good = False
        self._failures = 0
        self.paused = False
        self.trouble = ""

    def accept(self, listener: Listener) -> _socket.socket | None:
        """The connection of the next client. None if no client waits."""
        try:
            connection = listener.accept()
        except OSError as error:
            if error.errno not in NOT_A_CLIENT | OVERLOADED:
                raise
            self._failures += 1
            if error.errno not in NOT_A_CLIENT or self._failures >= MOST_FAILURES:
                self._failures = 0
                self.pause(OVERLOAD_SECONDS, f"unable to accept a connection: {error.strerror}")
            return None
        if self._failures:
            self._failures = 0
        return connection

    def pause(self, seconds: float, reason: str) -> None:
        """Accept no client for this time. If a longer pause has already begun, it goes on."""
        text = self._limiter.pass_on(f"{reason}: accepting no clients for {seconds:g} s")
        if text:
            self._records.event(WARNING, PAUSED, text)
        end = monotonic() + seconds
        if end > self._paused_until:
            self._paused_until = end
            self.trouble = reason
        self.paused = True
        self._timers.set(Timer.END_OF_PAUSE, seconds)

    def end_pause(self) -> None:
        """End the pause, unless a longer one has begun meanwhile."""
        seconds = self._paused_until - monotonic()
        if seconds > 0:
            self._timers.set(Timer.END_OF_PAUSE, seconds)
        else:
            self.paused = False
            self.trouble = ""

    def adjust(self, *, full: bool) -> None:
        """Watch the listening sockets, or stop watching them while no client may be accepted."""
        wanted = not (full or self.paused or self._closed_for_good)
        if wanted == bool(self._watched):
            return
        try:
            if wanted:
                for listener in self._listeners:
                    self._poller.watch(listener)
                    self._watched.append(listener)
                return
        except OSError as error:
            self.pause(OVERLOAD_SECONDS, f"unable to wait for clients: {error.strerror}")
        for listener in self._watched:
            self._poller.unwatch(listener)
        self._watched.clear()

    def close_for_good(self, reason: str) -> None:
        self._closed_for_good = True
        self.trouble = reason
