"""Nobody is lost when this process is killed between accepting a client and starting its server.

A second process shares our table of descriptors (clone(2), CLONE_FILES) and does nothing but wait for our end. What
we had accepted stays open in it; it starts the servers that we did not come to start, and leaves.
"""

import _socket
import ctypes
import mmap
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic, sleep

from .servers.descriptors import is_listening, stream_sockets
from .signals import hold, nothing, release

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_FILES, PR_SET_PDEATHSIG = 0x400, 1  # linux/sched.h, linux/prctl.h
# clone(3) wants a stack and a C function, and RestrictNamespaces= takes clone3(2) away. The older call has another
# number and, on s390, another order of arguments on each machine; on one that is missing here nobody guards.
SYS_CLONE = {"x86_64": 56, "aarch64": 220, "riscv64": 220, "loongarch64": 220, "ppc64le": 120, "armv7l": 120}
MOST_DESCRIPTORS = 1 << 16
# A child that was just forked has a copy of each connection until it lets go of it, and into a process that is just
# ending we may not look: both are over by then. A server is not.
DOUBT_SECONDS = 2.0
TCP_INFO_SIZE, DATA_SEGS_OUT = 232, slice(156, 160)  # struct tcp_info, linux/tcp.h


class Guardian:
    """Knows which connections are still ours: by marks in memory that both processes see.

    pid   of the second process, 0 or less if there is none
    """

    def __init__(self) -> None:
        self._ours = mmap.mmap(-1, MOST_DESCRIPTORS)
        self.pid = 0

    def keep(self, connection: _socket.socket) -> None:
        """It was accepted."""
        self._ours[connection.fileno() % MOST_DESCRIPTORS] = 1

    def release(self, connection: _socket.socket) -> None:
        """Its server is being started, or the client is refused."""
        self._ours[connection.fileno() % MOST_DESCRIPTORS] = 0

    def watch(self, forget: Callable[[], None], serve: Callable[[_socket.socket], None]) -> None:
        """Start the second process. There, `forget` is called at once: what this one knows by now is its own to see to;
        and in the end `serve`, for each client that is left."""
        number = SYS_CLONE.get(os.uname().machine, -1)
        parent = os.getpid()
        hold()
        self.pid = int(LIBC.syscall(number, CLONE_FILES | signal.SIGCHLD, None, None, None, None))
        if self.pid:
            release()
            return
        try:
            forget()
            release()
            wait_for_end_of(parent)
            for connection in self._left():
                serve(connection)
        finally:
            os._exit(0)

    def dismiss(self) -> None:
        """Nobody is left."""
        if self.pid > 0:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _left(self) -> Iterator[_socket.socket]:
        """The clients that nobody serves. Of some it takes a moment to see whether somebody does."""
        doubtful = []
        for stream in stream_sockets():
            if is_listening(stream):
                stream.detach()
            elif self._ours[stream.fileno() % MOST_DESCRIPTORS]:
                yield stream
            else:
                doubtful.append(stream)
        give_up = monotonic() + DOUBT_SECONDS
        while doubtful and monotonic() < give_up:
            for stream in doubtful.copy():
                if was_answered(stream):
                    doubtful.remove(stream)
                    stream.close()
                elif not may_be_held_elsewhere(stream):
                    doubtful.remove(stream)
                    yield stream
            sleep(0.01)


def wait_for_end_of(parent: int) -> None:
    signal.signal(signal.SIGUSR1, nothing)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGUSR1)
    if os.getppid() == parent:  # else it has ended already
        signal.sigwait([signal.SIGUSR1])
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])  # or servers would inherit that


def was_answered(connection: _socket.socket) -> bool:
    """Whether a server has sent something, so that the end came after its start. Of a local client nobody can tell."""
    if connection.family == _socket.AF_UNIX:
        return True
    info = connection.getsockopt(_socket.IPPROTO_TCP, _socket.TCP_INFO, TCP_INFO_SIZE)
    return any(info[DATA_SEGS_OUT])


def may_be_held_elsewhere(connection: _socket.socket) -> bool:
    """Whether another process of this service has it: between the mark and the start, that is the server or nobody.

    One that we may not look into might have it.
    """
    link = f"socket:[{os.fstat(connection.fileno()).st_ino}]"
    others = (pid for pid in group_members() if pid != os.getpid())
    return any(is_hidden(pid) if links is None else link in links for pid in others for links in [links_of(pid)])


def group_members() -> list[int]:
    """The processes of this control group, also those that ProtectProc= hides."""
    try:
        with open("/proc/self/cgroup") as file:
            path = next(line.strip().removeprefix("0::") for line in file if line.startswith("0::"))
        with open(f"/sys/fs/cgroup{path}/cgroup.procs") as file:
            return [int(line) for line in file]
    except (OSError, StopIteration):  # no systemd that would have made one for us
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def links_of(pid: int) -> list[str] | None:
    """What the descriptors of this process are; None if that is not to be seen."""
    links = []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):  # it has just been closed
                links.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    except OSError:
        return None
    return links


def is_hidden(pid: int) -> bool:
    """Whether it lives, and can have been started by the gate."""
    state, start = state_of(pid)
    return pid in group_members() and state != "Z" and start >= state_of(os.getpid())[1]


def state_of(pid: int) -> tuple[str, float]:
    """Its state, and when it started in clock ticks since the boot (proc_pid_stat(5)), if that is to be seen."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return "", float("inf")
    return fields[0], int(fields[19])
