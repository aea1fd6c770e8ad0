"""End the sessions of servers that have ended."""

import os
import sys

from ..guardian import Guardian
from ..lifetimes import KeptConnections
from ..records.records import Records
from ..sessions import Sessions


class EndedServers:
    """Ends sessions: they no longer count, and their end is recorded."""

    def __init__(
        self, sessions: Sessions, records: Records, guardian: Guardian, kept: KeptConnections | None
    ) -> None:  # fmt: skip
        self._sessions = sessions
        self._records = records
        self._guardian = guardian
        self._kept = kept

    def take_leave(self, most: int = sys.maxsize) -> bool:
        """End the sessions of at most so many servers that have ended by now. Returns whether there may be more."""
        for _ in range(most):
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                return False
            session = self._sessions.ended(pid, status)
            if session and self._kept:
                self._kept.release(session)
            if session is None:
                self._guardian.note_end(pid)
            elif not session.refused:
                self._records.ended(session, status)
                self._records.counted(self._sessions.count, self._sessions.most)
        return True
