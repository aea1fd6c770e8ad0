"""The gate goes first: where servers keep all processors busy, a client still gets one of its own at once.

With Nice= in its unit the gate is served before others, and with --server-nice each server, once it runs, is as nice
as that says. Only its start takes place at the gate's niceness: the gate has to wait until the child has called exec.
"""

import os
from errno import EACCES

from ..core.errors import UsageError


class Priority:
    def __init__(self, nice: int | None) -> None:
        """`nice` is that of the servers, None for the gate's own."""
        self._nice = nice

    def lower(self, group: int) -> None:
        """This process, and what it has started already in its process group, is a server.

        Raises PermissionError if that may not be told how nice to be: it has become another user already.
        """
        if self._nice is None:
            return
        try:
            os.setpriority(os.PRIO_PGRP, group, self._nice)
        except ProcessLookupError:
            return  # it has ended already
        except PermissionError as error:
            if error.errno != EACCES:  # which was said at the start
                raise


def try_out(nice: int | None) -> str:
    """Whether servers can be made this nice, found out by changing our own niceness to and fro.

    Returns what an administrator should know where they will be nicer than that, "" if all is well. Raises UsageError
    if they would be less nice: better no server than all of them ahead of whatever else the machine has to do.
    """
    if nice is None:
        return ""
    own = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        for each in (min(own, nice), own):
            os.setpriority(os.PRIO_PROCESS, 0, each)
    except OSError as error:
        if error.errno == EACCES:
            return f"servers are as nice as the gate, {own}, which may not make them less nice: --server-nice {nice}"
        message = f"--server-nice {nice}: unable to set a niceness: {error.strerror}"
        raise UsageError(message, "SystemCallFilter= must allow setpriority") from None
    return ""
