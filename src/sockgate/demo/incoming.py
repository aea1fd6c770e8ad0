"""The text of a message between DATA and the dot: check it, remove doubled dots, write lines with LF, store it."""

from email.utils import formatdate

from .channel import Channel, LineTooLong
from .delivery import Message
from .syntax import Refusal

LONGEST_TEXT = 1001  # RFC 5321, 4.5.3.1.6: 1,000 with CR LF, and a leading dot that was doubled
MOST_HOPS = 100
HOP_FIELDS = (b"received:", b"delivered-to:")
TOO_BIG = "552 sorry, that message size exceeds my limit (#5.3.4)"
SAFE_IN_HEADER = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.@%+/=:-[]")


class Incoming:
    """One message that is being received. The first error in it decides. The rest is read and dropped."""

    def __init__(self, message: Message, size: int) -> None:
        self._message = message
        self._limit = size
        self._size = 0
        self._hops = 0
        self._in_header = True

    def receive(self, channel: Channel) -> None:
        """Read to the end of the message. Raises Refusal or OSError, but only at the end.

        An exception of the channel is raised at once: after a BareNewline the end of the message is unknown.
        """
        problem: Refusal | OSError | None = None
        while True:
            try:
                line = channel.read_line(LONGEST_TEXT)
                if line == b".":
                    break
                if problem is None:
                    self._take(line.removeprefix(b"."))
            except LineTooLong:
                problem = problem or Refusal("554 a line is longer than 998 octets (RFC 5321, 4.5.3.1.6; #5.6.0)")
            except (Refusal, OSError) as error:
                problem = error
        if problem is not None:
            raise problem

    def _take(self, line: bytes) -> None:
        self._size += len(line) + 2
        if self._size > self._limit:
            raise Refusal(TOO_BIG)
        if self._in_header:
            self._in_header = line != b""
            self._hops += line.lower().startswith(HOP_FIELDS)
            if self._hops > MOST_HOPS:
                raise Refusal("554 too many hops, this message is looping (#5.4.6)")
        self._message.write(line + b"\n")


def received_field(host: str, ip: str, info: str | None, helo: str, local: str, protocol: str) -> bytes:
    """The Received field as qmail-smtpd writes it: `from HOST (HELO NAME) (INFO@IP) by LOCAL with PROTOCOL; DATE`."""
    introduced = f" (HELO {safe(helo)})" if helo.lower() != host.lower() else ""
    source = f"{safe(info)}@{safe(ip)}" if info is not None else safe(ip)
    return (
        f"Received: from {safe(host)}{introduced} ({source})\n  by {safe(local)} with {protocol}; {formatdate()}\n"
    ).encode()


def safe(text: str) -> str:
    """Text from the network, for a header field or a log line. Each character that may do harm becomes `?`."""
    return "".join(c if c in SAFE_IN_HEADER else "?" for c in text)
