"""Communication with systemd: it passes sockets at the start, and gets the state of this process afterwards.

Only this module imports systemd-python, and only if systemd is there. Where systemd-python is missing, this module does
the same with the standard library.
"""

import _socket
import os
from array import array
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from ..connection.log import WARNING, clean
from ..connection.server import FIRST_INHERITED
from .accepting.accepting import Accepting
from .deciding.reloading_gate import ReloadingGate
from .records.records import Records
from .sessions import Sessions

TABLE = "sockgate-sessions"  # the name of the table of sessions in systemd's store of descriptors
Snapshot = tuple[int, int, int, str, str]


def inherited_sockets(count: int) -> list[int]:
    """The descriptors of the socket units, so many as LISTEN_FDS says, closed at exec (sd_listen_fds(3))."""
    try:
        from systemd.daemon import listen_fds
    except ImportError:
        descriptors = range(FIRST_INHERITED, FIRST_INHERITED + count)
        with suppress(OSError):  # of one that is not there: adopt() tells
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)
        return list(descriptors)
    return list(listen_fds())


def stored_table(environment: dict[bytes, bytes]) -> int | None:
    """The descriptor of the table of sessions that systemd kept for this gate; None if there is none."""
    names = environment.get(b"LISTEN_FDNAMES", b"").split(b":")
    return FIRST_INHERITED + names.index(TABLE.encode()) if TABLE.encode() in names else None


class Notifier:
    """Sends the state to systemd (sd_notify(3)). Does nothing if no service manager asked for it."""

    def __init__(self, environment: dict[bytes, bytes]) -> None:
        address = environment.get(b"NOTIFY_SOCKET")
        self._address = address or b""
        self._notify = find_notify(address) if address else None
        self._spare = -1
        self._keep_descriptor()

    def store(self, table: int) -> None:
        """Have systemd keep this descriptor for the next gate. It does where FileDescriptorStoreMax= allows it."""
        if self._address:
            with suppress(OSError):
                send_datagram(self._address, f"FDSTORE=1\nFDPOLL=0\nFDNAME={TABLE}", table)

    def forget_stored(self) -> None:
        """Have systemd forget the descriptor that it keeps."""
        if self._address:
            with suppress(OSError):
                send_datagram(self._address, f"FDSTOREREMOVE=1\nFDNAME={TABLE}")

    def send(self, *lines: str) -> str:
        """Send these lines. Returns why that was not possible, or "".

        Each line is cleaned: a line break in the name of a file would start another line, which systemd would obey.
        """
        if self._notify is None:
            return ""
        self._free_descriptor()
        try:
            self._notify("\n".join(map(clean, lines)))
        except OSError as error:
            return f"unable to talk to systemd: {error.strerror}"
        finally:
            self._keep_descriptor()
        return ""

    def _free_descriptor(self) -> None:
        """Close the reserved descriptor. Each notification needs one, also the one that says that none is left."""
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1

    def _keep_descriptor(self) -> None:
        if self._notify is not None:
            with suppress(OSError):
                self._spare = os.open("/dev/null", os.O_RDONLY)


def find_notify(address: bytes) -> Callable[[str], object]:
    try:
        from systemd.daemon import notify
    except ImportError:
        return partial(send_datagram, address)
    found: Callable[[str], object] = notify
    return found


def send_datagram(address: bytes, text: str, *descriptors: int) -> None:
    """What sd_notify(3) does. `@` stands for the NUL of an abstract address. Raises OSError."""
    sender = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array("i", descriptors))] if descriptors else []
    try:
        sender.sendmsg([text.encode()], rights, 0, b"\0" + address[1:] if address.startswith(b"@") else address)
    finally:
        sender.close()


class Status:
    def __init__(
        self, sessions: Sessions, accepting: Accepting, gate: ReloadingGate, notifier: Notifier, records: Records
    ) -> None:  # fmt: skip
        self._sessions = sessions
        self._accepting = accepting
        self._gate = gate
        self._notifier = notifier
        self._records = records
        self._known: Snapshot | None = None

    def has_changed(self) -> bool:
        """Whether the state has changed since the last call."""
        before, self._known = self._known, self._snapshot()
        return self._known != before

    def report(self, *states: str) -> None:
        """Send the state to systemd, together with READY=1 and the like."""
        failure = self._notifier.send(*states, f"STATUS={self.text()}")
        if failure:
            self._records.rare_event(WARNING, "", failure)

    def text(self) -> str:
        count, served, refused, trouble, problem = self._snapshot()
        if problem:
            in_force = "the rules from before are in force" if self._gate.rules else "every client is refused"
            problem = f"{in_force}: {problem}"
        counts = f"{count} of {self._sessions.most} connections, {served:,} served, {refused:,} refused"
        left = self._sessions.left_behind
        left_behind = f"{left} left behind by servers" if left else ""
        return "; ".join(filter(None, (counts, left_behind, trouble, problem)))

    def _snapshot(self) -> Snapshot:
        sessions = self._sessions
        problem = str(self._gate.problem or "")
        return sessions.count, sessions.served, sessions.refused, self._accepting.trouble, problem
