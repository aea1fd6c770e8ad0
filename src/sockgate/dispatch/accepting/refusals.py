"""Telling clients that they are refused, without waiting for those who do not read."""

import _socket
import select
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ...connection.banners import discard_input
from ..poller import Loop

MOST = 100  # clients at a time that are slow to read; then the one that has been given the most time must go
SECONDS = 5.0  # as long as sockgate waits


class Unsent(NamedTuple):
    data: bytes
    give_up: Callable[[], None]


class Refusals:
    """Sends each client its message, then closes the connection."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._waiting: dict[_socket.socket, Unsent] = {}  # the oldest first

    def send(self, connection: _socket.socket, message: bytes) -> None:
        data = send_now(connection, message)
        if not data:
            close(connection)
            return
        if len(self._waiting) == MOST:
            next(iter(self._waiting.values())).give_up()
        give_up = partial(self._close, connection)
        self._waiting[connection] = Unsent(data, give_up)
        self._loop.watch(connection, partial(self._go_on, connection), select.EPOLLOUT)
        self._loop.after(SECONDS, give_up)

    def _go_on(self, connection: _socket.socket) -> None:
        waiting = self._waiting[connection]
        data = send_now(connection, waiting.data)
        if data:
            self._waiting[connection] = waiting._replace(data=data)
        else:
            self._close(connection)

    def _close(self, connection: _socket.socket) -> None:
        self._loop.cancel(self._waiting.pop(connection).give_up)
        self._loop.unwatch(connection)
        close(connection)


def send_now(connection: _socket.socket, data: bytes) -> bytes:
    """Send what the client takes without our waiting. Returns the rest, nothing if there is nobody to read it."""
    try:
        while data:
            data = data[connection.send(data, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL) :]
    except BlockingIOError:
        return data
    except OSError:
        return b""
    return b""


def close(connection: _socket.socket) -> None:
    discard_input(connection.fileno())
    connection.close()
