"""What was decided about a client, and what follows from it."""

from typing import TYPE_CHECKING

from ...connection.gate import Gate
from ...core.peer import Peer
from ...core.verdict import Verdict
from .environment_template import COUNTS, PORTS, Template
from .record_text import Wording

if TYPE_CHECKING:
    from ...core.peer import Ends

    # What is the same each time that a client connects: all of both ends but the client's port.
    Place = tuple[str, tuple[int, ...], tuple[str, int]]

MOST_KEPT = 300  # some 4 kB each
UNCOUNTED = dict.fromkeys(COUNTS, b"")


class Decision:
    """It holds for one client or, if the gate's decisions are lasting (Gate.is_lasting), for all between two addresses.

    peer   the first of them
    note   what the log is to say of them
    """

    __slots__ = ("_base", "_gate", "_template", "_wording", "note", "peer", "verdict")

    def __init__(self, gate: Gate, base: dict[bytes, bytes], peer: Peer, verdict: Verdict) -> None:
        """`base` is what the server of every client gets."""
        self._gate = gate
        self._base = base
        self._template: Template | None = None
        self._wording: Wording | None = None
        self.peer = peer
        self.verdict = verdict
        self.note = gate.note(peer)

    @property
    def template(self) -> Template:
        """Of the environments of their servers."""
        if self._template is None:
            gate, peer, verdict = self._gate, self.peer, self.verdict
            environment = gate.environment(self._base | UNCOUNTED, peer, verdict, gate.relays_for(peer))
            own = [name for name in (*PORTS.get(peer.protocol, ()), *COUNTS) if name not in verdict.variables]
            self._template = Template(environment, own)
        return self._template

    @property
    def wording(self) -> Wording:
        """Of their records."""
        if self._wording is None:
            self._wording = Wording(self.peer, self.verdict, self.note)
        return self._wording


class Memory:
    """The latest decisions that are lasting: most clients come again, and to decide is most of what a gate does."""

    def __init__(self) -> None:
        self._decisions: dict[Place, Decision] = {}

    def recall(self, ends: "Ends") -> Decision | None:
        remote, local = ends
        # Where a string stands for the address (AF_UNIX) nothing is kept, see below.
        return self._decisions.get((remote[0], remote[2:], local)) if remote else None

    def keep(self, ends: "Ends", decision: Decision) -> None:
        remote, local = ends
        if not isinstance(remote, tuple):
            return  # a local client is a user, and has no address
        if len(self._decisions) >= MOST_KEPT:
            del self._decisions[next(iter(self._decisions))]  # the oldest
        self._decisions[remote[0], remote[2:], local] = decision
