"""End the sessions of servers that have ended."""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..guardian import Guardian
from ..lifetimes import KeptConnections
from ..records.records import Records
from ..sessions import Sessions
from ..usage import usage_of

if TYPE_CHECKING:
    from resource import struct_rusage

    Wait = Callable[[int, int], tuple[int, int] | tuple[int, int, struct_rusage]]


class EndedServers:
    """Ends sessions: they no longer count, and their end is recorded."""

    def __init__(
        self, sessions: Sessions, records: Records, guardian: Guardian, kept: KeptConnections | None,
        *, log_usage: bool = False,
    ) -> None:  # fmt: skip
        self._sessions = sessions
        self._records = records
        self._guardian = guardian
        self._kept = kept
        self._wait: Wait = os.wait4 if log_usage else os.waitpid  # the second takes half a microsecond less

    def take_leave(self, most: int = sys.maxsize) -> bool:
        """End the sessions of at most so many servers that have ended by now. Returns whether there may be more."""
        for _ in range(most):
            try:
                ended = self._wait(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            pid, status = ended[0], ended[1]
            if not pid:
                return False
            session = self._sessions.ended(pid, status)
            if session and self._kept:
                self._kept.release(session)
            if session and len(ended) > 2 and not session.usage:
                session.usage = usage_of(ended[2])
            if session is None:
                self._guardian.note_end(pid)
            elif not session.refused:
                self._records.ended(session, status)
                self._records.counted(self._sessions.count, self._sessions.most)
        return True
