"""Writing without waiting for a reader."""

import _socket
import os
import select
import stat
from contextlib import suppress

MOST_AT_ONCE = 4096  # PIPE_BUF: a pipe of which poll(2) says that it takes something takes so much


def send_now(connection: _socket.socket, data: bytes) -> bytes:
    """Send what the client takes now. Returns the rest, nothing if the client does not read any more."""
    try:
        while data:
            data = data[connection.send(data, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL) :]
    except BlockingIOError:
        return data
    except OSError:
        return b""
    return b""


class Stream:
    """A descriptor that is shared with other programs, which write to it and wait: it stays in blocking mode."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._socket: _socket.socket | None = None
        self._poll: select.poll | None = None
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError:
            return
        if stat.S_ISSOCK(mode):
            self._socket = _socket.socket(fileno=descriptor)
        elif stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            self._reopen()

    def __del__(self) -> None:
        if self._socket:
            self._socket.detach()  # it is not ours to close

    def write(self, data: bytes) -> bytes:
        """Write what is taken now. Returns the rest, nothing if there is no reader any more."""
        if self._socket:
            return send_now(self._socket, data)
        try:
            while data and (self._poll is None or self._poll.poll(0)):
                data = data[os.write(self._descriptor, data[:MOST_AT_ONCE]) :]
        except BlockingIOError:
            return data
        except OSError:
            return b""
        return data

    def _reopen(self) -> None:
        """Have a pipe or a terminal by a descriptor of our own, which does not block; else ask before each write."""
        try:
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            self._descriptor = os.open(f"/proc/self/fd/{self._descriptor}", flags)
        except OSError:  # it belongs to another user
            with suppress(OSError):
                self._poll = select.poll()
                self._poll.register(self._descriptor, select.POLLOUT)
