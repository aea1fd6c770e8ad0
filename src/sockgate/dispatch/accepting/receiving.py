"""Decide about an accepted client: the driver of admissions that never waits."""

import _socket
from typing import TYPE_CHECKING

from ...connection.admission import Outcome, admission, advance
from ...connection.log import ERROR, FAULT
from ...connection.needs import Place, ProxyHeader, Send
from ...connection.proxy import peek_header
from ...core import DENY, ConfigError, GateError, PeerGone, Refused, Verdict, describe
from ...core.peer import Peer, ends_of, peer_between
from ...core.questions import Questions
from ..deciding.decision import Decision
from ..deciding.reloading_gate import ReloadingGate, RulesInForce
from ..descriptors import send_now
from ..rates import RateLimits
from ..records.records import Records
from ..servers.ended_servers import EndedServers
from ..sessions import AdmittedClient, Pending, Session, Sessions
from .refusals import Refusals

if TYPE_CHECKING:
    from ...connection.admission import Admission
    from ...connection.needs import Need
    from ...core.peer import Ends


class Reception:
    """Lets each client in, or refuses it. An admission that has to wait goes on in a child process of its own."""

    def __init__(
        self, rates: RateLimits | None, sessions: Sessions, refusals: Refusals, records: Records, ended: EndedServers
    ) -> None:
        self._rates = rates
        self._sessions = sessions
        self.refusals = refusals
        self._records = records
        self._ended = ended

    def receive(self, connection: _socket.socket, gate: ReloadingGate) -> AdmittedClient | None:
        """The client on this connection, if it may come in. Otherwise the connection is closed, now or soon."""
        peer = None
        try:
            ends, rules = ends_of(connection), gate.rules
            known = rules.remembered(ends) if rules else None
            peer = known.peer.with_port(ends[0][1]) if known else peer_between(connection, ends)
            if known and rules:
                return self._receive_again(connection, peer, rules, known)
            if rules:
                return Arrival(self, connection, ends, rules).admit(peer)
            problem = ConfigError(f"there are no valid rules: {gate.problem}")
            self.refusals.refuse(connection, peer, problem, gate.message_without_rules)
            return None
        except PeerGone:
            self._records.gone()
        except GateError as error:
            self._records.failed(peer, error)
        except Exception as error:  # an error in this program costs this client, not the others
            self._records.event(ERROR, FAULT, f"internal error: {describe(error)}")
        connection.close()
        return None

    def _receive_again(
        self, connection: _socket.socket, peer: Peer, rules: RulesInForce, known: Decision
    ) -> AdmittedClient | None:  # fmt: skip
        """The admission of a client with a remembered verdict, which needs no answers. Most clients come again."""
        gate, verdict = rules.gate, known.verdict
        unsent = send_now(connection, gate.greeting) if gate.greeting else b""
        admitted = verdict if verdict.outcome == DENY else self.count(peer)
        if isinstance(admitted, Verdict):
            self.refusals.refuse(connection, peer, admitted, unsent + gate.refusal(admitted))
            return None
        unsent += gate.welcome(verdict)
        return AdmittedClient(connection, admitted, rules, known, unsent and send_now(connection, unsent))

    def count(self, peer: Peer, *, is_proxy: bool = False) -> Session | Verdict:
        """The new session, or the verdict if a limit refuses the client. Behind a proxy the client is not known yet."""
        if not is_proxy and (excess := self._sessions.excess(peer)):  # first: it must not use up what others may have
            return excess
        if self._rates:
            excess = self._rates.excess(counts_excess=True)
            if not (excess or is_proxy or self._is_excess(peer)):
                excess = self._rates.excess(counts_excess=False)
            if excess:
                return excess
        begin = self._sessions.begin_behind_proxy if is_proxy else self._sessions.begin
        admitted = begin(peer)
        if isinstance(admitted, Verdict):  # the limit is reached, but some of its clients may have left already
            self._ended.take_leave()
            admitted = begin(peer)
        return admitted

    def _is_excess(self, peer: Peer) -> bool:
        """Whether the limit of its source refuses this client, also after those that have left are not counted."""
        if not self._sessions.is_at_own_limit(peer):
            return False
        self._ended.take_leave()
        return self._sessions.is_at_own_limit(peer)

    @property
    def memory_left(self) -> float:
        """The seconds for which the clients so far count for a rate; 0 without one."""
        return max(self._sessions.memory_left, self._rates.memory_left if self._rates else 0.0)

    def uncount(self, session: Session) -> None:
        self._sessions.end(session)


class Arrival:
    """One client without a remembered verdict. Meets at once what its admission needs, or starts a child for it."""

    def __init__(
        self, reception: Reception, connection: _socket.socket, ends: "Ends", rules: RulesInForce
    ) -> None:  # fmt: skip
        self._reception = reception
        self._connection = connection
        self._ends = ends
        self._rules = rules
        self._session: Session | None = None
        self._decision: Decision | None = None
        self._unsent = b""
        self._header = b""

    def admit(self, peer: Peer) -> AdmittedClient | None:
        """Run the admission. Returns None if the client is refused."""
        try:
            return self._run(peer)
        except Exception:
            self._give_place_back()
            raise

    def _run(self, peer: Peer) -> AdmittedClient | None:
        machine = admission(self._rules.gate, peer, counted=True)
        need = advance(machine)
        while not isinstance(need, Outcome):
            try:
                if not self._meet(need):
                    return self._hand_over(machine, need, peer)
            except Refused as refusal:
                need = advance(machine, refusal)
            else:
                need = advance(machine, self._header if isinstance(need, ProxyHeader) else None)
        return self._finish(need)

    def _meet(self, need: "Need") -> bool:
        """Meet this need, if that is possible without waiting. Returns whether it was. Raises Refused."""
        if isinstance(need, Send):
            self._unsent = send_now(self._connection, need.data)
        elif isinstance(need, ProxyHeader):
            self._header = peek_header(self._connection) or b""  # the header of most proxies comes with the connection
            return bool(self._header)
        elif isinstance(need, Place):
            if need.verdict:
                self._decision = self._rules.decision(self._ends, need.peer, need.verdict)
            self._take_place(need.peer)
        elif isinstance(need, Questions):
            return self._rules.names.answer(need)
        else:
            return False
        return True

    def _take_place(self, peer: Peer, *, is_proxy: bool = False) -> Session:
        """The new session. Raises Refused if there is no place for the client."""
        admitted = self._reception.count(peer, is_proxy=is_proxy)
        if isinstance(admitted, Verdict):
            raise Refused(admitted)
        self._session = admitted
        return admitted

    def _hand_over(self, machine: "Admission", need: "Need", peer: Peer) -> AdmittedClient | None:
        """Hand the admission over to a child, which goes on with it."""
        try:
            session = self._session or self._take_place(peer, is_proxy=True)
        except Refused as refusal:
            outcome = advance(machine, refusal)
            assert isinstance(outcome, Outcome)
            return self._finish(outcome)
        return AdmittedClient(
            self._connection, session, self._rules, None, self._unsent, len(self._header), Pending(machine, need)
        )  # fmt: skip

    def _finish(self, outcome: Outcome) -> AdmittedClient | None:
        self._unsent += outcome.words
        if not outcome.admitted:
            self._give_place_back()
            if self._decision is None and outcome.error is None:
                self._rules.decision(self._ends, outcome.peer, outcome.verdict)  # this call remembers the verdict
            why = outcome.error or outcome.verdict
            self._reception.refusals.refuse(self._connection, outcome.peer, why, self._unsent)
            return None
        assert self._session
        decision = self._decision or self._rules.single_decision(outcome.peer, outcome.verdict)
        unsent = self._unsent and send_now(self._connection, self._unsent)
        return AdmittedClient(self._connection, self._session, self._rules, decision, unsent, len(self._header))

    def _give_place_back(self) -> None:
        if self._session:
            self._reception.uncount(self._session)
            self._session = None
