"""What tests do to a sockgated that they start: these functions run in it, before main().

So they import no library. `injected` makes the line that calls one of them.
"""

import _socket
import ctypes
import errno
import gc
import os
import resource
import signal
import sys
import time
from _posixsubprocess import fork_exec
from collections.abc import Callable, Iterator
from typing import ParamSpec, Protocol

from sockgate.connection import Gate, log
from sockgate.core import Verdict
from sockgate.core.peer import Peer
from sockgate.core.questions import Questions
from sockgate.dispatch import descriptors, dispatcher, guardian, isolation, processes
from sockgate.dispatch.accepting.accepting import Listener
from sockgate.dispatch.deciding.decision import EnvironmentTemplate
from sockgate.dispatch.dispatcher import Dispatcher
from sockgate.dispatch.guardian import Guardian
from sockgate.dispatch.records import buffered_log
from sockgate.dispatch.servers import forked_server, start_servers, vfork_server
from sockgate.dispatch.servers.child_channel import AskingChild
from sockgate.dispatch.sessions import Session, Sessions
from sockgate.resolve import host_lookup

P = ParamSpec("P")
ROOT = __file__.removesuffix("/tests/dispatch/faults.py")


class Named(Protocol):
    """A function."""

    __module__: str
    __qualname__: str


def injected(function: Callable[P, None], *words: P.args, **named: P.kwargs) -> str:
    """The code that calls this function with these arguments, which have a repr."""
    return (
        f"sys.path.append({ROOT!r})\n"
        f"from {function.__module__} import {function.__name__}\n"
        f"{function.__name__}(*{words!r}, **{named!r})\n"
    )


def be_impatient(module: str, **seconds: float) -> None:
    """Have these times of a module of sockgated be other ones."""
    times = vars(sys.modules[f"sockgate.dispatch.{module}"])
    assert seconds.keys() <= times.keys()
    times.update(seconds)


def fail_to_find_clients() -> None:
    """Have the guardian meet an error of its own when it looks for the clients that the gate left."""

    def clients_left(_self: Guardian) -> Iterator[_socket.socket]:
        raise RuntimeError("no clients")

    Guardian.clients_left = clients_left  # type: ignore[method-assign, assignment]


def be_slow_to_look_at_processes(seconds: float) -> None:
    """The guardian needs so long to look who has a connection."""
    may_be_held_elsewhere = Guardian._may_be_held_elsewhere

    def slow(self: Guardian, connection: _socket.socket) -> bool:
        time.sleep(seconds)
        return may_be_held_elsewhere(self, connection)

    Guardian._may_be_held_elsewhere = slow  # type: ignore[method-assign]


def be_alone_in_control_group() -> None:
    """Have the guardian see only the processes of its gate, as in a unit of systemd."""
    os.setsid()
    group_members = processes.group_members

    def members() -> list[int]:
        return [pid for pid in group_members() if session_of(pid) == os.getsid(0)]

    vars(guardian)["group_members"] = members


def session_of(pid: int) -> int:
    """The session id of a process (setsid(2)); 0 if it is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def fail_to_forbid_tracing() -> None:
    """As under a filter of system calls without prctl(2)."""

    class Filtered:
        def prctl(self, *_words: int) -> int:
            ctypes.set_errno(errno.EPERM)
            return -1

    vars(isolation)["LIBC"] = Filtered()


def be_slow_to_guard(seconds: float) -> None:
    """Have each new guardian take this time before it waits for the end of the gate."""
    forget = Dispatcher._forget

    def slow(dispatcher: Dispatcher) -> None:
        time.sleep(seconds)
        forget(dispatcher)

    Dispatcher._forget = slow  # type: ignore[method-assign, assignment]


def stuck_in(method: Named, call: int = 1) -> str:
    """The code that has the gate be stuck at the nth call of this method, with all that was done before."""
    return injected(get_stuck, method.__module__, method.__qualname__, call)


def get_stuck(module: str, method: str, call: int) -> None:
    owner, _, name = method.partition(".")
    kind = getattr(sys.modules[module], owner)
    original, calls, process = getattr(kind, name), [0], os.getpid()

    def stuck(*arguments: object) -> object:
        calls[0] += 1
        if calls[0] == call and os.getpid() == process:
            os.write(2, b"stuck\n")
            time.sleep(60)
        return original(*arguments)

    setattr(kind, name, stuck)


def accept_together() -> None:
    """Accept in a row all clients that come within 0.2 s."""
    receive = Dispatcher._receive

    def late(self: Dispatcher, listener: Listener) -> None:
        time.sleep(0.2)
        receive(self, listener)

    dispatcher.CROWD_SECONDS = float("inf")
    Dispatcher._receive = late  # type: ignore[method-assign]


def collect_garbage_at(client: int) -> None:
    """Have the garbage collector do a full round when the nth client comes."""
    receive, calls = Dispatcher._receive, [0]

    def collect(self: Dispatcher, listener: Listener) -> None:
        calls[0] += 1
        if calls[0] == client:
            gc.collect()
        receive(self, listener)

    Dispatcher._receive = collect  # type: ignore[method-assign]


def put_chores_off() -> None:
    dispatcher.BUSY_SECONDS = 3600.0


def log_to(journal: str) -> None:
    """Have standard error be the journal, which reads at this path."""
    vars(log)["identity"] = lambda _descriptor: (1, 2)
    os.environ["JOURNAL_STREAM"] = "1:2"
    vars(buffered_log)["JOURNAL_SOCKET"] = journal


class Failing:
    """A system call that fails so many times, after it has worked so often."""

    def __init__(self, number: int, times: int, after: int = 0) -> None:
        self._number = number
        self._failing = range(after, after + times)
        self._calls = 0

    def fails(self) -> bool:
        self._calls += 1
        return self._calls - 1 in self._failing

    def fail(self) -> None:
        if self.fails():
            raise OSError(self._number, os.strerror(self._number))


def fail_to_vfork(number: int, times: int, after: int = 0) -> None:
    failing = Failing(number, times, after)

    def fail(*arguments: object) -> int:
        failing.fail()
        return fork_exec(*arguments)  # type: ignore[arg-type]

    vfork_server.fork_exec = fail  # type: ignore[attr-defined]


def need_memory_to_start(size: int) -> None:
    """The gate needs so much memory at the moment of vfork(2)."""

    def need(*arguments: object) -> int:
        bytearray(size)
        return fork_exec(*arguments)  # type: ignore[arg-type]

    vfork_server.fork_exec = need  # type: ignore[attr-defined]


def fail_to_exec(number: int, times: int) -> None:
    """The child is there, but cannot become the server."""
    failing = Failing(number, times)

    def fail(*arguments: object) -> int:
        if failing.fails():
            os.write(int(str(arguments[13])), b"OSError:%x:" % number)
            arguments = ((b"sh", b"-c", b"exit 255"), (b"/bin/sh",), *arguments[2:])
        return fork_exec(*arguments)  # type: ignore[arg-type]

    vfork_server.fork_exec = fail  # type: ignore[attr-defined]


def fail_to_fork(number: int, times: int) -> None:
    fork, failing = os.fork, Failing(number, times)

    def fail() -> int:
        failing.fail()
        return fork()

    os.fork = fail


def fail_to_start_by_fork() -> None:
    def fail(*_words: object) -> int:
        raise RuntimeError("started by fork")

    vars(start_servers)["fork_server"] = fail


def fail_to_accept(number: int, times: int) -> None:
    accept, failing = Listener.accept, Failing(number, times)

    def fail(self: Listener) -> object:
        failing.fail()
        return accept(self)

    Listener.accept = fail  # type: ignore[method-assign, assignment]


def be_slow_to_take_over(seconds: float) -> None:
    """A forked child needs so long until it has its client on descriptor 0."""
    take_over = descriptors.take_over

    def slow(connection: _socket.socket) -> None:
        os.write(2, b"on its way\n")
        time.sleep(seconds)
        take_over(connection)

    forked_server.take_over = slow  # type: ignore[attr-defined]


def hear_late_of_starts(seconds: float) -> None:
    started = Sessions.started

    def late(self: Sessions, session: Session) -> None:
        time.sleep(seconds)
        started(self, session)

    Sessions.started = late  # type: ignore[method-assign]


def fail_to_decide_once() -> None:
    decide, failing = Gate.decide_or_ask, Failing(0, 1)

    def fail(self: Gate, peer: Peer) -> tuple[Verdict | None, Questions | None]:
        if failing.fails():
            raise RuntimeError("a fault")
        return decide(self, peer)

    Gate.decide_or_ask = fail  # type: ignore[method-assign]


def fail_to_make_environment_once() -> None:
    words, failing = EnvironmentTemplate.words, Failing(0, 1)

    def fail(self: EnvironmentTemplate, port: int, number: int) -> list[bytes]:
        if failing.fails():
            raise RuntimeError("a fault")
        return words(self, port, number)

    EnvironmentTemplate.words = fail  # type: ignore[method-assign]


def fail_to_answer_children() -> None:
    """As where the system has no memory for a message."""

    def fail(_self: AskingChild, _text: str) -> bool:
        return False

    AskingChild.answer = fail  # type: ignore[method-assign, assignment]


def fail_to_take_over() -> None:
    def fail(_connection: _socket.socket) -> None:
        raise MemoryError

    vars(forked_server)["take_over"] = fail


def limit_descriptors(count: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def block_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR2})


def fail_at_each_end() -> None:
    def fail(_self: Sessions, _pid: int) -> Session | None:
        raise RuntimeError("a fault")

    Sessions.ended = fail  # type: ignore[method-assign, assignment]


def be_slow_to_clone(seconds: float, after: int) -> None:
    """Each guardian but the first ones takes this time to make."""
    syscall, calls = guardian.LIBC.syscall, [0]

    def slow(*arguments: object) -> int:
        calls[0] += 1
        if calls[0] > after:
            os.write(2, b"cloning\n")
            time.sleep(seconds)
        return int(syscall(*arguments))

    guardian.LIBC.syscall = slow  # type: ignore[attr-defined]


def fail_to_clone(number: int, times: int, after: int) -> None:
    """No guardian can be made for a while."""
    failing, syscall = Failing(number, times, after), guardian.LIBC.syscall

    def fail(*arguments: object) -> int:
        if failing.fails():
            ctypes.set_errno(number)
            return -1
        return int(syscall(*arguments))

    guardian.LIBC.syscall = fail  # type: ignore[attr-defined]


def name_clients_by_process() -> None:
    """Have each look-up find another name: that of the process that asks."""

    def name(packed: bytes) -> str:
        return f"p{os.getpid()}.x{packed[-1]}.example"

    host_lookup.reverse_name = name
