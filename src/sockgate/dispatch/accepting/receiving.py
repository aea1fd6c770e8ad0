"""Accepting clients and deciding about them."""

import _socket
import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...connection.log import ERROR, FAULT
from ...connection.proxy import peek_header
from ...core.errors import ConfigError, GateError, PeerGone, Refused, describe
from ...core.peer import Peer, ends_of, peer_between
from ...core.verdict import DENY, Verdict
from ..deciding.decision import Decision
from ..deciding.reloading_gate import GateKeeper, InForce
from ..guardian import Guardian
from ..options import Limits
from ..records.records import Records
from ..servers.vfork_server import OVERLOADED
from ..sessions.admitted_client import Client
from ..sessions.client_counts import Rate
from ..sessions.sessions import Session, Sessions
from .listener import Listener
from .refusals import Refusals, send_now

if TYPE_CHECKING:
    from ...connection.proxy import ProxyProtocol

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
            ends = ends_of(connection)
            rules = self._gates.current()
            known = rules.recall(ends) if rules else None
            peer = known.peer.on_port(ends[0][1]) if known else peer_between(connection, ends)
            if rules:
                return self._admit(connection, peer, rules, known or rules.decide(ends, peer))
            problem = ConfigError(f"there are no valid rules: {self._gates.problem}")
            self._refuse(connection, peer, problem, self._gates.last_resort)
            return None
        except PeerGone:
            self._records.gone()
        except GateError as error:
            self._records.failed(peer, error)
        except Exception as error:  # a fault of ours costs this client, not the others
            self._records.event(ERROR, FAULT, f"internal error: {describe(error)}")
        connection.close()
        return None

    def _admit(
        self, connection: _socket.socket, peer: Peer, rules: InForce, decision: Decision | None
    ) -> Client | None:  # fmt: skip
        """Let this client in, or have it refused if it may not come in."""
        gate, header = rules.gate, 0
        if gate.proxy is not None:
            try:
                peer, decision, header = meet(rules, gate.proxy, connection, peer)
            except Refused as refusal:
                verdict = Verdict(DENY, refusal.cause, refusal.reason)
                self._refuse(connection, peer, verdict, gate.refusal(verdict))
                return None
        unsent = send_now(connection, gate.greeting) if decision and gate.greeting else b""
        if decision and decision.verdict.outcome == DENY:
            admitted: Session | Verdict = decision.verdict
        else:
            admitted = self._count_in(peer, behind_proxy=decision is None and gate.proxy is not None)
        if isinstance(admitted, Verdict):
            self._refuse(connection, peer, admitted, unsent + gate.refusal(admitted))
            return None
        if decision:
            unsent += gate.welcome(decision.verdict)
            unsent = unsent and send_now(connection, unsent)
        return Client(connection, admitted, rules, decision, unsent, header)

    def _count_in(self, peer: Peer, *, behind_proxy: bool) -> Session | Verdict:
        """As far as limits go: the session that begins, or the verdict that refuses the client."""
        if self._rate and self._rate.exceeded():
            if self._refuse_at_limit:
                return Verdict(DENY, self._rate.cause, f"too many clients per second ({self._rate.cause})")
            self._pause(self._rate.pause, f"too many clients per second ({self._rate.cause})")
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


def meet(
    rules: InForce, proxy: "ProxyProtocol", connection: _socket.socket, peer: Peer
) -> tuple[Peer, Decision | None, int]:
    """Who stands behind this peer, the decision, and the length of its PROXY header, where all that can be known
    without waiting: a real proxy's header comes with the connection.

    Else the peer as it came, and no decision: a process of its own will ask. Raises Refused for who may not speak for
    others, or does not say it right; ConfigError.
    """
    proxy.check_sender(peer)
    header = peek_header(connection)
    if header:
        client = proxy.apply(header, peer)
        verdict = rules.gate.decide_now(client)
        if verdict:
            return client, rules.decided(client, verdict), len(header)
    return peer, None, 0
