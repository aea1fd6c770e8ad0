"""The accept loop.

A few threads take turns. The one whose turn it is waits for something to happen, accepts a client and decides
about it; then it gives the turn away and starts the server, which holds it up until the child has called exec.
So there is always one that listens, the loop's state is never seen by two, and starting servers can use more
than one processor.
"""

import _socket
import errno
import signal
import threading
from collections.abc import Sequence
from os import WNOHANG, waitpid
from time import sleep
from typing import NamedTuple

from ..core.access import DENY, Verdict
from ..core.errors import GateError, PeerGone
from ..core.log import ERROR
from ..core.peer import Peer, from_socket
from ..shim import INTERNAL_ERROR, describe
from .gates import GateKeeper, InForce
from .listener import Listener
from .loop import Loop
from .options import Limits
from .records import FAULT, Records
from .sessions import Session, Sessions
from .signals import Signals

THREADS = 3
FAULT_SECONDS = 1
# What accept(2) says of a connection that came to nothing, or that a firewall forbids: the next one may be good.
NOT_A_CLIENT = frozenset((
    errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.ENOPROTOOPT, errno.EHOSTDOWN, errno.ENONET,
    errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH, errno.EAGAIN, errno.ETIMEDOUT,
))  # fmt: skip


class Client(NamedTuple):
    """One that was let in, and whose server is to be started."""

    connection: _socket.socket
    session: Session
    verdict: Verdict
    rules: InForce


class Dispatcher:
    def __init__(
        self, listeners: Sequence[Listener], gates: GateKeeper, limits: Limits, signals: Signals, records: Records
    ) -> None:
        self._listeners = listeners
        self._gates = gates
        self._limits = limits
        self._signals = signals
        self._records = records
        self._sessions = Sessions(limits)
        self._loop: Loop[Client] = Loop()
        self._turn = threading.Lock()
        self._open = False
        self._stopping = False
        self._code = 0
        self._actions = {int(signal.SIGCHLD): self._reap, int(signal.SIGHUP): self._gates.reload}

    def run(self) -> int:
        """Serve clients until a signal ends it. Returns the exit code."""
        self._loop.watch(self._signals, self._take_signals)
        helpers = [threading.Thread(target=self._serve) for _ in range(THREADS - 1)]
        for helper in helpers:
            helper.start()
        self._serve()
        for helper in helpers:
            helper.join()
        return self._code

    def _serve(self) -> None:
        """What every thread does."""
        while True:
            with self._turn:
                if self._stopping:
                    return
                client = self._next_client()
            if client:
                self._start(client)

    def _next_client(self) -> Client | None:
        """Wait for one event and deal with it. Returns a client if that is what came of it."""
        try:
            self._open_or_close()
            return self._loop.once()
        except Exception as error:  # a fault of ours in the loop itself: systemd starts us anew, sessions go on
            self._records.event(ERROR, FAULT, f"internal error: {describe(error)}")
            sleep(FAULT_SECONDS)
            self._stop(INTERNAL_ERROR)
            return None

    def _open_or_close(self) -> None:
        """Listen only while another client can be served: the others wait in the kernel's queue."""
        wanted = self._limits.refuse or not self._sessions.full
        if wanted == self._open:
            return
        self._open = wanted
        for listener in self._listeners:
            if wanted:
                self._loop.watch(listener, lambda listener=listener: self._accept(listener))  # type: ignore[misc]
            else:
                self._loop.unwatch(listener)

    def _accept(self, listener: Listener) -> Client | None:
        try:
            connection = listener.accept()
        except OSError as error:
            if error.errno in NOT_A_CLIENT:
                return None
            raise
        client = None
        try:
            client = self._admit(connection, from_socket(connection))
        except PeerGone:
            self._records.gone()
        except GateError as error:
            self._records.failed(None, error)
        except Exception as error:  # a fault of ours costs this client, not the others
            self._records.event(ERROR, FAULT, f"internal error: {describe(error)}")
        if client is None:
            connection.close()
        return client

    def _admit(self, connection: _socket.socket, peer: Peer) -> Client | None:
        """Decide about this client. Returns None if it is refused."""
        rules = self._gates.current()
        if rules is None:
            verdict = Verdict(DENY, "", f"there are no valid rules: {self._gates.problem}")
        else:
            verdict = rules.gate.decide(peer)
            if verdict.outcome != DENY:
                session = self._sessions.admit(peer)
                if isinstance(session, Session):
                    return Client(connection, session, verdict, rules)
                verdict = session
        self._records.refused(peer, verdict)
        return None

    def _start(self, client: Client) -> None:
        """Start this client's server. The only part that several threads are in at a time."""
        session, rules = client.session, client.rules
        relay = rules.gate.relays_for(session.peer)
        own = {b"TCPCONNNUM": b"%d" % session.number, b"TCPCONCURRENCY": b"%d" % session.number}
        variables = rules.gate.environment(own, session.peer, client.verdict, relay)
        try:
            session.pid = rules.launcher.start(client.connection.fileno(), variables)
        except GateError as error:
            self._sessions.abandoned(session)
            self._records.failed(session.peer, error)
        else:
            # In this order: once it is known to the sessions, another thread may see it end.
            self._records.accepted(session, client.verdict, f"relay ({relay})" if relay else "")
            status = self._sessions.started(session)
            if status is not None:
                self._records.ended(session, status)
        client.connection.close()

    def _take_signals(self) -> None:
        for number in self._signals.read():
            self._actions.get(number, self._stop)()

    def _reap(self) -> None:
        """Take leave of every server that has ended."""
        while True:
            try:
                pid, status = waitpid(-1, WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            session = self._sessions.ended(pid, status)
            if session:
                self._records.ended(session, status)

    def _stop(self, code: int = 0) -> None:
        self._stopping = True
        self._code = code
