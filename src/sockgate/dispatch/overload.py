"""When the system is short of something."""

import errno

from ..core.errors import SystemFailure

OVERLOADED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS, errno.ENOSPC))
OVERLOAD_SECONDS = 0.25  # until the same is tried again


class Overloaded(SystemFailure):
    """The system is short of something. The same may well work in a moment."""
