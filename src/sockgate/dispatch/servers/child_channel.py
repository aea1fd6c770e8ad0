"""Between a child that asks its client who it is, and the gate, which counts clients.

The child sends the client's addresses. The gate answers how many of its source there are now, or why the client may
not come in. The child says so if it turns the client away; that it became the server shows when exec closes its end.
"""

import _socket
import os
import select

from ...core.errors import Refused
from ...core.peer import Peer, internet_peer
from ...core.verdict import Cause, Verdict
from ..overload import Overloaded
from ..poller import Poller
from ..sessions.sessions import Session, Sessions
from .ended_servers import EndedServers

LONGEST = 1 << 12
PATIENCE = 0.1  # seconds until a child looks whether its parent is still there
AS_BEFORE, TURNED_AWAY, HEARD = b"as before", b"turned away", "heard"


class ParentChannel:
    """The child's end."""

    def __init__(self, channel: _socket.socket, pid: int) -> None:
        """`pid` is the parent's."""
        self._channel = channel
        self._pid = pid

    def take_place(self, session: Session) -> None:
        """Have this client counted, now that it is known. Raises Refused if that is more than the limits allow."""
        answer = self._ask(encode_peer(session.peer))
        if answer.isdigit():
            session.number = int(answer)
        elif answer:
            raise decode_refusal(answer)

    def turned_away(self) -> None:
        """Say so, and wait until that is heard: the parent must not see this process end first, as a server would."""
        self._ask(TURNED_AWAY)

    def close(self) -> None:
        self._channel.close()

    def _ask(self, question: bytes) -> str:
        """ "" if the parent has gone: it was told to stop, and its clients are to be served nevertheless.

        That does not show by an end of file: other children may have a copy of the parent's end.
        """
        try:
            self._channel.send(question, _socket.MSG_NOSIGNAL)
            while not select.select([self._channel], [], [], PATIENCE)[0]:
                if os.getppid() != self._pid:
                    return ""
            return self._channel.recv(LONGEST).decode()
        except OSError:
            return ""


class AskingChild:
    """The gate's end: one child that finds out who the client of a session is."""

    def __init__(self, session: Session, channel: _socket.socket) -> None:
        self.session = session
        self._channel = channel

    def fileno(self) -> int:
        return self._channel.fileno()

    def read(self) -> bytes:
        """What it says; empty when it has become the server, or has died. A death resets the connection."""
        try:
            return self._channel.recv(LONGEST)
        except OSError:
            return b""

    def answer(self, text: str) -> None:
        try:
            self._channel.send(text.encode(), _socket.MSG_NOSIGNAL)
        except OSError:
            return  # the child has died, which costs its own client only

    def close(self) -> None:
        self._channel.close()

    def detach(self) -> None:
        """Leave the descriptor open."""
        self._channel.detach()


class AskingChildren:
    """Those that ask at the moment."""

    def __init__(self, poller: Poller, sessions: Sessions, ended: EndedServers) -> None:
        self._poller = poller
        self._sessions = sessions
        self._ended = ended
        self._children: set[AskingChild] = set()

    def connect(self, session: Session) -> tuple[AskingChild, ParentChannel]:
        """Both ends for a child that is about to be started. Raises Overloaded."""
        try:
            ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        except OSError as error:
            raise Overloaded(f"unable to make a pair of sockets: {error.strerror}") from None
        child = AskingChild(session, ours)
        try:
            self._poller.watch(child)
        except OSError as error:
            ours.close()
            theirs.close()
            raise Overloaded(f"unable to watch a pair of sockets: {error.strerror}") from None
        self._children.add(child)
        return child, ParentChannel(theirs, os.getpid())

    def hear(self, child: AskingChild) -> None:
        """Take what this child has to say, and answer."""
        message, session = child.read(), child.session
        if not message:
            self.disconnect(child)
        elif message == TURNED_AWAY:
            self._sessions.turned_away(session)
            child.answer(HEARD)
        else:
            peer = decode_peer(message) or session.peer
            excess = self._sessions.name_client(session, peer)
            if excess:  # because of others, who may have left already
                self._ended.take_leave()
                excess = self._sessions.name_client(session, peer)
            child.answer(encode_refusal(excess) if excess else str(session.number))

    def disconnect(self, child: AskingChild) -> None:
        self._children.discard(child)
        self._poller.unwatch(child)
        child.close()

    def disconnect_all(self) -> None:
        """In the guardian, which counts no clients: its children go on without an answer."""
        for child in self._children.copy():
            self.disconnect(child)

    def forget(self) -> None:
        """In the guardian: these children are the gate's, and so are the descriptors."""
        for child in self._children:
            child.detach()
        self._children.clear()


def encode_refusal(verdict: Verdict) -> str:
    """Of a limit: an option and its value, and the reason."""
    assert verdict.cause is not None
    return f"{verdict.cause.option}\n{verdict.cause.text}\n{verdict.reason}"


def decode_refusal(answer: str) -> Refused:
    option, text, reason = answer.split("\n", 2)
    return Refused(Cause(option, text), reason)


def encode_peer(peer: Peer) -> bytes:
    """The client's addresses; of a user of an AF_UNIX socket the parent knows already all there is to know."""
    words = (peer.remote.hex(), peer.remote_port, peer.local.hex(), peer.local_port, peer.via or "")
    return " ".join(map(str, words)).encode() if peer.remote else AS_BEFORE


def decode_peer(message: bytes) -> Peer | None:
    if message == AS_BEFORE:
        return None
    remote, remote_port, local, local_port, via = message.decode().split(" ", 4)
    peer = internet_peer(bytes.fromhex(remote), int(remote_port), bytes.fromhex(local), int(local_port))
    peer.via = via or None
    return peer
