"""The sessions that a gate before this one began: they count here, and their end is recorded here.

The gate before has left them in the table of sessions. Their servers are no children of this gate, so it cannot wait
for them by waitpid(2). It gets a descriptor of each process (pidfd_open(2)), which is readable when the process has
ended. The exit status is known from Linux 6.15 on, which keeps it for those who have such a descriptor.
"""

import errno
import os
import signal
from contextlib import suppress
from fcntl import ioctl
from resource import RLIMIT_NOFILE, getrlimit
from struct import Struct
from time import monotonic

from .peer_text import decode
from .poller import Poller
from .processes import environment_of, group_members, state_of
from .records.records import Records
from .session_table import ENDED, RUNNING, TURNED_AWAY, UNKNOWN, Row, SessionTable
from .sessions import Session, Sessions

# struct pidfd_info of linux/pidfd.h: mask, the number of the control group, eleven ids, the status of waitpid(2).
INFO, GET_INFO, HAS_STATUS = Struct("<QQ11Ii"), 0xC040FF0B, 1 << 3
REAPED_SECONDS = 60.0  # PID 1 has reaped a process long before, or never does
SHARE = 2  # of the descriptors of this process, one of so many may be used here


class OtherProcess:
    """A process that is no child of ours: a server that another gate started, or its guardian.

    session  None for a guardian
    block    the rows of this guardian
    ended    when it ended, by time.monotonic(); 0.0 before
    """

    def __init__(self, pid: int, descriptor: int, session: Session | None, block: int = 0) -> None:
        self.pid = pid
        self.session = session
        self.block = block
        self.ended = 0.0
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def status(self) -> int | None:
        """The status of waitpid(2), after its end. UNKNOWN if the kernel does not tell it, None if it may tell soon."""
        if self._descriptor < 0:  # there are not descriptors enough
            return UNKNOWN
        info = bytearray(INFO.size)
        INFO.pack_into(info, 0, HAS_STATUS, *[0] * 13)
        try:
            ioctl(self._descriptor, GET_INFO, info)
        except OSError:
            return UNKNOWN
        mask, *_, status = INFO.unpack(info)
        return int(status) if mask & HAS_STATUS else None

    @property
    def is_reaped(self) -> bool:
        """After its end: whether its parent has waited for it. Then the kernel tells its status, or never will."""
        try:
            signal.pidfd_send_signal(self._descriptor, 0)
        except OSError as error:
            return error.errno != errno.EPERM
        return False

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Adoption:
    """Follows the sessions of the gates before to their end."""

    def __init__(self, table: SessionTable, sessions: Sessions, poller: Poller, records: Records) -> None:
        self._table = table
        self._sessions = sessions
        self._poller = poller
        self._records = records
        self._unwatched: list[OtherProcess] = []  # there are not descriptors enough
        self._nameless: list[tuple[Row, Session]] = []  # their children find out who the client is
        self._unreaped: list[OtherProcess] = []
        self._left = getrlimit(RLIMIT_NOFILE)[0] // SHARE

    @property
    def is_expecting(self) -> bool:
        """Whether to look once a second for what no descriptor tells."""
        return bool(self._unwatched or self._nameless)

    def begin(self) -> None:
        """Adopt all sessions of the gates before. A guardian that is still at work keeps its own until it has ended."""
        at_work = {block: self._open(pid, None, block) for block, pid in self._table.guardians() if is_guardian(pid)}
        self._adopt(None)
        for block in set(dict(self._table.guardians())) - set(at_work):
            self._adopt(block)
        for guardian in at_work.values():
            self._watch(guardian)
        self._table.take_over()

    def hear(self, process: OtherProcess) -> None:
        """This process has ended."""
        self._poller.unwatch(process)
        self._end(process)

    def look(self) -> None:
        """Look at the processes without a descriptor, and for what was not known before."""
        nameless, self._nameless = self._nameless, []
        for row, session in nameless:
            if not session.over:
                self._name(self._table.read(row.at), session)
        unwatched, self._unwatched = self._unwatched, []
        for process in unwatched:
            if is_alive(process.pid):
                self._unwatched.append(process)
            else:
                self._end(process)

    def bury(self) -> bool:
        """Record the ends with a status that can be read now, or never can. Returns whether some remain for later."""
        unreaped, self._unreaped = self._unreaped, []
        for process in unreaped:
            self._record(process)
        return bool(self._unreaped)

    def forget(self) -> None:
        """Called in the guardian: these descriptors are the gate's."""
        self._unwatched.clear()
        self._nameless.clear()
        self._unreaped.clear()

    def _adopt(self, block: int | None) -> None:
        """Adopt the sessions in these rows: those of gates, or those of a guardian."""
        rows = list(self._table.rows(block))
        known = {row.pid for row in rows}
        for row in rows:
            try:
                session = session_of(row)
            except ValueError:
                self._table.forget((row.at,))
                continue
            if row.state == ENDED:
                session.seconds = row.seconds
                self._resume(row, session)
                self._write_end(session, row.status)
            elif pid := row.pid or started_for(row, known):
                session.pid = pid
                self._follow(row, session)
            else:  # its server was not started
                self._table.forget((row.at,))

    def _follow(self, row: Row, session: Session) -> None:
        process = self._open(session.pid, session)
        if not is_server(row, session.pid):  # it ended while there was no gate
            process.close()
            session.seconds = monotonic() - session.since
            self._resume(row, session)
            self._write_end(session, UNKNOWN)
            return
        self._sessions.adopt(session)
        self._name(row, session)
        self._resume(row, session)
        if not row.pid:
            self._table.run(row.at, session.pid)
        self._watch(process)

    def _name(self, row: Row, session: Session) -> None:
        """Count the client with its source, if it is known by now."""
        if row.pid and row.state != RUNNING:
            self._nameless.append((row, session))
            return
        session.peer = decode(row.text, row.port)
        self._sessions.name_adopted(session)

    def _resume(self, row: Row, session: Session) -> None:
        """Write the record of its start, if the gate before could not."""
        if row.since >= self._table.written_until and not row.flags:
            self._records.resumed(session)

    def _open(self, pid: int, session: Session | None, block: int = 0) -> OtherProcess:
        descriptor = -1
        if self._left > 0:
            with suppress(OSError):
                descriptor = os.pidfd_open(pid)
                self._left -= 1
        return OtherProcess(pid, descriptor, session, block)

    def _watch(self, process: OtherProcess) -> None:
        try:
            if process.fileno() >= 0:
                self._poller.watch(process)
                return
        except OSError:  # see Poller.watch
            process.close()
        self._unwatched.append(process)

    def _end(self, process: OtherProcess) -> None:
        process.ended = monotonic()
        if process.session is None:
            process.close()
            self._adopt(process.block)
            self._sessions.find_groups()
            return
        self._sessions.leave_adopted(process.session)
        self._record(process)

    def _record(self, process: OtherProcess) -> None:
        is_over = process.is_reaped or monotonic() - process.ended > REAPED_SECONDS
        status = process.status()
        if status is None and not is_over:
            self._unreaped.append(process)
            return
        process.close()
        assert process.session
        self._write_end(process.session, UNKNOWN if status is None else status)

    def _write_end(self, session: Session, status: int) -> None:
        if not self._table.read(session.row).flags & TURNED_AWAY:
            self._records.ended(session, None if status == UNKNOWN else status)
            self._records.counted(self._sessions.count, self._sessions.most)
        self._table.end(session.row, session.pid, session.seconds, status)


def session_of(row: Row) -> Session:
    """The session in this row. Raises ValueError."""
    session = Session(decode(row.text, row.port))
    session.row, session.since, session.pid = row.at, row.since, row.pid
    return session


def is_server(row: Row, pid: int) -> bool:
    """Whether this process is the server of this session, and not a later process with the same number.

    If we may not see its start, it must be what a server is: the leader of a group in the session (setsid(2)) of the
    gate that started it, in our control group. The processes that a server starts are not.
    """
    state, start = state_of(pid)
    if state:
        return not row.ran or start <= row.ran
    return leads_group(pid, row.group) and pid in group_members()


def is_alive(pid: int) -> bool:
    try:
        os.getpgid(pid)
    except ProcessLookupError:
        return False
    return True


def leads_group(pid: int, session: int) -> bool:
    try:
        return os.getpgid(pid) == pid and os.getsid(pid) == session
    except ProcessLookupError:
        return False


def started_for(row: Row, known: set[int]) -> int:
    """The server of a session, if its gate was killed before it had the number of the process. 0 if there is none."""
    port = b"TCPREMOTEPORT=%d" % row.port
    for pid in group_members():
        if pid not in known and leads_group(pid, row.group) and port in environment_of(pid):
            return pid
    return 0


def is_guardian(pid: int) -> bool:
    """Whether this guardian of a gate before is still at work. It is in the process group of its gate."""
    try:
        return os.getpgid(pid) != pid and pid in group_members()
    except ProcessLookupError:
        return False
