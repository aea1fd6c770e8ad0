"""--leftovers: what servers leave behind when they end.

The gate makes itself the new parent of such processes (PR_SET_CHILD_SUBREAPER in prctl(2)), also of those that have
left the process group of their server. So they are its children that are neither a server nor the guardian.

But the orphans of a server that still runs become its children, too. They belong to the session: they are in the
process group of the server, or have its client in their environment.
"""

import os
import signal
from contextlib import suppress
from time import monotonic

from ..connection.log import WARNING, clean
from .guardian import LIBC, Guardian
from .processes import environment_of
from .records.records import Records
from .sessions import Session, Sessions

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
# Since a process was first seen without its server: what is over sooner is not told of.
LEFT_SECONDS, TERM_SECONDS, KILL_SECONDS = 1.0, 10.0, 20.0


class Leftovers:
    """Follows what servers have left, and ends it if it is to end."""

    def __init__(self, mode: str | None, sessions: Sessions, records: Records, guardian: Guardian) -> None:
        self.is_wanted = mode is not None
        self._ends = mode == "end"
        self._sessions = sessions
        self._records = records
        self._guardian = guardian
        self._first_seen: dict[int, float] = {}
        self._told: set[int] = set()
        if self.is_wanted:
            LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    @property
    def is_expecting(self) -> bool:
        """Whether to look again, also if no server ends."""
        return bool(self._first_seen)

    def look(self) -> None:
        now, left = monotonic(), self._present()
        self._first_seen = {pid: self._first_seen.get(pid, now) for pid in left}
        self._told &= left
        for pid, since in self._first_seen.items():
            age = now - since
            if age >= LEFT_SECONDS and pid not in self._told:
                self._told.add(pid)
                self._records.event(WARNING, "", f"a server has ended and left process {pid} behind ({name_of(pid)})")
            if self._ends and age >= TERM_SECONDS:
                with suppress(OSError):  # its user may be another one, and the gate have no CAP_KILL
                    os.kill(pid, signal.SIGKILL if age >= KILL_SECONDS else signal.SIGTERM)
        self._sessions.left_behind = len(self._told)

    def forget(self) -> None:
        """Called in the guardian."""
        self.is_wanted = False
        self._first_seen.clear()

    def _present(self) -> set[int]:
        try:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                children = set(map(int, file.read().split()))
        except OSError:
            return set()
        running = {session.pid: client_of(session) for session in self._sessions.running()}
        clients = set(running.values())
        orphans = children - running.keys() - {self._guardian.pid}
        return {pid for pid in orphans if group_of(pid) not in running and clients.isdisjoint(clients_named_in(pid))}


def client_of(session: Session) -> tuple[bytes, bytes]:
    return (session.peer.remote_ip or "").encode(), str(session.peer.remote_port).encode()


def clients_named_in(pid: int) -> list[tuple[bytes, bytes]]:
    """The client in the environment of this process, if there is one and we may see it."""
    variables = dict(word.partition(b"=")[::2] for word in environment_of(pid))
    address = variables.get(b"TCPREMOTEIP")
    return [(address, variables.get(b"TCPREMOTEPORT", b""))] if address else []


def group_of(pid: int) -> int:
    """The process group; 0 if the process is gone."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def name_of(pid: int) -> str:
    """The name of this process, if we may see it."""
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            return clean(file.read().strip().decode("ascii", "replace"))
    except OSError:
        return "unknown"
