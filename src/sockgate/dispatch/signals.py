"""Signals as something to be read from a descriptor, in the loop like everything else.

By a handler that writes to a pipe (signal.set_wakeup_fd), not by blocking them for signalfd(2): servers would inherit
the mask.
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
            self.heed(number)

    def fileno(self) -> int:
        return self._reader

    def heed(self, number: int) -> None:
        """Collect this signal from now on."""
        signal.signal(number, nothing)

    def disregard(self, number: int) -> None:
        """Leave this signal to what it does by itself."""
        signal.signal(number, signal.SIG_DFL)

    def read(self) -> set[int]:
        """The numbers of the signals that have come since the last call."""
        try:
            return set(os.read(self._reader, 1 << 12))
        except BlockingIOError:
            return set()


def nothing(_number: int, _frame: FrameType | None) -> None:
    """What is to be done is done by who reads the pipe."""


def hold() -> None:
    """Before a fork: a signal to the child must not be written to our pipe, which it has as well."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def release() -> None:
    """After it, on both sides; in the child once its signals are none of ours."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def forget() -> None:
    """In a child: its signals are none of its parent's."""
    signal.set_wakeup_fd(-1)


def start_afresh() -> None:
    """Whatever our parent ignored or blocked: servers are to have all signals as usual."""
    for number in signal.valid_signals() - UNTOUCHABLE - CPYTHONS:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    release()
