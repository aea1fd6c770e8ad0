"""--session-timeout and --idle-timeout: end sessions that last too long, or in which nothing is said any more.

A session is ended as systemd ends a unit: SIGTERM to the process group of its server, then SIGKILL.

Whether something is said is seen from the counters of the client's socket (TCP_INFO, tcp(7)). The stream is not
touched. For that the gate keeps the socket open until the session is over. Without --idle-timeout it keeps no socket.
"""

import _socket
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from struct import Struct
from time import monotonic
from typing import NamedTuple

from .guardian import Guardian
from .options import Lifetimes
from .records.records import Records
from .sessions import Session, Sessions

GRACE_SECONDS = 10.0  # from SIGTERM to SIGKILL, as TimeoutStopSec= of the shipped units
LOOK_SECONDS = 1.0  # between two looks at all sessions
# struct tcp_info of linux/tcp.h: milliseconds since data was sent and received, and bytes acknowledged and received.
TCP_INFO_SIZE, LAST_SENT, LAST_RECEIVED, BYTES = 232, Struct("=44xI"), Struct("=52xI"), Struct("=120xQQ")


class Talk(NamedTuple):
    """What was known of a client's connection at one look.

    traffic  bytes in both directions
    latest   when the last of them went, by time.monotonic()
    """

    traffic: int
    latest: float


class KeptConnections:
    """The connections of clients that have a server, with --idle-timeout."""

    def __init__(self, guardian: Guardian) -> None:
        self._guardian = guardian
        self._connections: dict[Session, _socket.socket] = {}
        self._talks: dict[Session, Talk] = {}

    def keep(self, session: Session, connection: _socket.socket) -> None:
        """The server of this client runs, and has its own descriptor. If the gate dies, the guardian closes ours."""
        if connection.family == _socket.AF_UNIX:  # nothing is counted there
            connection.close()
            return
        self._guardian.abandon(connection)
        self._connections[session] = connection

    def release(self, session: Session) -> None:
        """The session is over."""
        connection = self._connections.pop(session, None)
        if connection:
            connection.close()
            self._talks.pop(session, None)

    def silence(self, session: Session) -> float:
        """For how many seconds nothing was said in this session. 0.0 if that is not known."""
        connection = self._connections.get(session)
        if connection is None:
            return 0.0
        try:
            info = connection.getsockopt(_socket.IPPROTO_TCP, _socket.TCP_INFO, TCP_INFO_SIZE)
        except OSError:  # a kind of socket that counts nothing
            return 0.0
        info = info.ljust(TCP_INFO_SIZE, b"\0")  # of an old kernel
        now, traffic = monotonic(), sum(BYTES.unpack_from(info))
        talk = self._talks.get(session)
        if talk is None or talk.traffic != traffic:
            # A segment that is sent again has a new time, but no byte of it is acknowledged.
            ago = min(LAST_SENT.unpack_from(info)[0], LAST_RECEIVED.unpack_from(info)[0]) / 1000
            self._talks[session] = talk = Talk(traffic, max(session.since, now - ago))
        return now - talk.latest

    def forget(self) -> None:
        """Called in the guardian: these descriptors are the gate's."""
        for connection in self._connections.values():
            connection.detach()
        self._connections.clear()
        self._talks.clear()


class LifetimeLimits:
    """Ends the sessions that have had their time.

    kept  the connections of clients; None without --idle-timeout
    """

    def __init__(self, lifetimes: Lifetimes, sessions: Sessions, records: Records, guardian: Guardian) -> None:
        self._lifetimes = lifetimes
        self._sessions = sessions
        self._records = records
        self._ending: dict[Session, float] = {}  # when each was told to end
        self.kept = KeptConnections(guardian) if lifetimes.idle else None

    @property
    def is_expecting(self) -> bool:
        """Whether to look again."""
        return bool(self._sessions.count and (self._lifetimes.session or self._lifetimes.idle))

    def look(self) -> None:
        """Tell the sessions to end that have had their time. End those that do not obey."""
        now = monotonic()
        self._ending = {session: at for session, at in self._ending.items() if not session.over}
        for session, at in self._ending.items():
            if now - at >= GRACE_SECONDS:
                send_signal(session, signal.SIGKILL)
        for session, why in list(self._excessive(now)):
            session.why = why
            self._ending[session] = now
            self._records.cut_short(session)
            send_signal(session, signal.SIGTERM)

    def forget(self) -> None:
        """Called in the guardian: it ends no session."""
        self._ending.clear()
        if self.kept:
            self.kept.forget()

    def _excessive(self, now: float) -> Iterator[tuple[Session, str]]:
        longest, idle = self._lifetimes.session, self._lifetimes.idle
        for session in self._sessions.running():
            if session in self._ending:
                continue
            if longest and now - session.since >= longest:
                yield session, f"--session-timeout {longest}"
            elif idle and self.kept and self.kept.silence(session) >= idle:
                yield session, f"--idle-timeout {idle}"


def send_signal(session: Session, number: int) -> None:
    """Send this signal to the process group of a server. A server that became another user needs CAP_KILL.

    A server can join another process group of its session (setpgid(2)). It gets the signal all the same, but SIGTERM
    only once, because the second can mean something else to it.
    """
    with suppress(OSError):
        os.killpg(session.pid, number)
    with suppress(OSError):
        if number == signal.SIGKILL or os.getpgid(session.pid) != session.pid:
            os.kill(session.pid, number)
