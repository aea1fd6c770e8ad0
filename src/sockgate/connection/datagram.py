"""A datagram service (Accept=no): the sender of the first datagram is checked, then the server gets the socket.

As under xinetd, the server reads that datagram itself, and later datagrams without another check. Refused datagrams
are thrown away here. This module is imported only if descriptor 0 is a datagram socket.
"""

import _socket
import errno
import time

from ..core import Cause, PeerGone, SystemFailure, UsageError
from ..core.peer import Peer, internet_peer
from .admission import admission, advance
from .blocking import Blocking
from .log import NOTICE, REFUSED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import Gate
    from .admission import Outcome
    from .log import Log

# The gate stays for this time after a refused datagram. Otherwise a flood of datagrams would start a gate for each.
LINGER_SECONDS = 1.0
PAUSE_SECONDS = 0.02
# The address of a sender can be forged. So a flood of datagrams must not become a flood of records.
MOST_RECORDS = 20


class Unanswered(Blocking):
    """The driver for the sender of a datagram. It sends nothing: the socket belongs to all senders."""

    def send(self, data: bytes) -> None:
        """Send nothing: the address of the sender can be forged."""


def admit(descriptor: int, gate: "Gate", log: "Log") -> "Outcome":
    """The outcome for the first sender that may come in. Its datagram stays unread. Raises GateError.

    Raises PeerGone if no sender is left.
    """
    for option, given in (("--proxy-protocol", gate.proxy), ("--greet-delay", gate.greet_delay)):
        if given is not None:
            raise UsageError(f"{option} needs a connection, and this is a datagram socket", cause=Cause(option))
    connection = _socket.socket(fileno=descriptor)
    logged: set[str] = set()
    unlogged = 0
    try:
        while True:
            peer = first_sender(connection)
            machine = admission(gate, peer)
            outcome = Unanswered(descriptor, gate.timeout).finish(machine, advance(machine))
            if outcome.error is not None:
                raise outcome.error
            if outcome.admitted:
                return outcome
            if peer.source not in logged and len(logged) < MOST_RECORDS:
                log.verdict(peer, outcome.verdict, allowed=False)
                logged.add(peer.source)
            else:
                unlogged += 1
            drop(connection)
    finally:
        if unlogged and log.writes("refused"):
            log.record(NOTICE, REFUSED, f"refused {unlogged} more datagrams, without a record for each")
        connection.detach()


def first_sender(connection: _socket.socket) -> Peer:
    """The sender of the next datagram. Waits for a datagram for LINGER_SECONDS, then raises PeerGone."""
    deadline = time.monotonic() + LINGER_SECONDS
    while True:
        try:
            _, address = connection.recvfrom(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT)
            return sender(connection, address)
        except OSError as error:
            # ECONNREFUSED: an earlier answer came back as undeliverable. To read this error clears it.
            if error.errno not in (errno.EAGAIN, errno.EINTR, errno.ECONNREFUSED):
                raise SystemFailure(f"unable to read the sender's address: {error.strerror}") from None
        if time.monotonic() > deadline:
            raise PeerGone
        time.sleep(PAUSE_SECONDS)


def sender(connection: _socket.socket, address: "tuple[str, int] | tuple[str, int, int, int] | object") -> Peer:
    """The peer of one datagram. A sender with an AF_UNIX socket has no address, and is in no list."""
    family = connection.family
    if family not in (_socket.AF_INET, _socket.AF_INET6) or not isinstance(address, tuple):
        return Peer("UNIX")
    local = connection.getsockname()
    peer = internet_peer(
        _socket.inet_pton(family, address[0].partition("%")[0]), address[1],
        _socket.inet_pton(family, local[0].partition("%")[0]), local[1],
    )  # fmt: skip
    peer.protocol = "UDP"
    return peer


def drop(connection: _socket.socket) -> None:
    """Throw away the next datagram."""
    try:
        connection.recv(1, _socket.MSG_DONTWAIT)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EINTR, errno.ECONNREFUSED):
            raise SystemFailure(f"unable to read a datagram: {error.strerror}") from None
