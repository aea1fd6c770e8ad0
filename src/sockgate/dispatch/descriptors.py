"""What there is among the descriptors of a process that shares or inherits the gate's."""

import _socket
import os
from collections.abc import Iterator

from ..core.peer import SO_ACCEPTCONN


def stream_sockets() -> Iterator[_socket.socket]:
    """Those above descriptor 2: the clients' connections, and the listening sockets. Each is the caller's to detach."""
    for descriptor in sorted(map(int, os.listdir("/proc/self/fd"))):
        if descriptor <= 2:
            continue
        try:
            found = _socket.socket(fileno=descriptor)
        except OSError:  # no socket, or what the folder was read with
            continue
        if found.type == _socket.SOCK_STREAM:
            yield found
        else:
            found.detach()


def is_listening(stream: _socket.socket) -> bool:
    return bool(stream.getsockopt(_socket.SOL_SOCKET, SO_ACCEPTCONN))


def take_over(connection: _socket.socket) -> None:
    """Have this client on descriptor 0, and close the other connections and the ports, or they would stay open here.

    They are replaced by this client's connection, not closed: copies of the gate's objects may close them later.
    """
    descriptor = connection.fileno()
    os.dup2(descriptor, 0)
    os.close(descriptor)  # to look at the others takes one, which may have been the last
    for stream in stream_sockets():
        os.dup2(0, stream.detach(), inheritable=False)
    os.dup2(0, descriptor, inheritable=False)
