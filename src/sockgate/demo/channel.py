"""Lines in and replies out: the two descriptors of an SMTP session.

A line ends in CR LF and in nothing else. What other servers take for the end of a line or of a message is
where one message is smuggled inside another (CVE-2023-51764 and its kin), so a bare CR or LF is an error.
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
    """A line above the limit; it has been read to its end."""


class BareNewline(Exception):
    """A line that ends in LF alone or has a CR in its middle; it has been read to its end."""


class Channel:
    """Buffered both ways: replies leave when the next line has to be waited for, which is what makes PIPELINING pay."""

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
        """Add one reply, already of the form `250 ok`; the lines of a longer one are separated by LF."""
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
        """Send what is left to say, then let the client read it.

        A socket that is closed with something unread in it is reset, and a reset takes the last reply away.
        Returns after at most a second, or raises Disconnected or TimedOut.
        """
        self.flush()
        try:
            with socket.socket(fileno=os.dup(self._writes)) as connection:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            return  # no socket, or nobody there
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
    """Until the descriptor can be read or written. Raises TimedOut."""
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimedOut
