"""The two descriptors of an SMTP session: read lines, write replies.

A line ends with CR LF and with nothing else. A bare CR or LF is an error. Servers that accept it as the end of a line
or of a message can be made to find a second message inside the first (CVE-2023-51764 and similar ones).
"""

import os
import select
import socket
import time

READ_SIZE = 65536
FAREWELL = 1.0  # seconds


class Disconnected(Exception):
    """The client has gone."""


class TimedOut(Exception):
    """The client neither sent nor read anything for too long."""


class LineTooLong(Exception):
    """A line was longer than the limit. It has been read to its end."""


class BareNewline(Exception):
    """A line ends in LF alone, or has a CR in its middle. It has been read to its end."""


class Channel:
    """Both directions have a buffer. Replies are sent only if the next line has not come: PIPELINING saves packets."""

    def __init__(self, reads: int, writes: int, timeout: float) -> None:
        self._reads = reads
        self._writes = writes
        self._timeout = timeout
        self._received = bytearray()
        self._replies = bytearray()

    def read_line(self, longest: int) -> bytes:
        """The next line without its CR LF, of at most `longest` octets with it.

        Raises LineTooLong, BareNewline, Disconnected, or TimedOut if the line does not end in time.
        """
        deadline = time.monotonic() + self._timeout
        too_long = False
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > longest:
                too_long = True
                del self._received[:-1]  # the last octet may be the CR of CR LF
            self._receive(deadline)
        line = bytes(self._received[: end + 1])
        del self._received[: end + 1]
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise BareNewline
        if too_long or len(line) > longest:
            raise LineTooLong
        return line[:-2]

    def reply(self, text: str) -> None:
        """Add one reply, in the form `250 ok`. LF separates the lines of a longer reply."""
        self._replies += text.replace("\n", "\r\n").encode("ascii", "replace") + b"\r\n"

    def flush(self) -> None:
        """Send all replies. Raises Disconnected or TimedOut."""
        deadline = time.monotonic() + self._timeout
        while self._replies:
            wait_for(self._writes, select.POLLOUT, deadline)
            try:
                sent = os.write(self._writes, self._replies[:4096])
            except OSError:
                raise Disconnected from None
            del self._replies[:sent]

    def close(self) -> None:
        """Send the remaining replies, then give the client time to read them.

        If a socket is closed with unread data in it, the kernel resets the connection, and the client can lose the last
        reply. Returns after at most a second, or raises Disconnected or TimedOut.
        """
        self.flush()
        try:
            with socket.socket(fileno=os.dup(self._writes)) as connection:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            return  # this is no socket, or the client has gone
        deadline = time.monotonic() + min(FAREWELL, self._timeout)
        while time.monotonic() < deadline:
            self._receive(deadline)
            self._received.clear()

    def _receive(self, deadline: float) -> None:
        self.flush()
        wait_for(self._reads, select.POLLIN, deadline)
        try:
            data = os.read(self._reads, READ_SIZE)
        except OSError:
            raise Disconnected from None
        if not data:
            raise Disconnected
        self._received += data


def wait_for(descriptor: int, event: int, deadline: float) -> None:
    """Wait until the descriptor can be read or written. Raises TimedOut."""
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimedOut
