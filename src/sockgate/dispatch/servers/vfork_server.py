"""Start a server at once, for a client after its admission."""

import os
import select
import sys

# The C half of `subprocess`. Popen itself takes longer than a small server. Both use vfork(2): the server runs after
# 75 us, but after 100 us with posix_spawn(3) of the C library (glibc 2.36), which makes a stack.
from _posixsubprocess import fork_exec
from collections.abc import Sequence
from functools import cache
from time import sleep

from ...connection.server import exec_failure
from ..overload import OVERLOADED, Overloaded, shortage_of
from .server_limits import ServerLimits

FAILED = 255  # the exit status of a child that could not become its server (_posixsubprocess.c)
ENDING_SECONDS, ENDING_CHECKS = 0.001, 100  # the wait between the last words of a failed child and its end
NOT_GIVEN = -1  # a descriptor or a number that is not given
VFORK = (True,) if sys.version_info < (3, 14) else ()  # an argument that was removed in 3.14


class TooLittleMemory(Exception):
    """The gate has too little memory for a start under the limits of the server. A child of fork(2) can set them."""


def start_server(
    path: bytes, arguments: Sequence[bytes], environment: list[bytes], connection: int, *, stderr: bool,
    limits: ServerLimits | None = None,
) -> int:  # fmt: skip
    """Start a server. Returns its process id. Raises Overloaded or another GateError.

    With `stderr`, standard error is the client's connection, too. Only the connection and standard error stay open at
    exec. The server has default signals, as the gate has.

    Raises TooLittleMemory if the gate itself would need more memory than the limits of the server leave it.

    The server gets its own process group, but no session. With setsid(2), Linux with CONFIG_SCHED_AUTOGROUP makes a
    scheduling group for each server. That takes 0.2 ms of the 0.7 ms of a small server.
    """
    failures = pipe_of_failures()
    words = (
        arguments, (path,), False, (), None, environment,
        connection, NOT_GIVEN, NOT_GIVEN, connection, NOT_GIVEN, connection if stderr else NOT_GIVEN,
        failures.reader, failures.writer,
        True, False, 0, None, None, None, NOT_GIVEN, None, *VFORK,
    )  # fmt: skip
    try:
        pid = limits.around(fork_exec, *words) if limits else fork_exec(*words)
    except (OSError, MemoryError) as error:
        if limits and isinstance(error, MemoryError):
            raise TooLittleMemory from None
        shortage = shortage_of(error)
        if shortage:
            raise Overloaded(f"unable to start a process: {shortage}") from None
        raise
    number = failures.take()
    if not number or not has_failed(pid):
        return pid
    os.waitpid(pid, 0)
    if number in OVERLOADED and not limits:
        raise Overloaded(f"unable to start a process: {os.strerror(number)}")
    raise exec_failure(path, OSError(number, os.strerror(number)))


class Failures:
    """The failures of children that did not reach exec. They write KIND:ERRNO:TEXT before the parent goes on.

    There is one pipe for all of them. The gate never waits for it.
    """

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self.reader, select.POLLIN)

    def take(self) -> int:
        """The errno of the latest child. 0 if it has become its server."""
        if not self._poll.poll(0):  # a read without data would raise an exception, which takes longer
            return 0
        return int(os.read(self.reader, 1 << 12).split(b":")[1], 16)


def has_failed(pid: int) -> bool:
    """Whether this is the child that could not become its server.

    If vfork(2) fails, CPython uses fork(2). Such a child can write later, and must not be taken for the next one. The
    log then shows its end with its status.
    """
    for _ in range(ENDING_CHECKS):
        end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if end:
            return end.si_status == FAILED
        sleep(ENDING_SECONDS)
    return False


@cache
def pipe_of_failures() -> Failures:
    """The pipe of this process."""
    return Failures()
