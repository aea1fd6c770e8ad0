"""Decisions about clients, with all that follows from them. They are kept for clients that come from the same address.

Most clients come again, and thousands can come in a second. So the verdict, the environment of the server and the text
of the records are made once for each pair of addresses. Then only what differs between connections is filled in.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from ...connection import Gate
from ...connection.log import clean, field_lines, peer_fields
from ...core import Verdict
from ...core.peer import Peer
from ..peer_text import encode

if TYPE_CHECKING:
    from ...connection.log_choice import LogChoice
    from ...core.peer import Ends

    # What is the same each time that a client connects: both ends, without the client's port.
    Place = tuple[str, tuple[int, ...], tuple[str, int]]

MOST_KEPT = 300  # about 4 kB each
# The number of connections from a client's source: the names of s6-tcpserver and of tcpsvd.
COUNTS = (b"TCPCONNNUM", b"TCPCONCURRENCY")
UNCOUNTED = dict.fromkeys(COUNTS, b"")
PORTS = {"TCP": (b"TCPREMOTEPORT",), "TCP6": (b"TCPREMOTEPORT", b"TCP6REMOTEPORT")}  # by Peer.protocol
# The variables that have another value for each connection, and the name of that value.
OWN = dict.fromkeys(PORTS["TCP6"], b"port") | dict.fromkeys(COUNTS, b"number")
PORT_FIELD = "SOCKGATE_REMOTE_PORT"


class Decision:
    """A decision about one client.

    If the gate's decisions are lasting (Gate.is_lasting), it holds for all clients between the same two addresses.

    peer   the first of these clients
    note   the note in the log records of these clients
    """

    __slots__ = ("_base", "_environment", "_gate", "_saved", "_text", "note", "peer", "verdict")

    def __init__(self, gate: Gate, base: dict[bytes, bytes], peer: Peer, verdict: Verdict) -> None:
        """`base` has the variables that are the same for all servers."""
        self._gate = gate
        self._base = base
        self._environment: EnvironmentTemplate | None = None
        self._text: RecordText | None = None
        self._saved: bytes | None = None
        self.peer = peer
        self.verdict = verdict
        self.note = gate.note(peer)

    @property
    def environment(self) -> "EnvironmentTemplate":
        """The environment of their servers."""
        if self._environment is None:
            gate, peer, verdict = self._gate, self.peer, self.verdict
            variables = gate.environment(self._base | UNCOUNTED, peer, verdict, gate.relays_for(peer))
            names = (*PORTS.get(peer.protocol, ()), *COUNTS)
            own = [name for name in names if not gate.replaces(name, verdict)]
            self._environment = EnvironmentTemplate(variables, own)
        return self._environment

    @property
    def text(self) -> "RecordText":
        """The text of their records."""
        if self._text is None:
            self._text = RecordText(self.peer, self.verdict, self.note, self._gate.log_choice)
        return self._text

    @property
    def saved(self) -> bytes:
        """These clients for the table of sessions."""
        if self._saved is None:
            self._saved = encode(self.peer)
        return self._saved


class Memory:
    """The latest lasting decisions. To decide is most of a gate's work."""

    def __init__(self) -> None:
        self._decisions: dict[Place, Decision] = {}

    def find(self, ends: "Ends") -> Decision | None:
        remote, local = ends
        # If the address is a string (AF_UNIX), nothing is kept, see below.
        return self._decisions.get((remote[0], remote[2:], local)) if remote else None

    def keep(self, ends: "Ends", decision: Decision) -> None:
        remote, local = ends
        if not isinstance(remote, tuple):
            return  # a client of an AF_UNIX socket has no address
        if len(self._decisions) >= MOST_KEPT:
            del self._decisions[next(iter(self._decisions))]  # the oldest
        self._decisions[remote[0], remote[2:], local] = decision


class EnvironmentTemplate:
    """The environment of a server, without the client's port and the count of its source.

    search   PATH, if it is set: where the server is searched
    """

    __slots__ = ("_own", "_words", "search")

    def __init__(self, variables: dict[bytes, bytes], own: Collection[bytes]) -> None:
        """`own` has the names from OWN that are filled in for each client."""
        self._words = [b"%b=%b" % item for item in variables.items() if item[0] not in own]
        self._own = b"\0".join(b"%b=%%(%b)d" % (name, OWN[name]) for name in own)  # a NUL is in no variable
        self.search = {b"PATH": variables[b"PATH"]} if b"PATH" in variables else {}

    def words(self, port: int, number: int) -> list[bytes]:
        """NAME=VALUE for each variable, for a client with this port. `number` counts the clients of its source."""
        own = (self._own % {b"port": port, b"number": number}).split(b"\0") if self._own else []
        return self._words + own

    def variables(self, port: int, number: int) -> dict[bytes, bytes]:
        """The same variables as a dictionary."""
        return {name: value for name, _, value in (word.partition(b"=") for word in self.words(port, number))}


class RecordText:
    """The text of the journal records about a client, without its port.

    fields   the fields of the journal
    source   the client, as messages show it
    place    the end to which it connected, and the proxy if there is one
    reason   the fields of the verdict
    note     the note in the record if it is let in
    """

    __slots__ = ("_has_port", "fields", "note", "place", "reason", "source")

    def __init__(
        self, peer: Peer, verdict: Verdict | None = None, note: str = "", choice: "LogChoice | None" = None
    ) -> None:
        if choice:
            note, verdict = choice.text(note, peer), choice.verdict(verdict, peer) if verdict else None
            peer = choice.shown(peer)
        self._has_port = peer.remote_ip is not None
        self.fields = field_lines(*(field for field in peer_fields(peer) if field[0] != PORT_FIELD))
        self.source = clean(peer.source.removesuffix(f"{peer.remote_port}") if self._has_port else peer.source)
        self.place = clean(f"{peer.destination} via {peer.via}" if peer.via else peer.destination)
        self.reason = (
            field_lines(("SOCKGATE_REASON", verdict.reason), ("SOCKGATE_RULE", verdict.cause)) if verdict else ""
        )
        self.note = clean(f": {note}") if note else ""

    def port(self, peer: Peer) -> tuple[str, str]:
        """The port of one of these clients: as messages show it, and as a field."""
        return (f"{peer.remote_port}", f"{PORT_FIELD}={peer.remote_port}\n") if self._has_port else ("", "")
