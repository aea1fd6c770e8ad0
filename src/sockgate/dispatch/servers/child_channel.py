"""Between a child that finds out who its client is, and its parent, which counts clients.

The child sends the client's addresses; the parent answers how many of its source there are now, or why it may not
come in. The child says so if it turns the client away; that it became the server shows when exec closes its end.
"""

import _socket
import os
import select
from collections.abc import Callable
from functools import partial

from ...core.errors import Refused
from ...core.peer import Peer, internet_peer
from ...core.verdict import Cause, Verdict
from ..poller import Loop
from ..sessions.sessions import Session, Sessions
from .vfork_server import Overloaded

LONGEST = 1 << 12
PATIENCE = 0.1  # seconds until a child looks whether its parent is still there
TURNED_AWAY, HEARD = b"turned away", "heard"


def channel() -> tuple[_socket.socket, _socket.socket]:
    """The parent's end and the child's. Raises Overloaded."""
    try:
        return _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    except OSError as error:
        raise Overloaded(f"unable to make a pair of sockets: {error.strerror}") from None


class Parent:
    """As its child sees it; `pid` is the parent's."""

    def __init__(self, channel: _socket.socket, pid: int) -> None:
        self._channel = channel
        self._pid = pid

    def admit(self, session: Session) -> None:
        """Have this client counted, now that it is known. Raises Refused if that is more than the limits allow."""
        answer = self._ask(encode_peer(session.peer))
        if answer.isdigit():
            session.number = int(answer)
        elif answer:
            option, text, reason = answer.split("\n", 2)
            raise Refused(Cause(option, text), reason)

    def turned_away(self) -> None:
        """Say so, and wait until that is heard: the parent must not see this process end first, as a server would."""
        self._ask(TURNED_AWAY)

    def _ask(self, question: bytes) -> str:
        """ "" if the parent has gone: it was told to stop, and its clients are to be served nevertheless.

        That does not show by an end of file: brothers may have a copy of the parent's end.
        """
        try:
            self._channel.send(question, _socket.MSG_NOSIGNAL)
        except OSError:
            return ""
        while not select.select([self._channel], [], [], PATIENCE)[0]:
            if os.getppid() != self._pid:
                return ""
        return self._channel.recv(LONGEST).decode()


class Introductions:
    """
    turned_away   clients that were refused by their child
    """

    def __init__(self, loop: Loop, sessions: Sessions, notice_ends: Callable[[], None]) -> None:
        """`notice_ends` is called before somebody is refused because of others, who may have left already."""
        self._loop = loop
        self._sessions = sessions
        self._notice_ends = notice_ends
        self.turned_away = 0

    def expect(self, session: Session, channel: _socket.socket) -> None:
        """Hear what the child of this session has to say."""
        self._loop.watch(channel, partial(self._hear, session, channel))

    def _hear(self, session: Session, channel: _socket.socket) -> None:
        message = channel.recv(LONGEST)
        if not message:
            self._loop.unwatch(channel)
            channel.close()
        elif message == TURNED_AWAY:
            session.refused = True
            self.turned_away += 1
            answer(channel, HEARD)
        else:
            peer = decode_peer(message) or session.peer
            excess = self._sessions.introduce(session, peer)
            if excess:
                self._notice_ends()
                excess = self._sessions.introduce(session, peer)
            answer(channel, encode_refusal(excess) if excess else str(session.number))


def answer(channel: _socket.socket, text: str) -> None:
    try:
        channel.send(text.encode(), _socket.MSG_NOSIGNAL)
    except OSError:
        return  # the child has died, which costs its own client only


def encode_refusal(verdict: Verdict) -> str:
    """Of a limit: an option and its value, and the reason."""
    assert verdict.cause is not None
    return f"{verdict.cause.option}\n{verdict.cause.text}\n{verdict.reason}"


def encode_peer(peer: Peer) -> bytes:
    """The client's addresses; of a user of an AF_UNIX socket the parent knows already all there is to know."""
    words = (peer.remote.hex(), peer.remote_port, peer.local.hex(), peer.local_port, peer.via or "")
    return " ".join(map(str, words)).encode() if peer.remote else b"as before"


def decode_peer(message: bytes) -> Peer | None:
    if message == b"as before":
        return None
    remote, remote_port, local, local_port, via = message.decode().split(" ", 4)
    peer = internet_peer(bytes.fromhex(remote), int(remote_port), bytes.fromhex(local), int(local_port))
    peer.via = via or None
    return peer
