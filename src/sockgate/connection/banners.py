"""--banner, --banner-text, --banner-success, --banner-fail, --deny-message: what the gate itself tells a client.

The order is xinetd's (service.c): the banner to everybody before anything is checked, then the one for those who
are let in, or the one for those who are refused. What to send is plain bytes, so that each gate can send it in
its own way: sockgate with `send`, sockgated from its event loop.
"""

import _socket
import time
from _struct import pack

from ..core.errors import UsageError
from ..core.rule_files import read_file
from ..core.verdict import Cause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.rule_files import Sources

LARGEST_BANNER = 1 << 16
SEND_SECONDS = 5.0


class Banners:
    """The four texts, each empty if it was not asked for.

    greeting  to every client, first
    success   to a client that is let in, just before its server starts
    failure   to a client that is refused
    message   and then this line, unless the rule has one of its own
    """

    __slots__ = ("failure", "greeting", "message", "success")

    def __init__(
        self, greeting: str | None, success: str | None, failure: str | None, message: str | None,
        text: str | None = None, sources: "Sources | None" = None,
    ) -> None:  # fmt: skip
        """Of three files, a line, and a text in place of the first file; None for what was not asked for.

        Raises ConfigError or UsageError.
        """
        if text is not None and greeting is not None:
            raise UsageError("--banner and --banner-text are both given", cause=Cause("--banner-text"))
        self.greeting, self.success, self.failure = (
            read_banner(path, sources) for path in (greeting, success, failure)
        )
        if text is not None:
            self.greeting = text.encode("utf-8", "surrogateescape")
        self.message = b"" if message is None else encode_message(message, "--deny-message")


def read_banner(path: str | None, sources: "Sources | None") -> bytes:
    """A banner is sent as it is: lines that should end in CR LF must be written so."""
    return b"" if path is None else read_file(path, LARGEST_BANNER, sources)


def encode_message(text: str, option: str) -> bytes:
    """The lines of the text, each ended by CR LF as network protocols want them. Raises UsageError."""
    lines = text.split("\n")
    if not text or not all(line.isprintable() for line in lines):
        raise UsageError(f"{option}: {text!r} is not a line of text", cause=Cause(option, text))
    return "".join(f"{line}\r\n" for line in lines).encode()


def send(descriptor: int, data: bytes, seconds: float = SEND_SECONDS) -> None:
    """Send this to the client, unless it does not read: then stop after some seconds.

    The socket stays as it was: not even for this time does it become non-blocking, since the server may share it.
    """
    if not data:
        return
    deadline = time.monotonic() + seconds
    connection = _socket.socket(fileno=descriptor)
    try:
        while data and (left := deadline - time.monotonic()) > 0:
            set_send_timeout(connection, left)
            data = data[connection.send(data, _socket.MSG_NOSIGNAL) :]
    except OSError:
        return  # the client has gone, or does not read; nobody to tell
    finally:
        set_send_timeout(connection, 0)
        connection.detach()


def set_send_timeout(connection: _socket.socket, seconds: float) -> None:
    """SO_SNDTIMEO, a struct timeval; 0 for none, socket(7)."""
    connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, pack("@ll", int(seconds), int(seconds % 1 * 1e6)))


def say_last_words(descriptor: int, text: bytes) -> None:
    """Send a refused client what it is told. The caller closes the connection."""
    send(descriptor, text)
    discard_input(descriptor)


def discard_input(descriptor: int) -> None:
    """Read what the client has sent so far.

    To close a socket with unread data resets the connection, and with it goes what was just sent (RFC 2525, 2.17).
    """
    connection = _socket.socket(fileno=descriptor)
    try:
        for _ in range(16):
            if not connection.recv(1 << 14, _socket.MSG_DONTWAIT):
                break
    except OSError:
        return  # nothing there
    finally:
        connection.detach()
