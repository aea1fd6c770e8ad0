"""A client on its way from accept to its server."""

import _socket
from contextlib import suppress
from typing import NamedTuple

from ..deciding.decision import Decision
from ..deciding.reloading_gate import InForce
from .sessions import Session


class Client(NamedTuple):
    """One that was let in.

    rules     in force when it came
    decision  None if nothing can be decided before it was asked who it is
    unsent    what it is still to be told before its server starts
    header    bytes of a PROXY header that is known and still to be read, so that the server does not see it
    """

    connection: _socket.socket
    session: Session
    rules: InForce
    decision: Decision | None
    unsent: bytes = b""
    header: int = 0

    def without_header(self) -> "Client":
        """The same once the header has been read; all of it is there."""
        left = self.header
        with suppress(OSError):  # the connection was reset meanwhile, as the server will see
            while left and (read := len(self.connection.recv(left))):
                left -= read
        return self._replace(header=0)
