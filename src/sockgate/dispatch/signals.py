"""Signals as something to be read from a descriptor, in the loop like everything else (signalfd(2))."""

import ctypes
import os
import signal
import struct
from collections.abc import Iterable

LIBC = ctypes.CDLL(None, use_errno=True)
SIGSET_SIZE = 128  # sizeof(sigset_t) of every C library on Linux
INFO = struct.Struct("I124x")  # signalfd_siginfo: the signal's number, and what we do not need


def signal_set(numbers: Iterable[int]) -> ctypes.Array[ctypes.c_char]:
    """A sigset_t."""
    signals = ctypes.create_string_buffer(SIGSET_SIZE)
    LIBC.sigemptyset(signals)
    for number in numbers:
        LIBC.sigaddset(signals, number)
    return signals


class Signals:
    """Blocks these signals and collects them."""

    def __init__(self, numbers: Iterable[int]) -> None:
        chosen = set(numbers)
        signal.pthread_sigmask(signal.SIG_BLOCK, chosen)
        self._descriptor = int(LIBC.signalfd(-1, signal_set(chosen), os.O_NONBLOCK | os.O_CLOEXEC))
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "signalfd")

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> list[int]:
        """The numbers of the signals that have come since the last call; several of a kind count once."""
        try:
            data = os.read(self._descriptor, 32 * INFO.size)
        except BlockingIOError:
            return []
        return [number for (number,) in INFO.iter_unpack(data)]
