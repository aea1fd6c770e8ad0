"""Accepting clients and deciding about them."""

import _socket
import errno
from collections.abc import Callable

from ..core.access import DENY, Verdict
from ..core.errors import ConfigError, GateError, PeerGone, Refused
from ..core.gate import Gate
from ..core.log import ERROR
from ..core.peer import Peer, peer_of
from ..shim import describe
from .client import Client
from .gates import GateKeeper
from .guardian import Guardian
from .limits import Rate
from .listener import Listener
from .options import Limits
from .records import FAULT, Records
from .refusals import Refusals, send_now
from .sessions import Session, Sessions
from .spawn import OVERLOADED

# What accept(2) says of a connection that came to nothing, or that a firewall forbids: the next one may be good.
NOT_A_CLIENT = frozenset((
    errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.ENOPROTOOPT, errno.EHOSTDOWN, errno.ENONET,
    errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH, errno.EAGAIN, errno.ETIMEDOUT,
))  # fmt: skip
OVERLOAD_SECONDS = 0.25


class Reception:
    """`pause` is called with the seconds for which nobody should be accepted, and with the reason; `notice_ends` before
    somebody is refused because of others, who may have left already.

    refused   clients that were turned away so far
    """

    def __init__(
        self, gates: GateKeeper, sessions: Sessions, limits: Limits, refusals: Refusals, records: Records,
        guardian: Guardian, pause: Callable[[float, str], None], notice_ends: Callable[[], None],
    ) -> None:  # fmt: skip
        self._gates = gates
        self._guardian = guardian
        self._sessions = sessions
        self._refusals = refusals
        self._records = records
        self._pause = pause
        self._notice_ends = notice_ends
        self._rate = Rate(*limits.rate) if limits.rate else None
        self._refuse_at_limit = limits.refuse
        self.refused = 0

    def accept(self, listener: Listener) -> _socket.socket | None:
        """The next client's connection, None if there is none just now."""
        try:
            connection = listener.accept()
        except OSError as error:
            if error.errno in NOT_A_CLIENT:
                return None
            if error.errno not in OVERLOADED:
                raise
            self._pause(OVERLOAD_SECONDS, f"unable to accept a connection: {error.strerror}")
            return None
        self._guardian.keep(connection)
        return connection

    def receive(self, connection: _socket.socket) -> Client | None:
        """The client on this connection, if it may come in; else the connection is closed."""
        peer = None
        try:
            peer = peer_of(connection)
            return self._admit(connection, peer)
        except PeerGone:
            self._records.gone()
        except GateError as error:
            self._records.failed(peer, error)
        except Exception as error:  # a fault of ours costs this client, not the others
            self._records.event(ERROR, FAULT, f"internal error: {describe(error)}")
        connection.close()
        return None

    def _admit(self, connection: _socket.socket, peer: Peer) -> Client | None:
        """Decide about this client, and have it refused if it may not come in."""
        rules = self._gates.current()
        if rules is None:
            error = ConfigError(f"there are no valid rules: {self._gates.problem}")
            self._refuse(connection, peer, error, self._gates.last_resort)
            return None
        gate = rules.gate
        try:
            who, decided, header = meet(gate, connection, peer)
        except Refused as refusal:
            verdict = Verdict(DENY, refusal.rule, str(refusal))
            self._refuse(connection, peer, verdict, gate.refusal(verdict))
            return None
        unsent = send_now(connection, gate.greeting) if decided else b""
        unknown = decided is None and gate.proxy is not None
        admitted = decided if decided and decided.outcome == DENY else self._count_in(who, behind_proxy=unknown)
        if isinstance(admitted, Verdict):
            self._refuse(connection, who, admitted, unsent + gate.refusal(admitted))
            return None
        if decided:
            unsent = send_now(connection, unsent + gate.welcome(decided))
        return Client(connection, admitted, rules, decided, unsent, header)

    def _count_in(self, peer: Peer, *, behind_proxy: bool) -> Session | Verdict:
        """As far as limits go: the session that begins, or the verdict that refuses the client."""
        if self._rate and self._rate.exceeded():
            if self._refuse_at_limit:
                return Verdict(DENY, str(self._rate), f"too many clients per second ({self._rate})")
            self._pause(self._rate.pause, f"too many clients per second ({self._rate})")
        admit = self._sessions.admit_stranger if behind_proxy else self._sessions.admit
        admitted = admit(peer)
        if isinstance(admitted, Verdict):
            self._notice_ends()
            admitted = admit(peer)
        return admitted

    def _refuse(self, connection: _socket.socket, peer: Peer, why: Verdict | GateError, message: bytes) -> None:
        self.refused += 1
        self._guardian.release(connection)
        if isinstance(why, Verdict):
            self._records.refused(peer, why)
        else:  # it is not the client's fault: nothing may ban it for that
            self._records.failed(peer, why)
        self._refusals.send(connection, message)


def meet(gate: Gate, connection: _socket.socket, peer: Peer) -> tuple[Peer, Verdict | None, int]:
    """Who it is, the verdict, and the length of its PROXY header, where all that can be known without waiting.

    Else the peer as it came, and no verdict: a process of its own will ask. A real proxy's header comes with the
    connection. Raises Refused for who may not speak for others, or does not say it right; ConfigError.
    """
    if gate.proxy is None:
        return peer, gate.decide_now(peer), 0
    gate.proxy.check_sender(peer)
    conveyed = gate.proxy.foresee(connection, peer)
    if conveyed:
        decided = gate.decide_now(conveyed[0])
        if decided:
            return conveyed[0], decided, conveyed[1]
    return peer, None, 0
