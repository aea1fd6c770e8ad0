"""Send refused clients their message, without waiting for clients that do not read."""

import _socket
import select
from time import monotonic

from ...connection.banners import discard_input
from ...core import GateError, Verdict
from ...core.peer import Peer
from ..descriptors import send_now
from ..guardian import Guardian
from ..poller import Poller, Timer, Timers
from ..records.records import Records
from ..sessions import Sessions

MOST = 100  # slow readers at a time; above it, the one that has had the most time is dropped
SECONDS = 5.0  # as long as sockgate waits


class SlowReader:
    """A client that has not read all of its message yet."""

    def __init__(self, connection: _socket.socket, unsent: bytes) -> None:
        self.connection = connection
        self.unsent = unsent
        self.given_up_at = monotonic() + SECONDS

    def fileno(self) -> int:
        return self.connection.fileno()


class Refusals:
    """Sends each refused client its message, then closes the connection."""

    def __init__(
        self, poller: Poller, timers: Timers, sessions: Sessions, records: Records, guardian: Guardian
    ) -> None:  # fmt: skip
        self._poller = poller
        self._timers = timers
        self._sessions = sessions
        self._records = records
        self._guardian = guardian
        self._slow: dict[SlowReader, None] = {}  # the oldest first

    def refuse(self, connection: _socket.socket, peer: Peer, why: Verdict | GateError, message: bytes) -> None:
        """Log and send the refusal. An error on this side has another kind of record, so that no client is banned."""
        self._sessions.refused += 1
        self._guardian.release(connection)
        if isinstance(why, Verdict):
            self._records.refused(peer, why)
        else:
            self._records.failed(peer, why)
        self.send(connection, message)

    def send(self, connection: _socket.socket, message: bytes) -> None:
        """Send this message. Close the connection when the client has read it, or does not read it."""
        unsent = send_now(connection, message)
        if not unsent:
            close(connection)
            return
        if len(self._slow) >= MOST:
            self._give_up(next(iter(self._slow)))
        reader = SlowReader(connection, unsent)
        try:
            self._poller.watch(reader, select.EPOLLOUT)
        except OSError:  # the system is short of resources: this client gets no more
            close(connection)
            return
        self._slow[reader] = None
        self._timers.set(Timer.SLOW_READERS, SECONDS)

    def go_on(self, reader: SlowReader) -> None:
        """Send more to this client, which can take it now."""
        reader.unsent = send_now(reader.connection, reader.unsent)
        if not reader.unsent:
            self._give_up(reader)

    def give_up_late(self) -> None:
        """Drop the clients that have had their time."""
        now = monotonic()
        for reader in list(self._slow):
            if now < reader.given_up_at:
                self._timers.set(Timer.SLOW_READERS, reader.given_up_at - now)
                return
            self._give_up(reader)

    def forget(self) -> None:
        """Called in the guardian: these clients and their descriptors belong to the gate."""
        for reader in self._slow:
            reader.connection.detach()
        self._slow.clear()

    def _give_up(self, reader: SlowReader) -> None:
        del self._slow[reader]
        self._poller.unwatch(reader)
        close(reader.connection)


def close(connection: _socket.socket) -> None:
    discard_input(connection.fileno())
    connection.close()
