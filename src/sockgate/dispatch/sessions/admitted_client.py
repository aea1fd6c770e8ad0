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
    """An admission that has to wait for something, and for what."""

    machine: "Admission"
    need: "Need"


class AdmittedClient(NamedTuple):
    """One that was let in, or that a child of the gate will decide about.

    rules     in force when it came
    decision  None if there is none yet
    unsent    what it is still to be told before anything else
    header    bytes of a PROXY header that is known and still to be read, so that the server does not see it
    pending   what is left to be done until there is a decision
    """

    connection: _socket.socket
    session: Session
    rules: RulesInForce
    decision: Decision | None
    unsent: bytes = b""
    header: int = 0
    pending: Pending | None = None

    def without_header(self) -> "AdmittedClient":
        """The same once the header has been read; all of it is there."""
        left = self.header
        with suppress(OSError):  # the connection was reset meanwhile, as the server will see
            while left and (read := len(self.connection.recv(left))):
                left -= read
        return self._replace(header=0)
