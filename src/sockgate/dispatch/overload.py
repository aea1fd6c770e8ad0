"""The error for a system that is short of processes, descriptors or memory."""

import errno

from ..core.errors import SystemFailure

OVERLOADED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS, errno.ENOSPC))
OVERLOAD_SECONDS = 0.25  # until the next attempt


class Overloaded(SystemFailure):
    """The system is short of processes, descriptors or memory. The same may work in a moment."""
