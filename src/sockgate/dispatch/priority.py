"""The gate goes first: where servers keep all processors busy, a client still gets one of its own at once.

With Nice= in its unit the gate is served before others, and with --server-nice each server, once it runs, is as nice
as that says. Only its start takes place at the gate's niceness: the gate has to wait until the child has called exec.
"""

import os
from contextlib import suppress


class Priority:
    def __init__(self, nice: int | None) -> None:
        """`nice` is that of the servers, None for the gate's own."""
        self._nice = nice

    def lower(self, group: int) -> None:
        """This process, and what it has started already in its process group, is a server."""
        if self._nice is not None:
            with suppress(OSError):  # ESRCH: it has ended; EACCES: nicer than the gate, which may not go the other way
                os.setpriority(os.PRIO_PGRP, group, self._nice)
