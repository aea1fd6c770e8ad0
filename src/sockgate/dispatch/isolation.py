"""The gate is closed to its servers, also to those that run as the same user.

A server that was taken over could otherwise write into the memory of the gate (/proc/PID/mem), or take its listening
sockets, and so hear all later clients and their passwords. No filter of system calls keeps it from that.
"""

from .guardian import LIBC

PR_SET_DUMPABLE = 4  # linux/prctl.h


def forbid_tracing() -> None:
    """Let no process without CAP_SYS_PTRACE look into this one. exec ends that, so it does not hold for servers."""
    LIBC.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def permit_tracing() -> None:
    """Called in a child that has one client and no port: the guardian must see which connection it has."""
    LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
