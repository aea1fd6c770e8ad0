"""Descriptors that a process shares with the gate or inherits from it, and writing without waiting for a reader."""

import _socket
import os
import select
import stat
from collections.abc import Iterator
from contextlib import suppress

from ..core.peer import SO_ACCEPTCONN

MOST_AT_ONCE = 4096  # PIPE_BUF: if poll(2) says that a pipe can be written, it takes at least so much


def stream_sockets() -> Iterator[_socket.socket]:
    """The stream sockets above descriptor 2: clients' connections, and listening sockets. The caller detaches each."""
    for descriptor in sorted(map(int, os.listdir("/proc/self/fd"))):
        if descriptor <= 2:
            continue
        try:
            found = _socket.socket(fileno=descriptor)
        except OSError:  # no socket, or the descriptor with which the folder was read
            continue
        if found.type == _socket.SOCK_STREAM:
            yield found
        else:
            found.detach()


def is_listening(stream: _socket.socket) -> bool:
    return bool(stream.getsockopt(_socket.SOL_SOCKET, SO_ACCEPTCONN))


def take_over(connection: _socket.socket) -> None:
    """Put this client on descriptor 0. No other connection and no port stays open in this process.

    Their descriptors become copies of this client's connection, because copies of the gate's objects may still close
    them later.
    """
    descriptor = connection.fileno()
    os.dup2(descriptor, 0)
    os.close(descriptor)  # to look at the others needs a descriptor, and this may have been the last
    for stream in stream_sockets():
        os.dup2(0, stream.detach(), inheritable=False)
    os.dup2(0, descriptor, inheritable=False)


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
        if self._socket is not None:
            return send_now(self._socket, data)
        try:
            if self._poll is None:
                return data[os.write(self._descriptor, data) :]
            while data and self._poll.poll(0):
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
