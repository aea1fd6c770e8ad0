"""Starting a server at once, on the connection of a client that nothing more is to be asked or told."""

import os
import select
import sys

# The C half of `subprocess`: Popen itself takes longer than a small server. As Popen does, it uses vfork(2), which
# spares the C library's posix_spawn(3) 25 us of the 100 until the server runs (glibc 2.36): no stack to be made.
from _posixsubprocess import fork_exec
from collections.abc import Sequence
from functools import cache
from time import sleep

from ...connection.server import exec_failure
from ..overload import OVERLOADED, Overloaded

FAILED = 255  # the exit status of a child that could not become its server (_posixsubprocess.c)
ENDING_SECONDS, ENDING_CHECKS = 0.001, 100  # from what it writes to its end
NOT_GIVEN = -1  # of a descriptor or a number
VFORK = (True,) if sys.version_info < (3, 14) else ()  # it was a question until then


def start_server(
    path: bytes, arguments: Sequence[bytes], environment: list[bytes], connection: int, *, stderr: bool
) -> int:  # fmt: skip
    """Returns the server's process id, raises Overloaded or another GateError. With `stderr`, that is the client, too.

    Nothing but the connection and standard error survives exec. Its signals are ours, which is to say as usual.

    It gets a process group of its own, but not a session: with setsid(2) a Linux that has CONFIG_SCHED_AUTOGROUP makes
    a scheduling group for each, which costs 0.2 ms of the 0.7 that a small server takes from start to end.
    """
    failures = pipe_of_failures()
    try:
        pid = fork_exec(
            arguments, (path,), False, (), None, environment,  # type: ignore[arg-type]
            connection, NOT_GIVEN, NOT_GIVEN, connection, NOT_GIVEN, connection if stderr else NOT_GIVEN,
            failures.reader, failures.writer,
            True, False, 0, None, None, None, NOT_GIVEN, None, *VFORK,  # type: ignore[arg-type]
        )  # fmt: skip
    except OSError as error:
        if error.errno in OVERLOADED:
            raise Overloaded(f"unable to start a process: {error.strerror}") from None
        raise
    number = failures.take()
    if not number or not has_failed(pid):
        return pid
    os.waitpid(pid, 0)
    if number in OVERLOADED:
        raise Overloaded(f"unable to start a process: {os.strerror(number)}")
    raise exec_failure(path, OSError(number, os.strerror(number)))


class Failures:
    """What children write if they do not get as far as exec, before the parent goes on: KIND:ERRNO:TEXT.

    One pipe for all of them. The gate never waits for it.
    """

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self.reader, select.POLLIN)

    def take(self) -> int:
        """The errno of the latest child, 0 if it has become its server."""
        if not self._poll.poll(0):  # to read in vain would raise an exception, which takes longer
            return 0
        return int(os.read(self.reader, 1 << 12).split(b":")[1], 16)


def has_failed(pid: int) -> bool:
    """Whether this is the child that could not become its server.

    Where vfork(2) fails, CPython falls back to fork(2). Such a child may write later, and must not be taken for the
    next one. Its end is in the log with the status that it has then.
    """
    for _ in range(ENDING_CHECKS):
        end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if end:
            return end.si_status == FAILED
        sleep(ENDING_SECONDS)
    return False


@cache
def pipe_of_failures() -> Failures:
    """The one of this process."""
    return Failures()
