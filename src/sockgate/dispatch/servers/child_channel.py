"""The channel between the gate, which counts clients, and a child that finishes the admission of its client.

The child sends the client's addresses. The gate answers with the number of clients from the same source, or with the
reason why the client may not come in. If the child refuses the client, it names the client and the reason. The gate
answers whether a sum will tell of it. If the child becomes the server, exec closes its end of the channel.
"""

import _socket
import os
import select
import signal
from contextlib import suppress

from ...connection.log import LONGEST_VALUE
from ...core import DENY, Cause, GateError, Refused, Verdict
from ...core.peer import Peer
from ..deciding.known_names import KnownNames
from ..overload import Overloaded
from ..peer_text import decode, encode
from ..poller import Poller
from ..rates import RateLimits
from ..records.records import Records
from ..session_table import SessionTable
from ..sessions import Session, Sessions
from .ended_servers import EndedServers

LONGEST = 1 << 14
PATIENCE = 0.1  # seconds between two looks of a child whether its parent still lives
AS_BEFORE, TURNED_AWAY, FAILED = b"as before", b"turned away", b"failed"
NAMED = b"named "
HEARD, SUMMED_UP = "heard", "summed up"


class ParentChannel:
    """The child's end."""

    def __init__(self, channel: _socket.socket, pid: int, table: SessionTable) -> None:
        """`pid` is the process id of the parent."""
        self._channel = channel
        self._pid = pid
        self._table = table

    def take_place(self, session: Session) -> None:
        """Have the gate count this client, which is known now. Raises Refused if a limit forbids the client."""
        if session.row:
            self._table.name(session.row, os.getpid(), session.peer.remote_port, encode(session.peer))
        answer = self._ask(encode_peer(session.peer))
        if answer.isdigit():
            session.number = int(answer)
        elif answer:
            raise decode_refusal(answer)

    def turned_away(self, session: Session, why: Verdict | GateError) -> bool:
        """Say that this client is refused. Returns whether the parent will tell of it in a sum.

        This process must not end before the answer is there: else the parent would take the client for one that was
        served.
        """
        if session.row:
            self._table.turn_away(session.row)
        return self._ask(encode_turned_away(session.peer, why)) == SUMMED_UP

    def tell_name(self, peer: Peer) -> None:
        """Say which name this client has. There is no answer."""
        with suppress(OSError):
            self._channel.send(encode_name(peer), _socket.MSG_NOSIGNAL)

    def close(self) -> None:
        self._channel.close()

    def _ask(self, question: bytes) -> str:
        """The answer to a question. "" if the parent has gone: it has stopped, and its clients are served all the same.

        There is no end of file for this, because other children can have a copy of the parent's end.
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
    """The gate's end of the channel to one child, which finishes the admission of its client.

    names   those of the rules by which the child decides
    excess  the limit by which the gate refused the client; None if it did not
    """

    def __init__(self, session: Session, names: KnownNames, channel: _socket.socket) -> None:
        self.session = session
        self.names = names
        self.excess: Verdict | None = None
        self._channel = channel

    def fileno(self) -> int:
        return self._channel.fileno()

    def read(self) -> bytes:
        """The words of the child. Empty when it has become the server, or has died (then the connection is reset)."""
        try:
            return self._channel.recv(LONGEST)
        except OSError:
            return b""

    def answer(self, text: str) -> bool:
        """Return whether the answer was sent. Not if the child has died, or the system is short of memory."""
        try:
            self._channel.send(text.encode(), _socket.MSG_NOSIGNAL)
        except OSError:
            return False
        return True

    def hang_up(self) -> None:
        """Let the child see the end, although other children may have a copy of this end."""
        with suppress(OSError):
            self._channel.shutdown(_socket.SHUT_RDWR)

    def close(self) -> None:
        self._channel.close()

    def detach(self) -> None:
        """Leave the descriptor open."""
        self._channel.detach()


class AskingChildren:
    """The children that finish an admission now."""

    def __init__(
        self, poller: Poller, sessions: Sessions, ended: EndedServers, records: Records, rates: RateLimits | None
    ) -> None:  # fmt: skip
        self._rates = rates
        self._poller = poller
        self._sessions = sessions
        self._ended = ended
        self._records = records
        self._children: set[AskingChild] = set()

    def connect(self, session: Session, names: KnownNames) -> tuple[AskingChild, ParentChannel]:
        """Both ends of the channel for a child that will be started. Raises Overloaded."""
        try:
            ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        except OSError as error:
            raise Overloaded(f"unable to make a pair of sockets: {error.strerror}") from None
        child = AskingChild(session, names, ours)
        try:
            self._poller.watch(child)
        except OSError as error:
            ours.close()
            theirs.close()
            raise Overloaded(f"unable to watch a pair of sockets: {error.strerror}") from None
        self._children.add(child)
        return child, ParentChannel(theirs, os.getpid(), self._sessions.table)

    def hear(self, child: AskingChild) -> None:
        """Read the words of this child, and answer them."""
        message, session = child.read(), child.session
        if not message:
            self.disconnect(child)
        elif message.startswith(NAMED):
            child.names.keep(*decode_name(message))
        elif message.startswith((TURNED_AWAY, FAILED)):
            self._sessions.turned_away(session)
            peer, why = decode_turned_away(message, session.peer)
            if not child.answer(SUMMED_UP if self._records.sums_up(peer, child.excess or why) else HEARD):
                child.hang_up()
        else:
            child.excess = excess = self._excess(session, decode_peer(message) or session.peer)
            if not child.answer(encode_refusal(excess) if excess else str(session.number)):
                if excess and session.pid and not session.over:  # without an answer the child would become the server
                    os.kill(session.pid, signal.SIGKILL)
                child.hang_up()

    def _excess(self, session: Session, peer: Peer) -> Verdict | None:
        """Count the client of this session, which is known now. Returns the refusal if a limit forbids it."""
        if session.over:
            return None
        excess = self._sessions.excess(peer)
        if excess:
            return excess
        excess = self._sessions.name_client(session, peer)
        if excess:  # the limit is reached, but some of its clients may have left already
            self._ended.take_leave()
            excess = self._sessions.name_client(session, peer)
        if excess is None and self._rates:
            excess = self._rates.excess(counts_excess=False)
        return excess

    def disconnect(self, child: AskingChild) -> None:
        self._children.discard(child)
        self._poller.unwatch(child)
        child.close()

    def disconnect_all(self) -> None:
        """Called in the guardian, which counts no clients: its children go on without an answer."""
        for child in self._children.copy():
            self.disconnect(child)

    def forget(self) -> None:
        """Called in the guardian: these children and their descriptors belong to the gate."""
        for child in self._children:
            child.detach()
        self._children.clear()


def encode_refusal(verdict: Verdict) -> str:
    """The refusal of a limit as bytes: the option, its value, and the reason."""
    assert verdict.cause is not None
    return f"{verdict.cause.option}\n{verdict.cause.text}\n{verdict.reason}"


def decode_refusal(answer: str) -> Refused:
    option, text, reason = answer.split("\n", 2)
    return Refused(Verdict(DENY, Cause(option, text), reason))


def encode_peer(peer: Peer) -> bytes:
    """The client. The parent already knows all about one of an AF_UNIX socket."""
    return b"%d\t%b" % (peer.remote_port, encode(peer)) if peer.remote else AS_BEFORE


def decode_peer(message: bytes) -> Peer | None:
    """The client. None if the parent already knows it."""
    port, _, text = message.partition(b"\t")
    return None if message == AS_BEFORE else decode(text, int(port))


def encode_name(peer: Peer) -> bytes:
    return NAMED + f"{peer.remote.hex()} {peer.host or ''}".encode()


def decode_name(message: bytes) -> tuple[bytes, str]:
    """The address, and its name."""
    address, _, name = message.removeprefix(NAMED).decode().partition(" ")
    return bytes.fromhex(address), name


def encode_turned_away(peer: Peer, why: Verdict | GateError) -> bytes:
    """Which client was refused, and why, as bytes. Texts are as long as a record shows them."""
    kind, reason = (TURNED_AWAY, why.reason) if isinstance(why, Verdict) else (FAILED, str(why))
    cause = why.cause or Cause()
    words = [cause.option, cause.text, cause.file, reason]
    texts = [word[:LONGEST_VALUE].replace("\n", " ").encode("utf-8", "surrogateescape") for word in words]
    return b"\n".join([kind, encode_peer(peer), b"%d" % cause.line, *texts])


def decode_turned_away(message: bytes, known: Peer) -> tuple[Peer, Verdict | GateError]:
    """`known` is what the parent knows of the client."""
    kind, ends, line, *texts = message.split(b"\n")
    option, text, file, reason = (text.decode("utf-8", "surrogateescape") for text in texts)
    cause = Cause(option, text, file=file, line=int(line))
    why = Verdict(DENY, cause, reason) if kind == TURNED_AWAY else GateError(reason, cause=cause)
    return decode_peer(ends) or known, why
