"""--banner, --banner-text, --banner-success, --banner-fail, --deny-message: the texts that the gate sends to a client.

The order is xinetd's (service.c): the first banner goes to every client before access is checked. The second banner
goes to a client that is let in, or the third to a client that is refused. The texts are plain bytes. Each gate sends
them in its own way: sockgate with `send`, sockgated from its event loop.
"""

import _socket
import time
from _struct import pack

from ..core import Cause, UsageError
from ..core.rule_files import read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.options import Settings
    from ..core.rule_files import Sources

LARGEST_BANNER = 1 << 16
SEND_SECONDS = 5.0


class Banners:
    """The four texts, each empty if it was not asked for.

    greeting  to every client, first
    success   to a client that is let in, just before its server starts
    failure   to a client that is refused
    message   the line after `failure`, unless the rule has a message of its own
    """

    __slots__ = ("failure", "greeting", "message", "success")

    def __init__(self, settings: "Settings", sources: "Sources | None" = None) -> None:
        """Raises ConfigError or UsageError."""
        if settings.banner_text is not None and settings.banner is not None:
            raise UsageError("--banner and --banner-text are both given", cause=Cause("--banner-text"))
        self.greeting, self.success, self.failure = (
            read_banner(path, sources) for path in (settings.banner, settings.banner_success, settings.banner_fail)
        )
        if settings.banner_text is not None:
            self.greeting = settings.banner_text.encode("utf-8", "surrogateescape")
        self.message = settings.deny_message


def read_banner(path: str | None, sources: "Sources | None") -> bytes:
    """The bytes of the file. They are sent as they are: a line that should end in CR LF has CR LF in the file."""
    return b"" if path is None else read_file(path, LARGEST_BANNER, sources)


def encode_message(text: str, option: str) -> bytes:
    """The lines of the text, each with CR LF at its end, as network protocols require. Raises UsageError."""
    lines = text.split("\n")
    if not text or not all(line.isprintable() for line in lines):
        raise UsageError(f"{option}: {text!r} is not a line of text", cause=Cause(option, text))
    return "".join(f"{line}\r\n" for line in lines).encode()


def send(descriptor: int, data: bytes, seconds: float = SEND_SECONDS) -> None:
    """Send this to the client. If the client does not read, stop after some seconds.

    The socket stays blocking all the time, because the server may share it.
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
        return  # the client has gone, or does not read
    finally:
        set_send_timeout(connection, 0)
        connection.detach()


def set_send_timeout(connection: _socket.socket, seconds: float) -> None:
    """Set SO_SNDTIMEO, a struct timeval (socket(7)). 0 means no limit."""
    connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, pack("@ll", int(seconds), int(seconds % 1 * 1e6)))


def say_last_words(descriptor: int, text: bytes) -> None:
    """Send the text to a refused client. The caller closes the connection."""
    send(descriptor, text)
    discard_input(descriptor)


def discard_input(descriptor: int) -> None:
    """Read what the client has sent so far.

    If a socket is closed with unread data in it, the kernel resets the connection, and the client can lose the text
    that was just sent (RFC 2525, 2.17).
    """
    connection = _socket.socket(fileno=descriptor)
    try:
        for _ in range(16):
            if not connection.recv(1 << 14, _socket.MSG_DONTWAIT):
                break
    except OSError:
        return  # there is nothing to read
    finally:
        connection.detach()
