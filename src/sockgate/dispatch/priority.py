"""The gate goes first: where servers keep all processors busy, a client still gets one of its own at once.

With Nice= in its unit the gate is served before others, and with --server-nice each server, once it runs, is as nice
as that says. Only its start takes place at the gate's niceness: the gate has to wait until the child has called exec.
"""

import os
from collections import deque
from collections.abc import Callable
from errno import EACCES
from time import monotonic

from ..core.errors import UsageError

SETTLED_SECONDS = 1.0  # until whatever a server forked in its first moments is one of its process group


class Priority:
    def __init__(self, nice: int | None) -> None:
        """`nice` is that of the servers, None for the gate's own."""
        self._nice = nice
        self._young: deque[tuple[float, int]] = deque()  # servers, with the time since when they run; the oldest first

    def lower_server(self, pid: int) -> None:
        """This process has just called exec. Raises PermissionError."""
        if self._nice is not None:
            self._young.append((monotonic(), pid))
            self.lower(pid)

    def settle(self, runs: Callable[[int], bool]) -> bool:
        """Once more for servers that still run: a child that one was just forking had no process group yet.

        On busy processors that is one of some hundred. Returns whether there is more for later.
        """
        latest = monotonic() - SETTLED_SECONDS
        while self._young and self._young[0][0] <= latest:
            pid = self._young.popleft()[1]
            if runs(pid):
                self._lower_again(pid)
        return bool(self._young)

    def _lower_again(self, group: int) -> None:
        """Nobody who has made himself nicer since."""
        try:
            if self._nice is not None and os.getpriority(os.PRIO_PGRP, group) < self._nice:
                self.lower(group)
        except (ProcessLookupError, PermissionError):  # the second was said the first time
            return

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
