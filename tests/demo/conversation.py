"""An SMTP session in this process: everything the client says at once, then everything it was told."""

import contextlib
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from sockgate.demo.channel import Channel, Disconnected, TimedOut
from sockgate.demo.delivery import Maildir, MessageStore
from sockgate.demo.session import Client, SmtpService, SmtpSession

ENVELOPE = b"EHLO client\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@example.test>\r\n"
GATE = {"TCPREMOTEIP": "192.0.2.7", "TCPLOCALIP": "192.0.2.1"}


def converse(
    said: bytes, store: MessageStore, environment: Mapping[str, str] = GATE, *, size: int = 100_000, timeout: float = 5
) -> list[str]:
    """The server's replies, the greeting left out."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    with ours:
        with theirs:
            ours.sendall(said)
            if timeout == 5:
                ours.shutdown(socket.SHUT_WR)
            service = SmtpService("server.test", ["localhost", "Example.Test."], store, size)
            with contextlib.suppress(Disconnected, TimedOut):
                SmtpSession(Channel(theirs.fileno(), theirs.fileno(), timeout), service, Client(environment)).run()
        ours.settimeout(60)
        with ours.makefile("rb") as replies:
            lines = replies.read().decode("ascii").split("\r\n")
    assert lines.pop() == ""
    assert lines.pop(0) == "220 server.test ESMTP"
    return lines


def last_reply(said: bytes, store: MessageStore, environment: Mapping[str, str] = GATE) -> str:
    return converse(said, store, environment)[-1]


def delivered(folder: Path) -> list[bytes]:
    """The messages of a Maildir, oldest first."""
    # Not by name: the microseconds in it are not padded.
    by_age = sorted((folder / "new").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    return [file.read_bytes() for file in by_age]


def message(*lines: bytes) -> bytes:
    """A whole session that sends these lines; the dot is added."""
    return ENVELOPE + b"DATA\r\n" + b"".join(line + b"\r\n" for line in (*lines, b".")) + b"QUIT\r\n"


def maildir(folder: Path) -> Maildir:
    return Maildir(str(folder / "Maildir"))


def codes(replies: Sequence[str]) -> list[str]:
    return [reply[:3] for reply in replies if reply[3] == " "]
