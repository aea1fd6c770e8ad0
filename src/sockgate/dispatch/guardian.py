"""A second process that serves the clients which the gate had accepted when it was killed.

Between accept(2) and the start of its server a client is known to the gate alone. If the gate is killed at that moment,
the kernel closes the connection, and the client is lost without a word. So a second process, the guardian, shares the
gate's table of descriptors (clone(2) with CLONE_FILES): what the gate accepts is open in the guardian, too. It sleeps
until the gate has ended. Then it looks for connections that no server has, decides about them, starts their servers,
and ends. If the gate ends by itself, it dismisses the guardian first.

The guardian is a copy of the gate, with the rules that were in force when it was made, and works as the gate would. So
when other rules come into force, the gate replaces the guardian. It makes the next one before it ends the one before,
and says in the shared memory which of the two is in charge: only that one serves. If there is no guardian (it was
killed, or the system is short of processes), the gate goes on, and tries again to make one.

The guardian sees in /proc/PID/fd which connection a server has. A child of the gate that waits for its client lets
no process look into it (isolation.py). So it says in the shared memory which connection it has.
"""

import _socket
import ctypes
import errno
import gc
import mmap
import os
import signal
from collections.abc import Iterator
from struct import Struct
from time import monotonic, sleep

from .descriptors import is_listening, stream_sockets
from .processes import group_members, links_of, state_of
from .signals import block_all, ignore_call, let_go_of_pipe, unblock_all

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_FILES, PR_SET_PDEATHSIG = 0x400, 1  # linux/sched.h, linux/prctl.h
# clone(3) needs a stack and a C function, and RestrictNamespaces= forbids clone3(2). The older call has another number
# on each architecture and, on s390, another order of arguments. On an architecture that is missing here, there is no
# guardian.
SYS_CLONE = {"x86_64": 56, "aarch64": 220, "riscv64": 220, "loongarch64": 220, "ppc64le": 120, "armv7l": 120}
FORBIDDEN = (errno.ENOSYS, errno.EPERM)  # the errors of clone(2) where it can never work
MOST_DESCRIPTORS = 1 << 16
# A new child has a copy of each connection until it closes it, and we cannot look into a process that is just ending.
# Both states are over after this time. A server still runs then.
DOUBT_SECONDS = 2.0
TCP_INFO_SIZE, DATA_SEGS_OUT = 232, slice(156, 160)  # struct tcp_info, linux/tcp.h
END_OF_GATE = signal.SIGUSR1
SERVED, UNSERVED, BEGUN = 0, 1, 2  # the marks of a connection
IN_CHARGE = MOST_DESCRIPTORS  # the place behind the marks: the number of the guardian that serves
NUMBERS = 256
# Behind that, rows of children: the inode of the connection, and the process id, which is written last. Of a child with
# the row of a later one nothing is known any more.
CHILD, CHILDREN, MOST_CHILDREN = Struct("<QI"), IN_CHARGE + 1, 1 << 16
AT_PID, NO_PID = 8, bytes(4)


class Guardian:
    """Knows which connections have no server yet, by marks in memory that both processes share.

    pid        the second process, 0 if there is none
    is_wanted  whether to try again to make one
    """

    def __init__(self) -> None:
        self._marks = mmap.mmap(-1, CHILDREN + MOST_CHILDREN * CHILD.size)
        self._number = 0
        self._spare = os.open("/dev/null", os.O_RDONLY)  # to look for clients needs a descriptor, and none may be left
        self._gate = os.getpid()
        self.pid = 0
        self._is_possible = True

    @property
    def is_wanted(self) -> bool:
        return self._is_possible and not self.pid

    def keep(self, connection: _socket.socket) -> None:
        """Mark this connection: it was accepted."""
        self._marks[connection.fileno() % MOST_DESCRIPTORS] = UNSERVED

    def release(self, connection: _socket.socket) -> None:
        """Remove the mark: the server of this connection is being started, or the client is refused."""
        self._marks[connection.fileno() % MOST_DESCRIPTORS] = SERVED

    def abandon(self, connection: _socket.socket) -> None:
        """Mark this connection: its PROXY header is being read. What comes next is the client's own, and no header."""
        self._marks[connection.fileno() % MOST_DESCRIPTORS] = BEGUN

    def note_child(self, connection: _socket.socket) -> None:
        """Called in a child: this client is the only one that it has."""
        pid = os.getpid()
        CHILD.pack_into(self._marks, row_of(pid), inode_of(connection), pid)

    def forget_child(self) -> None:
        """Called in a child that becomes the server, or ends. A later process may have its number."""
        at = row_of(os.getpid()) + AT_PID
        self._marks[at : at + len(NO_PID)] = NO_PID

    def start(self) -> bool:
        """Make the second process, and end the one before it. Returns True in the new one.

        That one must end by os._exit(), and must close nothing.
        """
        self._number = (self._number + 1) % NUMBERS
        block_all()
        pid = clone() if self.pid else -1
        if pid < 0:  # there is none yet, or there is no room for two
            self.dismiss()
            self._marks[IN_CHARGE] = self._number
            pid = clone()
        if pid:
            self._marks[IN_CHARGE] = self._number
            self.dismiss()
            self.pid = max(pid, 0)
            self._is_possible = pid > 0 or ctypes.get_errno() not in FORBIDDEN
        else:
            self.pid = 0
            let_go_of_pipe()
            signal.signal(END_OF_GATE, ignore_call)  # by default this signal would end the new process
        unblock_all()
        return not pid

    def note_end(self, pid: int) -> None:
        """A child process has ended that served no client. If it was the guardian, another one is wanted."""
        if pid == self.pid:
            self.pid = 0

    def dismiss(self) -> None:
        """End the second process: it is no longer needed, or will be replaced."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0

    def wait_for_end_of_gate(self) -> bool:
        """Called in the second process. The same signal from another sender does not count.

        Returns whether this process is in charge. Otherwise the gate ended while it was replacing the guardian.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, [END_OF_GATE])
        LIBC.prctl(PR_SET_PDEATHSIG, END_OF_GATE)
        while os.getppid() == self._gate:  # otherwise the gate ended before prctl(2), or has ended now
            signal.sigwait([END_OF_GATE])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [END_OF_GATE])  # else servers would inherit a blocked signal
        return self._marks[IN_CHARGE] == self._number

    def clients_left(self) -> Iterator[_socket.socket]:
        """The clients that have no server. For some of them it takes a moment to find this out.

        A client whose PROXY header was read is not among them: its own words would be taken for the header.
        """
        os.close(self._spare)
        doubtful = []
        for stream in stream_sockets():
            if is_listening(stream):
                stream.detach()
            elif self._marks[stream.fileno() % MOST_DESCRIPTORS] == BEGUN:
                stream.close()
            elif self._marks[stream.fileno() % MOST_DESCRIPTORS] == UNSERVED:
                yield stream
            else:
                doubtful.append(stream)
        give_up = monotonic() + DOUBT_SECONDS
        while doubtful and monotonic() < give_up:
            for stream in doubtful.copy():
                if not was_answered(stream) and self._may_be_held_elsewhere(stream):
                    continue
                doubtful.remove(stream)
                # Asked again: a server that is quick answers, and ends, while we look who has the connection.
                if was_answered(stream):
                    stream.close()
                else:
                    yield stream
            sleep(0.01)

    def _may_be_held_elsewhere(self, connection: _socket.socket) -> bool:
        """Whether another process of this service has it. Only the server that the gate was starting can."""
        inode = inode_of(connection)
        for pid in group_members():
            if pid == os.getpid():
                continue
            links = links_of(pid)
            if f"socket:[{inode}]" in links if links is not None else self._may_hold(pid, inode):
                return True
        return False

    def _may_hold(self, pid: int, inode: int) -> bool:
        """Whether this process, into which we may not look, can have this connection. It can, if it says nothing."""
        said, child = CHILD.unpack_from(self._marks, row_of(pid))
        return (child != pid or said == inode) and may_be_server(pid)


def row_of(pid: int) -> int:
    """Where the shared memory says which connection this child has."""
    return CHILDREN + pid % MOST_CHILDREN * CHILD.size


def inode_of(connection: _socket.socket) -> int:
    return os.fstat(connection.fileno()).st_ino


def clone() -> int:
    """A copy of this process that shares its table of descriptors: 0 in the copy, -1 if there is none."""
    number = SYS_CLONE.get(os.uname().machine, -1)
    return int(LIBC.syscall(number, CLONE_FILES | signal.SIGCHLD, None, None, None, None))


def share_memory() -> None:
    """Have the garbage collector leave alone what is in memory now. Called before a guardian is started.

    It writes to each object that it looks at. So after its first full round, nothing would be shared with the guardian.
    With all that is in memory, such a round takes 2 ms and more, for which clients wait.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def was_answered(connection: _socket.socket) -> bool:
    """Whether a server has already sent something to this client. If that is not known (AF_UNIX), it counts as sent."""
    if connection.family == _socket.AF_UNIX:
        return True
    try:
        info = connection.getsockopt(_socket.IPPROTO_TCP, _socket.TCP_INFO, TCP_INFO_SIZE)
    except OSError:
        return True
    return any(info[DATA_SEGS_OUT])


def may_be_server(pid: int) -> bool:
    """Whether this process, into which we may not look, lives, and can have been started by the gate."""
    state, start = state_of(pid)
    return pid in group_members() and state != "Z" and start >= state_of(os.getpid())[1]
