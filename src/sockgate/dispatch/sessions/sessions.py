"""The sessions: clients that were let in, each with its server."""

from time import monotonic

from ...core.peer import Peer
from ...core.verdict import Verdict
from ..deciding.decision import RecordText
from ..options import Limits
from .client_counts import ClientCounts, Origin, refusal


class Session:
    """A client that was let in: from the verdict until its server has ended.

    origin   what it is counted under; None until that is known
    number   how many of its source were connected when it came, itself included; 0 until that is known
    refused  it was let in only to be asked who it is, and was turned away then
    seconds  how long it took, once it is over
    text     of the record of its start, for the record of its end
    """

    __slots__ = ("number", "origin", "peer", "pid", "refused", "seconds", "since", "text")

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.origin: Origin | None = None
        self.number = 0
        self.pid = 0
        self.refused = False
        self.since = monotonic()
        self.seconds = 0.0
        self.text: RecordText | None = None


class Sessions:
    """
    most     sessions at a time
    count    sessions at the moment
    full     whether there are as many as there may be
    served   clients that got a server so far
    refused  clients that were refused so far
    """

    def __init__(self, limits: Limits) -> None:
        self.most = limits.connections
        self._limits = limits
        self._counts = ClientCounts(limits)
        self._running: dict[int, Session] = {}
        self.count = 0
        self.full = False
        self.served = 0
        self.refused = 0

    def begin(self, peer: Peer) -> Session | Verdict:
        """Count a client in; or the verdict that refuses it."""
        session = Session(peer)
        excess = refusal("--max-connections", self.most) if self.full else self._count(session)
        if excess is None:
            self._add_one()
        return excess or session

    def begin_behind_proxy(self, proxy: Peer) -> Session | Verdict:
        """Count a client in whose address comes later, from this proxy."""
        if self.full:
            return refusal("--max-connections", self.most)
        self._add_one()
        return Session(proxy)

    def name_client(self, session: Session, peer: Peer) -> Verdict | None:
        """The client behind the proxy is this one. Returns the verdict that refuses it, if one does."""
        if session.number:
            return None
        session.peer = peer
        return self._count(session)

    def started(self, session: Session) -> None:
        """Its process runs."""
        self.served += 1
        self._running[session.pid] = session

    def turned_away(self, session: Session) -> None:
        """Its process, which asked the client who it is, refuses it."""
        session.refused = True
        self.served -= 1
        self.refused += 1

    def ended(self, pid: int) -> Session | None:
        """A process has ended. Returns the session that is over, None if it was no client's."""
        session = self._running.pop(pid, None)
        if session:
            self.end(session)
        return session

    def end(self, session: Session) -> None:
        """It is over; or its process could not be started."""
        session.seconds = monotonic() - session.since
        self.count -= 1
        self.full = False
        if session.origin:
            self._counts.leave(session.origin)

    def forget(self) -> None:
        """In the guardian: the clients that are connected now may have left when it serves one."""
        self._counts = ClientCounts(self._limits)
        self._running.clear()
        self.count, self.full = 0, False

    def _count(self, session: Session) -> Verdict | None:
        origin = self._counts.origin(session.peer)
        number = self._counts.enter(origin)
        if isinstance(number, Verdict):
            return number
        session.origin, session.number = origin, number
        return None

    def _add_one(self) -> None:
        self.count += 1
        self.full = self.count >= self.most
