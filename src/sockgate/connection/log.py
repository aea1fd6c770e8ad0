"""One log record per decision: a structured journal record, or one line on standard error.

The journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) is one datagram of KEY=value lines. To write it here
takes 0.1 ms; to import systemd.journal would take 14 ms. Values are cleaned first, so no byte from the network can
split a record, add a field or change a priority.
"""

import _socket
import posix
import sys

from ..core import Cause, Verdict
from ..core.peer import Peer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .log_choice import LogChoice

JOURNAL_SOCKET = "/run/systemd/journal/socket"

# syslog(3) priorities
ERROR, WARNING, NOTICE, INFO, DEBUG = 3, 4, 5, 6, 7

# One MESSAGE_ID per kind of record. The second group is sockgated's alone.
ACCEPTED = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a01"
REFUSED = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a02"
FAILED = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a03"
GONE = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a04"

ENDED = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a05"
PAUSED = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a06"
GATE_BROKEN = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a07"
GATE_READ = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a08"
STARTED = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a09"
STOPPED = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a0a"
FAULT = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a0b"
SUMMED = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a0c"

JOURNAL_TIMEOUT = 500_000  # microseconds
LONGEST_VALUE = 1000
SIOCOUTQ = 0x5411  # bytes that the receiver has not read yet (Linux, unix(7))
STDERR = 2
SOCKET, FILE_TYPE = 0o140000, 0o170000  # S_IFSOCK, S_IFMT

Field = tuple[str, str | int | Cause | None]


def clean(text: str) -> str:
    """Printable ASCII, with `?` for every other character, cut to 1,000 characters (tcpserver.c: safecats)."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(c if " " <= c <= "~" else "?" for c in text)
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "..."


class Log:
    """The destination of this gate's records.

    Records go to the journal if standard error is the journal (JOURNAL_STREAM, systemd.exec(5)). They also go there if
    standard error is the client's own connection (StandardInput=socket without StandardError=), because no record may
    reach the client. Otherwise each record is one line on standard error.

    choice  what of it the administrator wants, None for everything
    """

    __slots__ = ("_invocation", "_journal", "_to_client", "choice", "program", "service")

    def __init__(self, program: str, service: str, journal_stream: bytes, connection: int | None = None) -> None:
        self.program = program
        self.service = service
        self.choice: LogChoice | None = None
        # journald finds the unit of a record by itself, unless the sender has already exited.
        self._invocation = posix.environ.get(b"INVOCATION_ID", b"").decode("ascii", "replace")
        stderr = identity(STDERR)
        self._to_client = connection is not None and stderr is not None and stderr == identity(connection)
        self._journal: _socket.socket | None = None
        if self._to_client or (stderr is not None and journal_stream == b"%d:%d" % stderr):
            self._journal = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
            # A journal that does not read must not delay the client for longer than this.
            self._journal.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, timeval(JOURNAL_TIMEOUT))

    def verdict(self, peer: Peer, verdict: Verdict, *, allowed: bool, note: str = "") -> None:
        """Write the record of one decision."""
        word = "accepted" if allowed else "refused"
        if self.choice is not None:
            if word not in self.choice.kinds:
                return
            note, verdict = self.choice.text(note, peer), self.choice.verdict(verdict, peer)
            peer = self.choice.shown(peer)
        reason = note if allowed else verdict.reason
        message = f"{word} {peer.route}" + (f": {reason}" if reason else "")
        priority, facility = urgency(verdict, INFO if allowed else NOTICE)
        self.record(
            priority, ACCEPTED if allowed else REFUSED, message, ("SYSLOG_FACILITY", facility),
            ("SOCKGATE_VERDICT", "allow" if allowed else "deny"), ("SOCKGATE_REASON", verdict.reason),
            ("SOCKGATE_RULE", verdict.cause), *peer_fields(peer),
        )  # fmt: skip

    def failure(self, message: str, peer: Peer | None = None, code: int = 0) -> None:
        """Write the record of a connection that ended because something is wrong on this side."""
        if self.choice is not None and peer is not None:
            message, peer = self.choice.text(message, peer), self.choice.shown(peer)
        fields: list[Field] = [
            ("SOCKGATE_VERDICT", "error"), ("SOCKGATE_REASON", message), ("SOCKGATE_STATUS", code),
        ]  # fmt: skip
        if peer is not None:
            message = f"refused {peer.route}: {message}"
        self.record(ERROR, FAILED, message, *fields, *(peer_fields(peer) if peer else ()))

    def gone(self) -> None:
        """Write the record of a client that left before its address could be read."""
        if self.writes("gone"):
            self.record(DEBUG, GONE, "the client has gone before it was identified", ("SOCKGATE_VERDICT", "gone"))

    def writes(self, kind: str) -> bool:
        """Whether records of this kind are wanted."""
        return self.choice is None or kind in self.choice.kinds

    def record(self, priority: int, message_id: str, message: str, *fields: Field) -> None:
        message = f"{self.service}: {message}" if self.service else message
        if self._journal is not None:
            self._send(priority, message_id, message, fields)
        elif priority < DEBUG:
            self.write_line(f"{self.program}: {clean(message)}")

    def write_line(self, text: str) -> None:
        """One line on standard error."""
        write_line(text)

    def flush(self) -> None:
        """Wait, at most 0.5 s, until journald has read our records. This is needed before an exit, not before an exec.

        journald finds the unit of a record through /proc of its sender. If the sender has exited, the record has no
        unit, and `journalctl -u` would not show why a client was refused. journald reads one datagram at a time and
        ignores empty ones. So an empty datagram is sent: once it has been read, the records before it have their unit.
        """
        if self._journal is None:
            return
        import fcntl
        import time

        try:
            self._journal.sendto(b"", _socket.MSG_NOSIGNAL, JOURNAL_SOCKET)
        except OSError:
            return  # the journal is not there, and the record went to standard error
        for _ in range(250):
            if not int.from_bytes(fcntl.ioctl(self._journal, SIOCOUTQ, bytes(4)), sys.byteorder):
                return
            time.sleep(0.002)

    def _send(self, priority: int, message_id: str, message: str, fields: tuple[Field, ...]) -> None:
        assert self._journal is not None
        fields = (*fields, ("INVOCATION_ID", self._invocation))
        record = journal_record(self.program, self.service, priority, message_id, message, fields)
        try:
            self._journal.sendto(record, _socket.MSG_NOSIGNAL, JOURNAL_SOCKET)
        except OSError:
            if not self._to_client:
                write_line(f"{self.program}: {clean(message)}")


def urgency(verdict: Verdict, priority: int) -> tuple[int, int | None]:
    """Priority and facility of the records about this verdict: those that its rule asks for, else this priority."""
    actions = verdict.actions
    if actions and actions.priority is not None:
        return actions.priority, actions.facility
    return priority, None


def journal_record(
    program: str, service: str, priority: int, message_id: str, message: str, fields: tuple[Field, ...]
) -> bytes:
    """One record in the journal's native protocol. Fields without a value are left out."""
    common: tuple[Field, ...] = (
        ("MESSAGE", message), ("PRIORITY", priority), ("MESSAGE_ID", message_id),
        ("SYSLOG_IDENTIFIER", program), ("SOCKGATE_SERVICE", service),
    )  # fmt: skip
    return field_lines(*common, *fields).encode()


def field_lines(*fields: Field) -> str:
    """NAME=value lines of the journal's native protocol. Fields without a value are left out."""
    return "".join([f"{name}={clean(str(value))}\n" for name, value in fields if value not in (None, "")])


def write_line(text: str) -> None:
    try:
        posix.write(STDERR, text.encode() + b"\n")
    except OSError:
        return  # standard error has no reader; the connection goes on all the same


def peer_fields(peer: Peer) -> list[Field]:
    fields: list[Field] = [("SOCKGATE_PROTO", peer.protocol)]
    if peer.remote_ip is None and peer.local_ip is not None:  # its address is not for the log
        return [*fields, ("SOCKGATE_LOCAL_ADDR", peer.local_ip), ("SOCKGATE_LOCAL_PORT", peer.local_port)]
    if peer.remote_ip is None:
        return [*fields, ("SOCKGATE_LOCAL_PATH", peer.local_path), ("SOCKGATE_REMOTE", peer.source)]
    return [
        *fields,
        ("SOCKGATE_REMOTE_ADDR", peer.remote_ip), ("SOCKGATE_REMOTE_PORT", peer.remote_port),
        ("SOCKGATE_LOCAL_ADDR", peer.local_ip), ("SOCKGATE_LOCAL_PORT", peer.local_port),
        ("SOCKGATE_REMOTE_HOST", peer.host), ("SOCKGATE_REMOTE_INFO", peer.info),
    ]  # fmt: skip


def timeval(microseconds: int) -> bytes:
    """A struct timeval (two longs) of less than a second."""
    size = 8 if sys.maxsize > 1 << 32 else 4
    return bytes(size) + microseconds.to_bytes(size, sys.byteorder)


def identity(descriptor: int) -> tuple[int, int] | None:
    """(device, inode) of a socket, as in JOURNAL_STREAM. None if the descriptor is no socket, but a terminal or so."""
    try:
        status = posix.fstat(descriptor)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status.st_mode & FILE_TYPE == SOCKET else None
