"""Admitted clients and their sessions, each with its server until that has ended."""

import _socket
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from ..core import Verdict
from ..core.peer import Peer
from .client_counts import ClientCounts, Origin, refusal
from .deciding.decision import Decision, RecordText
from .deciding.reloading_gate import RulesInForce
from .options import Limits
from .peer_text import encode
from .session_groups import SessionGroups
from .session_table import ASKING, SessionTable
from .source_rates import source_rates_of
from .usage import Usage

if TYPE_CHECKING:
    from ..connection.admission import Admission
    from ..connection.needs import Need


class Session:
    """One session, from the verdict until the server has ended.

    origin   source and network of the client; None until they are known
    number   how many clients of its source were connected when it came, itself included; 0 until it is known
    refused  whether a child finished its admission and refused it
    over     whether the session has ended: then it counts nowhere any more
    row      where the table of sessions has it; 0 if it is not there
    seconds  the duration, after the end
    group    the folder of its control group; empty without one
    text     text from the record of its start, for the record of its end
    usage    what it has used, after the end; None if that is not wanted
    why      the option that ended it; empty if its server ended by itself
    """

    __slots__ = (
        "group", "number", "origin", "over", "peer", "pid", "refused", "row", "seconds", "since", "text", "usage",
        "why",
    )  # fmt: skip

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.origin: Origin | None = None
        self.number = 0
        self.pid = self.row = 0
        self.refused = False
        self.over = False
        self.since = monotonic()
        self.seconds = 0.0
        self.text: RecordText | None = None
        self.usage: Usage | None = None
        self.group = self.why = ""


class Sessions:
    """All sessions of the gate.

    most     the limit of sessions at a time
    count    the number of sessions now
    full     whether the limit is reached
    served   the number of clients that got a server so far
    refused  the number of clients that were refused so far

    left_behind  the number of processes that servers have left, if the gate looks for them
    groups       the control groups of the sessions; None if they have none
    """

    def __init__(self, limits: Limits, table: SessionTable, groups: SessionGroups | None = None) -> None:
        self.table = table
        self.groups = groups
        self.most = limits.connections
        self._limits = limits
        self._counts = ClientCounts(limits)
        self._rates = source_rates_of(limits)
        self._running: dict[int, Session] = {}
        self._adopted: set[Session] = set()  # of the gates before
        self.count = 0
        self.full = False
        self.served = 0
        self.refused = 0
        self.left_behind = 0

    @property
    def queue_waits(self) -> bool:
        """Whether the next clients have to wait in the kernel's queue."""
        return self.full and not self._limits.refuse

    def excess(self, peer: Peer) -> Verdict | None:
        """Count this client for the rate of its source, once for each client. Returns the refusal if it is too much."""
        return self._rates.excess(peer) if self._rates else None

    def is_at_own_limit(self, peer: Peer) -> bool:
        """Whether a limit of its source or network refuses this client."""
        return self._counts.excess(self._counts.origin(peer)) is not None

    @property
    def memory_left(self) -> float:
        """The seconds for which the clients so far count for the rate of their sources; 0 without one."""
        return self._rates.memory_left if self._rates else 0.0

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
        """The client behind the proxy is known now. Returns the verdict if a limit refuses it, else None.

        The child that named it may have been killed, and its session be over before its words are heard.
        """
        if session.number or session.over:
            return None
        session.peer = peer
        return self._count(session)

    def prepare(self, session: Session, decision: Decision | None) -> None:
        """Prepare the row of this session, so that little is left to do when its server, or a child, is started."""
        if not session.row:
            text, flags = (decision.saved, 0) if decision else (encode(session.peer), ASKING)
            session.row = self.table.prepare(session.since, session.peer.remote_port, text, flags)

    def starting(self, session: Session) -> None:
        """The server of this session will be started now, or a child that decides.

        Raises SystemFailure if there can be no control group for it.
        """
        if self.groups and not session.group:
            session.group = self.groups.make()
        if session.row:
            self.table.begin(session.row)

    def postponed(self, session: Session) -> None:
        """It could not be started yet."""
        if session.row:
            self.table.postpone(session.row)

    def started(self, session: Session) -> None:
        """The process of this session runs."""
        self.served += 1
        self._running[session.pid] = session
        if session.row:
            self.table.run(session.row, session.pid, named=session.origin is not None)

    def running(self) -> Iterator[Session]:
        """The sessions with a process that runs."""
        yield from self._running.values()
        yield from self._adopted

    def adopt(self, session: Session) -> None:
        """Count a session that another gate began, also above a limit."""
        if self.groups:
            session.group = self.groups.adopt(session.pid)
        self._adopted.add(session)
        self._add_one()

    def find_groups(self) -> None:
        """A guardian has ended: the control groups of its sessions are ours."""
        if self.groups:
            with suppress(OSError):
                self.groups.find({session.group for session in self.running()})

    def leave_adopted(self, session: Session) -> None:
        """The process of an adopted session has ended. The table still has the session."""
        self._adopted.remove(session)
        self.leave(session)

    def name_adopted(self, session: Session) -> None:
        """Count the client of an adopted session, which is known now."""
        session.origin = self._counts.origin(session.peer)
        session.number = self._counts.add(session.origin)

    def turned_away(self, session: Session) -> None:
        """The child that finished the admission refuses the client."""
        session.refused = True
        self.served -= 1
        self.refused += 1

    def ended(self, pid: int, status: int) -> Session | None:
        """A process has ended. Returns its session, which is over, or None if the process had none."""
        session = self._running.pop(pid, None)
        if session:
            self.leave(session)
            if session.row:
                self.table.end(session.row, session.pid, session.seconds, status)
        return session

    def end(self, session: Session) -> None:
        """End this session: its server could not be started."""
        self.leave(session)
        if session.row:
            self.table.forget((session.row,))

    def leave(self, session: Session) -> None:
        """This session counts no more: its server has ended. The table still has it."""
        session.over = True
        session.seconds = monotonic() - session.since
        self.count -= 1
        self.full = self.count >= self.most
        if session.origin:
            self._counts.leave(session.origin)
        if self.groups and session.group:
            session.usage, excess = self.groups.conclude(session.group)
            session.why = session.why or excess

    def forget(self) -> None:
        """Called in the guardian: the clients that are connected now may have left before it serves one."""
        self._counts = ClientCounts(self._limits)
        self._running.clear()
        self._adopted.clear()
        self.count, self.full = 0, False
        self.table.use_block()
        if self.groups:
            self.groups.forget()

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


class Pending(NamedTuple):
    """An admission that has to wait, and what it needs."""

    machine: "Admission"
    need: "Need"


class AdmittedClient(NamedTuple):
    """A client that was let in, or about which a child of the gate will decide.

    rules     the rules that were in force when it came
    decision  None if there is none yet
    unsent    bytes that it must be sent before any others
    header    the length of a PROXY header that must still be read, so that the server does not see it
    pending   the rest of its admission, if there is no decision yet

    header_was_read  whether the header has been read: then no other process can decide about this client
    """

    connection: _socket.socket
    session: Session
    rules: RulesInForce
    decision: Decision | None
    unsent: bytes = b""
    header: int = 0
    pending: Pending | None = None
    header_was_read: bool = False

    def without_header(self) -> "AdmittedClient":
        """Read the header, which has come completely. Returns the same client without it."""
        left = self.header
        with suppress(OSError):  # the connection was reset meanwhile; the server will notice it
            while left and (read := len(self.connection.recv(left))):
                left -= read
        return self._replace(header=0, header_was_read=True)
