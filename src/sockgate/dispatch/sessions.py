"""The servers that are running, each with its client, and the counts that limits go by.

The one place that several threads change; every method may be called from any of them.
"""

from threading import Lock
from time import monotonic

from ..core.access import Verdict
from ..core.peer import Peer
from .limits import Census, refusal
from .options import Limits


class Session:
    """A client that was let in: from the verdict until its server has ended."""

    __slots__ = ("number", "peer", "pid", "since")

    def __init__(self, peer: Peer, number: int) -> None:
        self.peer = peer
        self.number = number  # how many of its source were connected when it came, itself included
        self.pid = 0
        self.since = monotonic()


class Sessions:
    def __init__(self, limits: Limits) -> None:
        self._lock = Lock()
        self._limits = limits
        self._census = Census(limits)
        self._running: dict[int, Session] = {}
        self._ended_early: dict[int, int] = {}  # by pid: wait status of a server that started() was not told of yet
        self.count = 0
        self.served = 0

    @property
    def full(self) -> bool:
        return self.count >= self._limits.connections

    def admit(self, peer: Peer) -> Session | Verdict:
        """Count a client in; or the verdict that refuses it."""
        with self._lock:
            if self.full:
                return refusal("--max-connections", self._limits.connections)
            excess = self._census.excess(peer)
            if excess:
                return excess
            self.count += 1
            return Session(peer, self._census.enter(peer))

    def started(self, session: Session) -> int | None:
        """The server runs. If it has already ended meanwhile: its wait status, and the session is over."""
        with self._lock:
            self.served += 1
            status = self._ended_early.pop(session.pid, None)
            if status is None:
                self._running[session.pid] = session
            else:
                self._leave(session)
            return status

    def ended(self, pid: int, status: int) -> Session | None:
        """A process has ended. Returns the session that is over; None if started() has yet to be told of it."""
        with self._lock:
            session = self._running.pop(pid, None)
            if session is None:
                self._ended_early[pid] = status
            else:
                self._leave(session)
            return session

    def abandoned(self, session: Session) -> None:
        """The server could not be started."""
        with self._lock:
            self._leave(session)

    def _leave(self, session: Session) -> None:
        self.count -= 1
        self._census.leave(session.peer)
