"""The error for a system that is short of processes, descriptors or memory."""

import errno
import os

from ..core import SystemFailure

OVERLOADED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS, errno.ENOSPC))
OVERLOAD_SECONDS = 0.25  # until the next attempt


class Overloaded(SystemFailure):
    """The system is short of processes, descriptors or memory. The same may work in a moment."""


def shortage_of(error: Exception) -> str:
    """What the system is short of, in words; empty if the error is another one."""
    if isinstance(error, MemoryError):
        return os.strerror(errno.ENOMEM)
    return os.strerror(error.errno or 0) if isinstance(error, OSError) and error.errno in OVERLOADED else ""
