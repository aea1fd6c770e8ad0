"""The steps of one connection. Their order stands here and nowhere else.

An admission is a machine without input or output, a generator. It yields what it needs next (connection/needs.py),
is sent the answer, and returns the outcome: the client is admitted, or refused. A driver meets the needs:

    need = advance(machine)                    # the first need, or already the outcome
    while not isinstance(need, Outcome):
        need = advance(machine, ANSWER)        # or an exception, where the need cannot be met

connection/blocking.py waits for each answer. sockgated's accept loop meets at once what it can, and continues the
machine in a forked child for the rest. A test needs no socket.

What the machine reads itself: the rules, and a host name that a rule turns out to need (Peer.names).
"""

from ..core import DENY, GateError, Refused, Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

    from ..core.peer import Peer
    from . import Gate
    from .needs import Need

    Answer = bytes | None
    Admission = Generator[Need, Answer, "Outcome"]


class Outcome:
    """The end of an admission: the client is admitted or refused.

    peer     the client itself, also if it came through a proxy
    verdict  the decision, with its cause, the variables and the actions
    error    an error on this side, because of which the client is refused; None if the gate decided
    """

    __slots__ = ("_gate", "error", "peer", "verdict")

    def __init__(self, gate: "Gate", peer: "Peer", verdict: Verdict, error: GateError | None = None) -> None:
        self._gate = gate
        self.peer = peer
        self.verdict = verdict
        self.error = error

    @property
    def admitted(self) -> bool:
        return self.verdict.outcome != DENY

    @property
    def words(self) -> bytes:
        """The text to send to the client now, before its server starts or before its connection is closed."""
        return self._gate.welcome(self.verdict) if self.admitted else self._gate.refusal(self.verdict)

    @property
    def note(self) -> str:
        """The note in the log record of an admitted client."""
        return self._gate.note(self.peer)

    def environment(self, base: dict[bytes, bytes]) -> dict[bytes, bytes]:
        """The environment of the server. `base` is the part that is the same for every client of the gate."""
        return self._gate.environment(base, self.peer, self.verdict, self._gate.relays_for(self.peer))


def admission(gate: "Gate", peer: "Peer", *, counted: bool = False) -> "Admission":
    """The machine for the client of a new connection.

    counted  whether the client needs a place within the limits
    """
    error = None
    try:
        if gate.proxy is not None:
            gate.proxy.check_sender(peer)
            peer = gate.proxy.apply((yield gate.proxy.header), peer)
        peer.local_host = gate.local_name
        if gate.greeting:
            from .needs import Send

            yield Send(gate.greeting)
        verdict, questions = gate.decide_or_ask(peer)
        if counted and (verdict is None or verdict.outcome != DENY):
            from .needs import Place

            yield Place(peer, verdict)
        if verdict is None:
            assert questions is not None
            yield questions
            verdict = gate.decide(peer)
        if gate.greet_delay is not None and verdict.outcome != DENY:
            verdict = yield from gate.greet_delay.wait_for_silence(verdict, gate.relays_for(peer))
    except Refused as refusal:
        verdict = refusal.verdict
    except GateError as problem:
        verdict, error = Verdict(DENY, problem.cause, str(problem)), problem
    return Outcome(gate, peer, verdict, error)


def advance(machine: "Admission", answer: "Answer | Refused | GateError" = None) -> "Need | Outcome":
    """Send an answer and return the next need, or the outcome. An exception says that the need could not be met."""
    try:
        return machine.throw(answer) if isinstance(answer, Exception) else machine.send(answer)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
