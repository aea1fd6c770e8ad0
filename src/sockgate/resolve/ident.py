"""The client's user, as the ident server on the client's machine names it (RFC 1413).

That server answers what its owner wants. Trust the answer only if both machines belong to you.
"""

import _socket
import errno
import posix
import time

from .tasks import READ, WRITE, Unable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.peer import Peer
    from .tasks import Task

PORT = 113
LONGEST_REPLY = 512  # bytes; RFC 1413 allows 1,000 for a line, but no user has such a long name
LONGEST_USER = 64
USABLE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-")


def user_of(peer: "Peer", seconds: float) -> "Task[str | None]":
    """The user, or None if the server does not name one. Raises Unable if no answer comes in this time."""
    until = time.monotonic() + seconds
    try:
        connection = _socket.socket(_socket.AF_INET if len(peer.remote) == 4 else _socket.AF_INET6)
        try:
            connection.setblocking(False)
            yield from connect(connection, peer, until)
            # This is the first segment of a connection, for which the kernel always has room.
            connection.send(b"%d, %d\r\n" % (peer.remote_port, peer.local_port), _socket.MSG_NOSIGNAL)
            return user_in((yield from read_line(connection, until)), peer.remote_port, peer.local_port)
        finally:
            connection.close()
    except OSError as error:
        raise Unable(error.strerror) from None


def connect(connection: _socket.socket, peer: "Peer", until: float) -> "Task[None]":
    """Connect to port 113 of the client, from the address to which the client connected, as RFC 1413 asks."""
    if peer.interface:
        scope = _socket.if_nametoindex(peer.interface)
        connection.bind((peer.local_ip, 0, 0, scope))
        failure = connection.connect_ex((peer.remote_ip, PORT, 0, scope))
    else:
        connection.bind((peer.local_ip, 0))
        failure = connection.connect_ex((peer.remote_ip, PORT))
    if failure == errno.EINPROGRESS:
        if not (yield connection.fileno(), WRITE, until):
            raise Unable("the ident server does not answer")
        failure = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
    if failure:
        raise OSError(failure, posix.strerror(failure))


def read_line(connection: _socket.socket, until: float) -> "Task[bytes]":
    """The reply up to its line feed, its end, or LONGEST_REPLY."""
    reply = b""
    while b"\n" not in reply and len(reply) < LONGEST_REPLY:
        if not (yield connection.fileno(), READ, until):
            raise Unable("the ident server does not answer")
        data = connection.recv(LONGEST_REPLY - len(reply))
        if not data:
            break
        reply += data
    return reply


def user_in(reply: bytes, remote_port: int, local_port: int) -> str | None:
    """The user in `6193, 23 : USERID : UNIX : joe` and CR LF. None for any other form or another connection."""
    line, end, _ = reply.partition(b"\r\n")
    ports, kind, _system, user = (line.decode("latin-1").split(":", 3) + [""] * 3)[:4]
    if not end or kind.strip(" \t") != "USERID" or numbers(ports) != (remote_port, local_port):
        return None
    user = user.strip(" \t")
    return None if why_no_user(user) else user


def why_no_user(text: str) -> str:
    """Why this text is not taken for a user's name. Empty if it is. An option (-froot) or a path (..) is none."""
    usable = len(text) <= LONGEST_USER and USABLE.issuperset(text) and text[:1] not in ("", "-", ".")
    return "" if usable else "that is not a user's name"


def numbers(ports: str) -> tuple[int, ...]:
    words = [word.strip(" \t") for word in ports.split(",")]
    return tuple(int(word) for word in words if word.isascii() and word.isdigit() and len(word) <= 5)
