"""A client on its way from the verdict to its server."""

import _socket
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ..deciding.decision import Decision
from ..deciding.reloading_gate import RulesInForce
from .sessions import Session

if TYPE_CHECKING:
    from ...connection.admission import Admission
    from ...connection.needs import Need


class Pending(NamedTuple):
    """An admission that has to wait, and what it needs."""

    machine: "Admission"
    need: "Need"


class AdmittedClient(NamedTuple):
    """A client that was let in, or about which a child of the gate will decide.

    rules     the rules that were in force when it came
    decision  None if there is none yet
    unsent    bytes that it must be sent before any others
    header    the length of a PROXY header that must still be read, so that the server does not see it
    pending   the rest of its admission, if there is no decision yet
    """

    connection: _socket.socket
    session: Session
    rules: RulesInForce
    decision: Decision | None
    unsent: bytes = b""
    header: int = 0
    pending: Pending | None = None

    def without_header(self) -> "AdmittedClient":
        """Read the header, which has come completely. Returns the same client without it."""
        left = self.header
        with suppress(OSError):  # the connection was reset meanwhile; the server will notice it
            while left and (read := len(self.connection.recv(left))):
                left -= read
        return self._replace(header=0)
