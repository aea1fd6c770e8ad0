"""Signals as something to be read from a descriptor, so that the accept loop waits for them like for everything else.

By a handler that writes to a pipe (signal.set_wakeup_fd), not by blocking them for signalfd(2): servers would inherit
the mask. A child has the pipe of its parent, so signals are blocked around each fork until the child has let go of it.
"""

import os
import signal
from collections.abc import Iterable
from types import FrameType

UNTOUCHABLE = frozenset((signal.SIGKILL, signal.SIGSTOP))
# CPython ignores these two, and subprocess gives them back to what it starts.
CPYTHONS = frozenset((signal.SIGPIPE, signal.SIGXFSZ))


class Signals:
    """Collects these signals. There is only one of these in a process."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in numbers:
            self.collect(number)

    def fileno(self) -> int:
        return self._reader

    def collect(self, number: int) -> None:
        """Have this signal come by the pipe from now on."""
        signal.signal(number, ignore_call)

    def stop_collecting(self, number: int) -> None:
        """Leave this signal to what it does by itself."""
        signal.signal(number, signal.SIG_DFL)

    def read(self) -> set[int]:
        """The numbers of the signals that have come since the last call."""
        try:
            return set(os.read(self._reader, 1 << 12))
        except BlockingIOError:
            return set()


def ignore_call(_number: int, _frame: FrameType | None) -> None:
    """A handler, so that the signal is written to the pipe. The work is done where the pipe is read."""


def block_all() -> None:
    """Before a fork: a signal to the child must not be written to the pipe of its parent."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def unblock_all() -> None:
    """After it, on both sides; in the child once it has let go of the pipe."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def let_go_of_pipe() -> None:
    """In a child."""
    signal.set_wakeup_fd(-1)


def restore_defaults() -> None:
    """Undo what the parent of the gate ignored or blocked: servers are to have all signals as usual."""
    for number in signal.valid_signals() - UNTOUCHABLE - CPYTHONS:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    unblock_all()
