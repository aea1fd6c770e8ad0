"""Write without waiting for a reader."""

import _socket
import os
import select
import stat
from contextlib import suppress

MOST_AT_ONCE = 4096  # PIPE_BUF: if poll(2) says that a pipe can be written, it takes at least so much


def send_now(connection: _socket.socket, data: bytes) -> bytes:
    """Send as much as the client takes now. Returns the rest, or nothing if the client does not read any more."""
    try:
        while data:
            data = data[connection.send(data, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL) :]
    except BlockingIOError:
        return data
    except OSError:
        return b""
    return b""


class Stream:
    """A descriptor that other programs share. They write to it and wait, so it must stay in blocking mode."""

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
            self._socket.detach()  # the descriptor stays open

    def write(self, data: bytes) -> bytes:
        """Write as much as is taken now. Returns the rest, or nothing if there is no reader any more."""
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
        """Open a pipe or a terminal again, so that writes do not block. If that fails, poll before each write."""
        try:
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            self._descriptor = os.open(f"/proc/self/fd/{self._descriptor}", flags)
        except OSError:  # the file belongs to another user
            with suppress(OSError):
                self._poll = select.poll()
                self._poll.register(self._descriptor, select.POLLOUT)
