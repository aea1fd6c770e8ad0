"""The sessions: admitted clients, each with its server process, until that ends."""

from time import monotonic

from ...core import Verdict
from ...core.peer import Peer
from ..deciding.decision import RecordText
from ..options import Limits
from .client_counts import ClientCounts, Origin, refusal


class Session:
    """One session, from the verdict until the server has ended.

    origin   source and network of the client; None until they are known
    number   how many clients of its source were connected when it came, itself included; 0 until it is known
    refused  whether a child finished its admission and refused it
    seconds  the duration, after the end
    text     text from the record of its start, for the record of its end
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
    """All sessions of the gate.

    most     the limit of sessions at a time
    count    the number of sessions now
    full     whether the limit is reached
    served   the number of clients that got a server so far
    refused  the number of clients that were refused so far
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
        """Begin a session for this client. Returns the verdict instead if a limit refuses it."""
        session = Session(peer)
        excess = refusal("--max-connections", self.most) if self.full else self._count(session)
        if excess is None:
            self._add_one()
        return excess or session

    def begin_behind_proxy(self, proxy: Peer) -> Session | Verdict:
        """Begin a session for a client behind this proxy. Its address comes later."""
        if self.full:
            return refusal("--max-connections", self.most)
        self._add_one()
        return Session(proxy)

    def name_client(self, session: Session, peer: Peer) -> Verdict | None:
        """The client behind the proxy is known now. Returns the verdict if a limit refuses it, else None."""
        if session.number:
            return None
        session.peer = peer
        return self._count(session)

    def started(self, session: Session) -> None:
        """The process of this session runs."""
        self.served += 1
        self._running[session.pid] = session

    def turned_away(self, session: Session) -> None:
        """The child that finished the admission refuses the client."""
        session.refused = True
        self.served -= 1
        self.refused += 1

    def ended(self, pid: int) -> Session | None:
        """A process has ended. Returns its session, which is over, or None if the process had none."""
        session = self._running.pop(pid, None)
        if session:
            self.end(session)
        return session

    def end(self, session: Session) -> None:
        """End this session: its server has ended, or could not be started."""
        session.seconds = monotonic() - session.since
        self.count -= 1
        self.full = False
        if session.origin:
            self._counts.leave(session.origin)

    def forget(self) -> None:
        """Called in the guardian: the clients that are connected now may have left before it serves one."""
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
