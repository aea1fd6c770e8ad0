"""What the accept loop does between its clients: servers that have ended, records, sessions of other gates, lifetimes.

The loop decides when. Here is what is done.
"""

from ..connection.log import ERROR, FAULT, INFO, STARTED
from ..core import describe
from .adoption import Adoption, OtherProcess
from .guardian import Guardian
from .leftovers import Leftovers
from .lifetimes import LOOK_SECONDS, LifetimeLimits
from .options import ResidentOptions
from .poller import Poller, Timer, Timers
from .records.records import Records
from .servers.ended_servers import EndedServers
from .sessions import Sessions
from .written import WrittenRecords

PORTIONS = 2  # of the chores: after each, the next client gets its turn
LEAST_PORTION, MOST_PORTION = 8, 64  # ended servers, and starts to record; 64 take less than a millisecond
TOGETHER = 32  # records that are sent in one go: an eighth of a millisecond
# Ahead of the chores, after clients that come alone: so many servers at a time, and their records.
EARLY_PORTION, EARLY_TOGETHER = 8, 16
PORTION_SECONDS = 0.001  # from one portion of the chores to the next
JOURNAL_SECONDS = 0.1  # until the next attempt, if the journal took no more records
GUARDIAN_SECONDS = 0.5  # until the gate makes another guardian, so that repeated deaths do not keep the gate busy
ADOPTED_SECONDS = 1.0  # between two looks at what no descriptor tells of adopted sessions
BURIAL_SECONDS = 0.01  # until the next look for the exit status of an adopted session


class Chores:
    """
    ended  ends the sessions of servers that have ended
    kept   the connections of clients that have a server; None without --idle-timeout
    """

    def __init__(
        self, options: ResidentOptions, sessions: Sessions, records: Records, guardian: Guardian, poller: Poller,
        timers: Timers,
    ) -> None:  # fmt: skip
        lifetimes = options.lifetimes
        self._sessions = sessions
        self._records = records
        self._guardian = guardian
        self._timers = timers
        self._leftovers = Leftovers(lifetimes.leftovers, sessions, records, guardian)
        self._lifetimes = LifetimeLimits(lifetimes, sessions, records, guardian)
        self._adoption = Adoption(sessions.table, sessions, poller, records)
        self._written = WrittenRecords(sessions.table, records)
        self._served = 0  # clients, until the last chores
        self._portion = LEAST_PORTION
        self._alone = 0  # clients, until the last portion
        self.kept = self._lifetimes.kept
        self.ended = EndedServers(sessions, records, guardian, self.kept, log_usage=options.process.log_usage)

    def adopt(self) -> None:
        """Take over the sessions of the gates before."""
        try:
            self._adoption.begin()
        except Exception as error:  # an error in this program must not close the port
            self._records.event(ERROR, FAULT, f"internal error with the sessions of the gate before: {describe(error)}")
        self._expect_adopted()
        count = self._sessions.count
        if count:
            run = "1 session of the gate before runs" if count == 1 else f"{count} sessions of the gate before run"
            self._records.event(INFO, STARTED, f"{run} on, and {'counts' if count == 1 else 'count'}")

    def do_early(self) -> None:
        """A client that came alone has its server: now and then, do a part of the chores before they are due.

        Else the next clients would wait for the chores of fifty. But the gate goes on before the new server does, often
        on the same processor, so this client waits as well. One ended server after each client takes 18 us of each,
        because the processor's caches are cold. Eight at a time take 10 us each.
        """
        self._alone += 1
        if self._alone >= EARLY_PORTION:
            self._alone = 0
            self.ended.take_leave(EARLY_PORTION)
            if self._records.waiting >= EARLY_TOGETHER:
                self._send_records()

    def begin(self) -> None:
        """Begin new chores, for all clients since the last ones.

        Each portion finds the processor's caches cold. So many small ones would cost a busy gate a tenth of its time.
        """
        served = self._sessions.served
        self._portion = min(max(LEAST_PORTION, (served - self._served) // PORTIONS), MOST_PORTION)
        self._served = served
        self._alone = 0

    def do_portion(self) -> bool:
        """Do a part of the chores. Returns whether the state of the sessions is up to date by now.

        If more is left, it is done after the clients that have come meanwhile. The journal wakes up for each group of
        records that it is sent, which costs more than a record. So the records of several portions are sent together.
        """
        more = self.ended.take_leave(self._portion)
        delayed = self._records.write_starts(self._portion)
        if more:
            self._timers.set(Timer.MORE_CHORES, PORTION_SECONDS)
            if self._records.waiting < TOGETHER:
                return False
        elif delayed is not None:
            self._timers.set(Timer.MORE_CHORES, max(PORTION_SECONDS, delayed))
        if self._guardian.is_wanted:
            self._timers.set(Timer.GUARDIAN, GUARDIAN_SECONDS)
        if self._adoption.bury():
            self._timers.set(Timer.CHORES, BURIAL_SECONDS)
        self._expect_ends(of_servers=True)
        self._send_records()
        return True

    def _send_records(self) -> None:
        to_sums = self._records.write_due_sums()
        if to_sums is not None:
            self._timers.set(Timer.MORE_CHORES, to_sums)
        if self._records.waiting:
            self._records.send()
        if self._records.waiting:
            self._timers.set(Timer.CHORES, JOURNAL_SECONDS)
        self._written.note()

    def write_all(self) -> None:
        """Write all records now: the process ends."""
        self._records.flush()
        self._written.note()

    def hear(self, process: OtherProcess) -> None:
        """The process of an adopted session has ended."""
        self._adoption.hear(process)

    def look_at_adopted(self) -> None:
        """Look for what no descriptor tells of adopted sessions."""
        self._adoption.look()
        self._expect_adopted()

    def _expect_adopted(self) -> None:
        if self._adoption.is_expecting:
            self._timers.set(Timer.ADOPTED, ADOPTED_SECONDS)

    def look_at_lifetimes(self) -> bool:
        """End the sessions that last too long, and look at what servers have left behind.

        Returns whether there may be processes to wait for: what servers leave becomes children of the gate.
        """
        self._lifetimes.look()
        if self._sessions.groups:
            self._sessions.groups.look()
        if self._leftovers.is_wanted:
            self._leftovers.look()
        self._expect_ends()
        return self._leftovers.is_wanted

    def _expect_ends(self, *, of_servers: bool = False) -> None:
        """Look again in a moment, if there is something to see."""
        leftovers = self._leftovers.is_expecting or (of_servers and self._leftovers.is_wanted)
        groups = self._sessions.groups is not None and self._sessions.groups.is_expecting
        if leftovers or groups or self._lifetimes.is_expecting:
            self._timers.set(Timer.LIFETIMES, LOOK_SECONDS)

    def forget(self) -> None:
        """Called in the guardian: all of this remains the gate's."""
        self._adoption.forget()
        self._written.forget()
        self._lifetimes.forget()
        self._leftovers.forget()
