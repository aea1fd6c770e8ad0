"""When this process ends: at a signal, after --drain, or after --idle-exit."""

from ..connection.log import INFO, STOPPED
from .accepting.accepting import Accepting
from .accepting.receiving import Reception
from .options import Process
from .poller import Timer, Timers
from .records.records import Records
from .sessions import Sessions


class Leaving:
    """
    exit_code  None while the gate stays
    """

    def __init__(
        self, process: Process, sessions: Sessions, accepting: Accepting, reception: Reception, records: Records,
        timers: Timers,
    ) -> None:  # fmt: skip
        self._process = process
        self._sessions = sessions
        self._accepting = accepting
        self._reception = reception
        self._records = records
        self._timers = timers
        self._draining = False
        self.exit_code: int | None = None

    def leave(self, exit_code: int = 0) -> None:
        self.exit_code = self.exit_code or exit_code

    def stop(self) -> None:
        """A signal says stop. Stop at once or, with --drain, when the last session is over or a second signal comes."""
        if self._draining or not self._process.drain:
            self.leave()
            return
        self._draining = True
        reason = f"draining for at most {self._process.drain} s"
        self._accepting.close_for_good(reason)
        self._records.event(INFO, STOPPED, reason)
        self._timers.set(Timer.LEAVE, self._process.drain)

    def note_change(self) -> None:
        """The state of the sessions has changed. Without one, leave if draining, else set the timer of --idle-exit."""
        self._timers.cancel(Timer.LEAVE_UNUSED)
        if self._sessions.count == 0:
            if self._draining:
                self.leave()
            elif self._process.idle_exit:
                self._timers.set(Timer.LEAVE_UNUSED, self._process.idle_exit)

    def leave_unused(self) -> None:
        """The time of --idle-exit is over. A client that came since the last chores has not cancelled it yet.

        A rate that still counts, or pauses, must not begin anew with the next gate.
        """
        if self._sessions.count:
            return
        if seconds := self._reception.memory_left:
            self._timers.set(Timer.LEAVE_UNUSED, seconds)
        else:
            self.leave()
