"""Starting a server on a client's connection."""

import errno
import mmap
import os
import sys

# The C half of `subprocess`: Popen itself takes longer than a small server. As Popen does, it uses vfork(2), which
# spares the C library's posix_spawn(3) 25 us of the 100 until the server runs (glibc 2.36): no stack to be made.
from _posixsubprocess import fork_exec
from functools import cache

from ..core.environ import to_bytes
from ..core.errors import SystemFailure
from ..core.handover import Server, exec_failure

OVERLOADED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS))

MFD_NOEXEC_SEAL = 0x8  # linux/memfd.h
NOT_GIVEN = -1  # of a descriptor or a number
VFORK = (True,) if sys.version_info < (3, 14) else ()  # it was a question until then


class Overloaded(SystemFailure):
    """The system is short of something. The same may well work in a moment."""


class Launcher:
    """Starts one server again and again, each time on another connection and with other variables.

    It gets a process group of its own, but not a session: with setsid(2) a Linux that has CONFIG_SCHED_AUTOGROUP makes
    a scheduling group for each, which costs 0.2 ms of the 0.7 that a small server takes from start to end.
    """

    def __init__(self, server: Server) -> None:
        words = [to_bytes(word) for word in server.command]
        if server.argv0:
            words[0] = to_bytes(server.argv0)
        self._arguments = tuple(words)
        self._has_stderr = server.stderr == "socket"
        self._failures = failures()

    def start(self, path: bytes, connection: int, environment: list[bytes]) -> int:
        """Returns its process id, raises Overloaded or another GateError.

        Nothing but the connection and standard error survives exec. Its signals are ours, which is to say as usual.
        """
        stderr = connection if self._has_stderr else NOT_GIVEN
        try:
            pid = fork_exec(
                self._arguments, (path,), False, (), None, environment,  # type: ignore[arg-type]
                connection, NOT_GIVEN, NOT_GIVEN, connection, NOT_GIVEN, stderr,
                self._failures.unused, self._failures.descriptor,
                True, False, 0, None, None, None, NOT_GIVEN, None, *VFORK,  # type: ignore[arg-type]
            )  # fmt: skip
        except OSError as error:
            if error.errno in OVERLOADED:
                raise Overloaded(f"unable to start a process: {error.strerror}") from None
            raise
        number = self._failures.take()
        if not number:
            return pid
        os.waitpid(pid, 0)
        if number in OVERLOADED:
            raise Overloaded(f"unable to start a process: {os.strerror(number)}")
        raise exec_failure(path, OSError(number, os.strerror(number)))


class Failures:
    """What children write if they do not get as far as exec, before the parent goes on: KIND:ERRNO:TEXT.

    Memory that is a file as well, because a look into it costs nothing: a pipe would have to be read for each child.

    descriptor  to write to
    unused      one that a child may close
    """

    def __init__(self) -> None:
        self.descriptor = memory_file("failures")
        self.unused = os.dup(self.descriptor)
        os.ftruncate(self.descriptor, mmap.PAGESIZE)
        self._text = mmap.mmap(self.descriptor, mmap.PAGESIZE)

    def take(self) -> int:
        """The errno of the latest child, 0 if it has become its server."""
        if not self._text[0]:
            return 0
        _kind, number, _text = bytes(self._text).split(b":", 2)
        self._text[:] = bytes(mmap.PAGESIZE)
        os.lseek(self.descriptor, 0, os.SEEK_SET)  # it is the children's place to write, too
        return int(number, 16)


def memory_file(name: str) -> int:
    """By memfd_create(2). Where sysctl has vm.memfd_noexec=2, only as one that cannot be run; before Linux 6.3 there is
    no such thing."""
    try:
        return os.memfd_create(name, os.MFD_CLOEXEC | MFD_NOEXEC_SEAL)
    except OSError:
        return os.memfd_create(name)


@cache
def failures() -> Failures:
    """Those of this process."""
    return Failures()
