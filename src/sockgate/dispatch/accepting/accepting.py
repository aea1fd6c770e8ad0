"""The sockets to which clients connect, and accepting clients while one more can be served.

Otherwise clients wait in the kernel's queue.
"""

import _socket
import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from ...atomic_write import located
from ...connection.log import PAUSED, WARNING
from ...core import Cause, SystemFailure, UsageError
from ...core.addresses import port_number
from ...core.peer import SO_ACCEPTCONN, endpoint, pack
from ..overload import OVERLOAD_SECONDS, OVERLOADED
from ..poller import Poller, Timer, Timers
from ..records.records import Records

BACKLOG = 4096  # the same as systemd's; the kernel cuts it to net.core.somaxconn
# Errors of accept(2) about one connection: it was aborted, or a firewall forbids it. The next connection may be good.
NOT_A_CLIENT = frozenset((
    errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.ENOPROTOOPT, errno.EHOSTDOWN, errno.ENONET,
    errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH, errno.EAGAIN, errno.ETIMEDOUT,
))  # fmt: skip
MOST_FAILURES = 100  # after so many of these errors in a row, the gate pauses


class Listener:
    """A listening stream socket. It never blocks, and no server inherits it."""

    __slots__ = ("_family", "_socket", "address")

    def __init__(self, listening: _socket.socket) -> None:
        listening.setblocking(False)
        os.set_inheritable(listening.fileno(), False)
        self._socket = listening
        self._family = listening.family
        self.address = address_of(listening)

    def fileno(self) -> int:
        return self._socket.fileno()

    def accept(self) -> _socket.socket:
        """The connection of the next client, blocking and closed at exec. Raises the error of accept(2)."""
        # socket.accept() would make a Python object instead of a C object, with three more system calls.
        descriptor, _address = self._socket._accept()  # type: ignore[attr-defined]  # typeshed leaves it out
        return _socket.socket(self._family, _socket.SOCK_STREAM, 0, fileno=descriptor)


class Accepting:
    """Whether and how clients are accepted now.

    paused  no client is accepted for the moment
    """

    def __init__(self, listeners: Sequence[Listener], poller: Poller, timers: Timers, records: Records) -> None:
        self._listeners = listeners
        self._poller = poller
        self._timers = timers
        self._records = records
        self._watched: list[Listener] = []
        self._paused_until = 0.0
        self._reason_of_pause = self._reason_of_end = ""
        self._failures = 0
        self.paused = False

    @property
    def trouble(self) -> str:
        """Why no client is accepted, as text. Empty while clients are accepted, or wait for other clients to leave."""
        return self._reason_of_end or self._reason_of_pause

    def accept(self, listener: Listener) -> _socket.socket | None:
        """The connection of the next client. None if no client waits."""
        try:
            connection = listener.accept()
        except OSError as error:
            if error.errno not in NOT_A_CLIENT | OVERLOADED:
                raise
            self._failures += 1
            if error.errno not in NOT_A_CLIENT or self._failures >= MOST_FAILURES:
                self._failures = 0
                self.pause(OVERLOAD_SECONDS, f"unable to accept a connection: {error.strerror}")
            return None
        if self._failures:
            self._failures = 0
        return connection

    def pause(self, seconds: float, reason: str) -> None:
        """Accept no client for this time. If a longer pause has already begun, it goes on."""
        self._records.rare_event(WARNING, PAUSED, f"{reason}: accepting no clients for {seconds:g} s")
        end = monotonic() + seconds
        if end > self._paused_until:
            self._paused_until = end
            self._reason_of_pause = reason
        self.paused = True
        self._timers.set(Timer.END_OF_PAUSE, seconds)

    def end_pause(self) -> None:
        """End the pause, unless a longer one has begun meanwhile."""
        seconds = self._paused_until - monotonic()
        if seconds > 0:
            self._timers.set(Timer.END_OF_PAUSE, seconds)
        else:
            self.paused = False
            self._reason_of_pause = ""

    def adjust(self, *, full: bool) -> None:
        """Watch the listening sockets, or stop watching them while no client may be accepted."""
        wanted = not (full or self.paused or self._reason_of_end)
        if wanted == bool(self._watched):
            return
        try:
            if wanted:
                for listener in self._listeners:
                    self._poller.watch(listener)
                    self._watched.append(listener)
                return
        except OSError as error:
            self.pause(OVERLOAD_SECONDS, f"unable to wait for clients: {error.strerror}")
        for listener in self._watched:
            self._poller.unwatch(listener)
        self._watched.clear()

    def close_for_good(self, reason: str) -> None:
        self._reason_of_end = reason


def adopt(descriptor: int) -> Listener:
    """A socket that systemd passed. Raises UsageError if clients cannot be accepted from it."""
    try:
        listening = _socket.socket(fileno=descriptor)
    except OSError as error:
        raise UsageError(f"descriptor {descriptor} is no socket: {error.strerror}") from None
    if listening.type != _socket.SOCK_STREAM or not listening.getsockopt(_socket.SOL_SOCKET, SO_ACCEPTCONN):
        listening.detach()
        raise UsageError(f"descriptor {descriptor} is no listening stream socket", "the socket unit needs Accept=no")
    return Listener(listening)


def listen(where: str) -> Listener:
    """--listen: ADDR:PORT, [IPv6]:PORT, a path or @NAME. Raises UsageError or SystemFailure."""
    family, address = parse_address(where)
    try:
        listening = _socket.socket(family, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    except OSError as error:
        raise unable_to_listen(where, error) from None
    try:
        if family == _socket.AF_UNIX:
            remove_stale(where)
        else:
            listening.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if family == _socket.AF_INET6:
            listening.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 0)  # as in a .socket unit
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise unable_to_listen(where, error) from None
    return Listener(listening)


def unable_to_listen(where: str, error: OSError) -> SystemFailure:
    return SystemFailure(f"unable to listen on {where!r}: {error.strerror or error}")


def parse_address(where: str) -> tuple[int, str | tuple[str, int]]:
    """The address family, and the argument for bind(2)."""
    if where.startswith("/"):
        return _socket.AF_UNIX, where
    if where.startswith("@"):
        return _socket.AF_UNIX, "\0" + where[1:]
    host, colon, text = where.rpartition(":")
    port = port_number(text)
    brackets = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if brackets else host
    try:
        pack(host)
    except ValueError:
        colon = ""
    if not colon or brackets != (":" in host) or port is None:
        raise UsageError(
            f"--listen: {where!r} is neither ADDR:PORT, [IPv6]:PORT nor a path", cause=Cause("--listen", where)
        )
    return (_socket.AF_INET6 if brackets else _socket.AF_INET), (host, port)


def remove_stale(path: str) -> None:
    """Remove a socket file of an earlier run, which would make bind(2) fail. Any other file stays.

    The folder may belong to another user, who can put links on the way. So it is opened once, and not through such a
    link: no file elsewhere is removed. Raises OSError.
    """
    with suppress(FileNotFoundError), located(path) as place:
        mode = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False).st_mode
        if stat.S_ISSOCK(mode) and not is_in_use(path):
            os.unlink(place.name, dir_fd=place.folder)


def is_in_use(path: str) -> bool:
    """Whether a process listens on this path. If its queue of clients is full, this does not wait."""
    probe = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    probe.setblocking(False)
    try:
        probe.connect(path)
    except ConnectionRefusedError:
        return False
    except BlockingIOError:
        return True
    finally:
        probe.close()
    return True


def address_of(listening: _socket.socket) -> str:
    """The address as text, for the log and for `systemctl status`."""
    name = listening.getsockname()
    if listening.family == _socket.AF_UNIX:
        return "@" + name[1:].decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    return endpoint(str(name[0]), int(name[1]))
