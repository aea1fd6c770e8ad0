"""The gate is closed to its servers, also to those that run as the same user.

A server that was taken over could otherwise write into the memory of the gate (/proc/PID/mem), or take its listening
sockets, and so hear all later clients and their passwords. No filter of system calls keeps it from that.
"""

import ctypes
import os

from .guardian import LIBC

PR_SET_DUMPABLE = 4  # linux/prctl.h


def forbid_tracing() -> str:
    """Let no process without CAP_SYS_PTRACE look into this one. Returns why that is not possible, "" if it is.

    It holds for the children of the gate as well, which share memory with it, until they become servers: exec ends it.
    """
    failed = LIBC.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    return os.strerror(ctypes.get_errno()) if failed else ""
