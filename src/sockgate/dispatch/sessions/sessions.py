"""The servers that are running, each with its client, and the counts that limits go by."""

from time import monotonic

from ...core.peer import Peer
from ...core.verdict import Verdict
from ..deciding.record_text import Wording
from ..options import Limits
from .client_counts import Census, Origin, refusal


class Session:
    """A client that was let in: from the verdict until its server has ended.

    origin   what it is counted under; None until that is known
    number   how many of its source were connected when it came, itself included; 0 until that is known
    refused  it was let in only to be asked who it is, and was turned away then
    seconds  how long it took, once it is over
    wording  of its START, for the record of its end
    """

    __slots__ = ("number", "origin", "peer", "pid", "refused", "seconds", "since", "wording")

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.origin: Origin | None = None
        self.number = 0
        self.pid = 0
        self.refused = False
        self.since = monotonic()
        self.seconds = 0.0
        self.wording: Wording | None = None


class Sessions:
    """
    most    clients at a time
    count   clients at the moment
    full    whether these are as many as there may be
    begun   processes that were started for clients so far
    """

    def __init__(self, limits: Limits) -> None:
        self.most = limits.connections
        self._limits = limits
        self._census = Census(limits)
        self._running: dict[int, Session] = {}
        self.count = 0
        self.full = False
        self.begun = 0

    def forget(self) -> None:
        """In a guardian: whoever is connected now may have left when it comes to serve somebody."""
        self._census = Census(self._limits)
        self._running.clear()
        self.count, self.full = 0, False

    def admit(self, peer: Peer) -> Session | Verdict:
        """Count a client in; or the verdict that refuses it."""
        session = Session(peer)
        excess = refusal("--max-connections", self.most) if self.full else self._enter(session)
        if excess is None:
            self._come()
        return excess or session

    def admit_stranger(self, peer: Peer) -> Session | Verdict:
        """Count a client in whose source will be known later: this peer is a proxy."""
        if self.full:
            return refusal("--max-connections", self.most)
        self._come()
        return Session(peer)

    def introduce(self, session: Session, peer: Peer) -> Verdict | None:
        """The client behind the proxy is this one. Returns the verdict that refuses it, if one does."""
        if session.number:
            return None
        session.peer = peer
        return self._enter(session)

    def started(self, session: Session) -> None:
        """Its process runs."""
        self.begun += 1
        self._running[session.pid] = session

    def ended(self, pid: int) -> Session | None:
        """A process has ended. Returns the session that is over, None if it was no client's."""
        session = self._running.pop(pid, None)
        if session:
            self._leave(session)
        return session

    def abandoned(self, session: Session) -> None:
        """Its process could not be started."""
        self._leave(session)

    def _enter(self, session: Session) -> Verdict | None:
        origin = self._census.origin(session.peer)
        number = self._census.enter(origin)
        if isinstance(number, Verdict):
            return number
        session.origin, session.number = origin, number
        return None

    def _come(self) -> None:
        self.count += 1
        self.full = self.count >= self.most

    def _leave(self, session: Session) -> None:
        session.seconds = monotonic() - session.since
        self.count -= 1
        self.full = False
        if session.origin:
            self._census.leave(session.origin)
