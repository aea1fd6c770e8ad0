"""Questions that only the C library can answer. A child process asks them, and is killed when the time is over.

The library has no time limit of its own that we could set. CPython 3.11 holds the interpreter lock while getnameinfo(3)
waits, so another thread could not watch the clock.
"""

import _signal  # type: ignore[import-not-found]  # typeshed has no stub for it
import _socket
import posix

from .tasks import FOREVER, READ, NotThere, Unable, ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from .tasks import Task

# With these errors getaddrinfo(3) says that there is no such name or address. All others mean: not found out.
NO = frozenset((_socket.EAI_NONAME, _socket.EAI_NODATA, _socket.EAI_ADDRFAMILY))
FOUND, NOT_THERE, UNABLE = b"+", b"-", b"!"  # how the child's answer begins
LONGEST_ANSWER = 1 << 16


def within(deadline: float, function: "Callable[[], str]") -> str:
    """What the function returns in a child process. Raises NotThere, or Unable, also if the deadline comes first."""
    return ask(in_child(function), deadline)


def in_child(function: "Callable[[], str]") -> "Task[str]":
    """The same as a task, to run beside other tasks."""
    try:
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    except OSError as error:
        raise Unable(error.strerror) from None
    child = 0
    try:
        child = posix.fork()
        if not child:
            answer_and_exit(theirs, function)
        theirs.close()  # else the end of the child would not be seen here
        yield ours.fileno(), READ, FOREVER
        answer = ours.recv(LONGEST_ANSWER)
    except OSError as error:
        raise Unable(error.strerror) from None
    finally:
        ours.close()
        theirs.close()
        if child:
            posix.kill(child, _signal.SIGKILL)
            posix.waitpid(child, 0)
    text = answer[1:].decode("utf-8", "replace")
    if answer[:1] == NOT_THERE:
        raise NotThere
    if answer[:1] != FOUND:
        raise Unable(text or "the look-up died")
    return text


def answer_and_exit(connection: _socket.socket, function: "Callable[[], str]") -> "NoReturn":
    """The child's part. It always exits: after an error the child must not go on as a second gate."""
    try:
        try:
            answer = FOUND + function().encode()
        except _socket.gaierror as error:
            answer = NOT_THERE if error.errno in NO else UNABLE + str(error.strerror).encode()
        except Exception as error:
            answer = UNABLE + str(error).encode("utf-8", "replace")
        connection.send(answer)
    finally:
        posix._exit(0)
