"""What records of the journal say of a client, as text: there are thousands a second."""

from ...connection.log import Field, clean, peer_fields
from ...core.peer import Peer
from ...core.verdict import Verdict

PORT = "SOCKGATE_REMOTE_PORT"


class Wording:
    """Of all who come from one address to another, whatever port they have.

    fields   the journal's, but for the port
    source   the client as messages show it, but for its port
    place    what it connected to, and through whom
    reason   fields of the verdict
    note     what else is to be said when it is let in
    """

    __slots__ = ("_has_port", "fields", "note", "place", "reason", "source")

    def __init__(self, peer: Peer, verdict: Verdict | None = None, note: str = "") -> None:
        self._has_port = peer.remote_ip is not None
        self.fields = lines(*(field for field in peer_fields(peer) if field[0] != PORT))
        self.source = clean(peer.source.removesuffix(f"{peer.remote_port}") if self._has_port else peer.source)
        self.place = clean(f"{peer.destination} via {peer.via}" if peer.via else peer.destination)
        self.reason = lines(("SOCKGATE_REASON", verdict.reason), ("SOCKGATE_RULE", verdict.cause)) if verdict else ""
        self.note = clean(f": {note}") if note else ""

    def port(self, peer: Peer) -> tuple[str, str]:
        """Of one of them: as messages show it, and its field."""
        return (f"{peer.remote_port}", f"{PORT}={peer.remote_port}\n") if self._has_port else ("", "")


def lines(*fields: Field) -> str:
    """NAME=value lines of the journal's native protocol; fields without a value are left out."""
    return "".join(f"{name}={clean(str(value))}\n" for name, value in fields if value not in (None, ""))
