"""What was decided about a client, and all that follows from it, kept for those who come from the same address.

Most clients come again, and thousands come in a second. So the verdict, the environment of the server and the text of
the records are worked out once for each pair of addresses; what differs from one connection to the next is put in.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from ...connection.gate import Gate
from ...connection.log import Field, clean, peer_fields
from ...core.peer import Peer
from ...core.verdict import Verdict

if TYPE_CHECKING:
    from ...core.peer import Ends

    # What is the same each time that a client connects: all of both ends but the client's port.
    Place = tuple[str, tuple[int, ...], tuple[str, int]]

MOST_KEPT = 300  # some 4 kB each
# How many connections of a client's source there are: the names of s6-tcpserver and of tcpsvd.
COUNTS = (b"TCPCONNNUM", b"TCPCONCURRENCY")
UNCOUNTED = dict.fromkeys(COUNTS, b"")
PORTS = {"TCP": (b"TCPREMOTEPORT",), "TCP6": (b"TCPREMOTEPORT", b"TCP6REMOTEPORT")}  # by Peer.protocol
# The variables that have another value for each connection, and what that value is.
OWN = dict.fromkeys(PORTS["TCP6"], b"port") | dict.fromkeys(COUNTS, b"number")
PORT_FIELD = "SOCKGATE_REMOTE_PORT"


class Decision:
    """For one client or, if decisions of the gate are lasting (Gate.is_lasting), for all between two addresses.

    peer   the first of them
    note   what the log says of them beside the addresses
    """

    __slots__ = ("_base", "_environment", "_gate", "_text", "note", "peer", "verdict")

    def __init__(self, gate: Gate, base: dict[bytes, bytes], peer: Peer, verdict: Verdict) -> None:
        """`base` is what the server of every client gets."""
        self._gate = gate
        self._base = base
        self._environment: EnvironmentTemplate | None = None
        self._text: RecordText | None = None
        self.peer = peer
        self.verdict = verdict
        self.note = gate.note(peer)

    @property
    def environment(self) -> "EnvironmentTemplate":
        """The environment of their servers."""
        if self._environment is None:
            gate, peer, verdict = self._gate, self.peer, self.verdict
            variables = gate.environment(self._base | UNCOUNTED, peer, verdict, gate.relays_for(peer))
            own = [name for name in (*PORTS.get(peer.protocol, ()), *COUNTS) if name not in verdict.variables]
            self._environment = EnvironmentTemplate(variables, own)
        return self._environment

    @property
    def text(self) -> "RecordText":
        """The text of their records."""
        if self._text is None:
            self._text = RecordText(self.peer, self.verdict, self.note)
        return self._text


class Memory:
    """The latest decisions that are lasting: to decide is most of what a gate does."""

    def __init__(self) -> None:
        self._decisions: dict[Place, Decision] = {}

    def find(self, ends: "Ends") -> Decision | None:
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


class EnvironmentTemplate:
    """The environment of a server, but for the client's port and the count of its source.

    search   PATH, if there is one: where the server is to be found
    """

    __slots__ = ("_own", "_words", "search")

    def __init__(self, variables: dict[bytes, bytes], own: Collection[bytes]) -> None:
        """`own` are names from OWN."""
        self._words = [b"%b=%b" % item for item in variables.items() if item[0] not in own]
        self._own = b"\0".join(b"%b=%%(%b)d" % (name, OWN[name]) for name in own)  # a NUL is in no variable
        self.search = {b"PATH": variables[b"PATH"]} if b"PATH" in variables else {}

    def words(self, port: int, number: int) -> list[bytes]:
        """For a client with this port, the numberth of its source: NAME=VALUE for each variable."""
        own = (self._own % {b"port": port, b"number": number}).split(b"\0") if self._own else []
        return self._words + own

    def variables(self, port: int, number: int) -> dict[bytes, bytes]:
        """The same as a dictionary."""
        return {name: value for name, _, value in (word.partition(b"=") for word in self.words(port, number))}


class RecordText:
    """What records of the journal say of a client, but for its port.

    fields   the journal's
    source   the client as messages show it
    place    what it connected to, and through which proxy
    reason   fields of the verdict
    note     what else is said when it is let in
    """

    __slots__ = ("_has_port", "fields", "note", "place", "reason", "source")

    def __init__(self, peer: Peer, verdict: Verdict | None = None, note: str = "") -> None:
        self._has_port = peer.remote_ip is not None
        self.fields = field_lines(*(field for field in peer_fields(peer) if field[0] != PORT_FIELD))
        self.source = clean(peer.source.removesuffix(f"{peer.remote_port}") if self._has_port else peer.source)
        self.place = clean(f"{peer.destination} via {peer.via}" if peer.via else peer.destination)
        self.reason = (
            field_lines(("SOCKGATE_REASON", verdict.reason), ("SOCKGATE_RULE", verdict.cause)) if verdict else ""
        )
        self.note = clean(f": {note}") if note else ""

    def port(self, peer: Peer) -> tuple[str, str]:
        """Of one of them: as messages show it, and its field."""
        return (f"{peer.remote_port}", f"{PORT_FIELD}={peer.remote_port}\n") if self._has_port else ("", "")


def field_lines(*fields: Field) -> str:
    """NAME=value lines of the journal's native protocol; fields without a value are left out."""
    return "".join(f"{name}={clean(str(value))}\n" for name, value in fields if value not in (None, ""))
