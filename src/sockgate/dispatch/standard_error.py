"""Standard error, where it is a stream of the journal: the gate keeps it open for its servers.

All servers have the same stream as the gate. So one of them can end it for all others (shutdown(2)), also one without
privileges, and then each server that writes a word there is ended by SIGPIPE, for as long as the gate lives. So the
gate opens another stream. It also does when journald itself has lost the stream.
"""

import select

from ..connection.log import STDERR, WARNING
from ..connection.server import open_journal_stream
from .poller import Poller, Timer, Timers
from .records.records import Records

AGAIN_SECONDS = 1.0  # to the next attempt
CONNECT_SECONDS = 0.01  # in which no client is accepted, if the journal hangs


class StandardError:
    """A source that is ready when the stream has ended."""

    def __init__(self, poller: Poller, timers: Timers, records: Records) -> None:
        self._poller = poller
        self._timers = timers
        self._records = records
        self._is_watched = False

    def fileno(self) -> int:
        return STDERR

    def watch(self) -> None:
        """Watch the stream, if it is one of the journal."""
        if not self._records.stderr_is_journal:
            return
        try:
            self._poller.watch(self, select.EPOLLHUP)
            self._is_watched = True
        except OSError:  # the system is short of resources
            self._timers.set(Timer.STANDARD_ERROR, AGAIN_SECONDS)

    def renew(self) -> None:
        """Open another stream in the place of one that has ended, or watch the present one if that was not possible."""
        if self._is_watched:
            self._poller.unwatch(self)
            self._is_watched = False
        if has_ended():
            try:
                open_journal_stream(self._records.service, CONNECT_SECONDS)
            except OSError:
                self._timers.set(Timer.STANDARD_ERROR, AGAIN_SECONDS)
                return
            self._records.rare_event(
                WARNING, "", "standard error was shut down, by a server or by the journal: it is open again"
            )
        self.watch()


def has_ended() -> bool:
    poll = select.poll()
    poll.register(STDERR, 0)
    return bool(poll.poll(0))
