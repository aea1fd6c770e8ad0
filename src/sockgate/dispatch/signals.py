"""Signals that are read from a descriptor, so that the accept loop can wait for them as for all other events.

A handler writes each signal to a pipe (signal.set_wakeup_fd). signalfd(2) would need blocked signals, and servers would
inherit that mask. A child inherits the pipe of its parent. So signals are blocked around each fork, until the child no
longer uses the pipe.
"""

import os
import signal
from collections.abc import Callable, Iterable
from types import FrameType

UNTOUCHABLE = frozenset((signal.SIGKILL, signal.SIGSTOP))
# CPython ignores these two. subprocess restores them for the programs that it starts.
CPYTHONS = frozenset((signal.SIGPIPE, signal.SIGXFSZ))


class Signals:
    """Collects these signals. A process has only one such object."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in numbers:
            self.collect(number)

    def fileno(self) -> int:
        return self._reader

    def collect(self, number: int) -> None:
        """From now on, this signal comes by the pipe."""
        set_action(number, ignore_call)

    def stop_collecting(self, number: int) -> None:
        """Give this signal its default action again."""
        set_action(number, signal.SIG_DFL)

    def read(self) -> set[int]:
        """The numbers of the signals that have come since the last call."""
        try:
            return set(os.read(self._reader, 1 << 12))
        except BlockingIOError:
            return set()


def set_action(number: int, action: "Callable[[int, FrameType | None], None] | signal.Handlers") -> None:
    """Change what a signal does. One that comes meanwhile waits: else CPython writes a traceback to standard error.

    It does so if it has noted a signal for which there is no handler any more.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, (number,))
    signal.signal(number, action)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (number,))


def ignore_call(_number: int, _frame: FrameType | None) -> None:
    """A handler that does nothing. It is needed so that the signal is written to the pipe."""


def block_all() -> None:
    """Block all signals before a fork: a signal to the child must not be written to the pipe of its parent."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def unblock_all() -> None:
    """Unblock all signals after the fork, in both processes; in the child after let_go_of_pipe()."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def let_go_of_pipe() -> None:
    """Stop using the pipe of the parent. Called in a child."""
    signal.set_wakeup_fd(-1)


def restore_defaults() -> None:
    """Restore all signals that the parent of the gate ignored or blocked, because servers inherit them."""
    for number in signal.valid_signals() - UNTOUCHABLE - CPYTHONS:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    unblock_all()
