"""The descriptors of a process that shares or inherits those of the gate."""

import _socket
import os
from collections.abc import Iterator

from ..core.peer import SO_ACCEPTCONN


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
