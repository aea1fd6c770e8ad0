"""The accept loop: listen, accept, decide, start, follow, end.

One thread does everything: it accepts a few clients, decides about all of them, then starts their servers. More threads
were slower: their locks, and memory that is mapped on several processors, cost a tenth of the time that a small server
takes from start to end.

Clients come first. Chores (chores.py) can wait: they are done at most a hundred times a second, for all that has
happened since.
"""

import os
import signal
from collections.abc import Callable, Sequence
from time import monotonic, monotonic_ns, sleep
from typing import NamedTuple

from ..connection.log import ERROR, FAULT, INFO, STARTED, STOPPED
from ..core import INTERNAL_ERROR, describe
from .accepting.accepting import Accepting, Listener
from .accepting.receiving import Reception
from .accepting.refusals import Refusals, SlowReader
from .adoption import OtherProcess
from .chores import GUARDIAN_SECONDS, Chores
from .deciding.reloading_gate import ReloadingGate, RulesInForce
from .guardian import Guardian, share_memory
from .leaving import Leaving
from .options import ResidentOptions
from .overload import OVERLOAD_SECONDS
from .poller import Poller, Source, Timer, Timers
from .rates import rate_limits_of
from .records.records import Records
from .servers.child_channel import AskingChild, AskingChildren
from .servers.start_servers import ServerStarter
from .session_groups import SessionGroups
from .session_table import SessionTable
from .sessions import Sessions
from .signals import Signals
from .standard_error import StandardError
from .systemd import Notifier, Status

AT_ONCE = 8  # so many clients are accepted in a row before the first of them gets its server
CROWD_SECONDS = 0.0001  # if a client comes so soon after the last ones, more clients may wait
STATUS_SECONDS = 1.0  # between two reports to systemd, so that PID 1 is not told of each client
CHORES_SECONDS = 0.01  # from the first client after a quiet time until the chores
BUSY_SECONDS = 0.03  # from chores to chores, while clients come all the time
FAULT_SECONDS = 1.0
LAST_SECONDS = 5.0  # half of TimeoutStopSec=
LEFT_SECONDS = 60.0  # for the guardian: the longest time that a client can wait for its server
FRESH_SECONDS = 5.0  # options of this age may have been mended since: systemd passes them only at the start


class Inherited(NamedTuple):
    """What a gate has from systemd, or makes for itself."""

    listeners: Sequence[Listener]
    table: SessionTable
    groups: SessionGroups | None = None


class Dispatcher:
    def __init__(
        self, inherited: Inherited, gate: ReloadingGate, options: ResidentOptions, signals: Signals,
        records: Records, notifier: Notifier,
    ) -> None:  # fmt: skip
        listeners, self._table, self._groups = inherited
        self._addresses = [listener.address for listener in listeners]
        self._gate = gate
        self._signals = signals
        self._records = records
        self._poller = poller = Poller()
        self._timers = timers = Timers()
        self._guardian = guardian = Guardian()
        self._guarded: RulesInForce | None = None  # the rules of the present guardian
        self._sessions = sessions = Sessions(options.limits, self._table, self._groups)
        self._chores = Chores(options, sessions, records, guardian, poller, timers)
        self._ended = ended = self._chores.ended
        self._accepting = accepting = Accepting(listeners, poller, timers, records)
        self._refusals = Refusals(poller, timers, sessions, records, guardian)
        rates = rate_limits_of(options.limits, accepting.pause)
        self._reception = Reception(rates, sessions, self._refusals, records, ended)
        self._children = AskingChildren(poller, sessions, ended, records, rates)
        self._starter = ServerStarter(sessions, self._children, records, guardian, self._chores.kept)
        self._leaving = Leaving(options.process, sessions, accepting, self._reception, records, timers)
        self._standard_error = StandardError(poller, timers, records)
        self._status = Status(sessions, accepting, gate, notifier, records)
        self._later_work: dict[Timer, Callable[[], None]] = {
            Timer.CHORES: self._do_chores,
            Timer.MORE_CHORES: self._do_portion,
            Timer.REPORT: self._report,
            Timer.END_OF_PAUSE: self._accepting.end_pause,
            Timer.START_WAITING: self._start_those_that_wait,
            Timer.SLOW_READERS: self._refusals.give_up_late,
            Timer.GUARDIAN: self._post_guardian,
            Timer.ADOPTED: self._look_at_adopted,
            Timer.LIFETIMES: self._look_at_lifetimes,
            Timer.LEAVE_UNUSED: self._leaving.leave_unused,
            Timer.LEAVE: self._leaving.leave,
            Timer.STANDARD_ERROR: self._standard_error.renew,
        }
        self._fresh_until = monotonic() + FRESH_SECONDS
        self._received = 0.0  # when the last clients had been dealt with
        self._chores_expected = False
        self._quiet = True  # no client has come since the last chores

    def run(self) -> int:
        """Serve clients until a signal ends it. Returns the exit code."""
        self._chores.adopt()
        self._post_guardian()
        self._poller.watch(self._signals)
        self._standard_error.watch()
        self._records.event(INFO, STARTED, f"listening on {', '.join(self._addresses)}")
        self._gate.has_news = self._gate.problem is not None
        self._note_rules()
        self._warn_of_rules()
        self._status.report("READY=1")
        self._expect_chores(CHORES_SECONDS)
        while self._leaving.exit_code is None:
            self._go_on()
        self._starter.start_all(LAST_SECONDS, self._ended)
        self._guardian.dismiss()
        self._ended.take_leave()
        self._status.report("STOPPING=1")
        self._records.event(INFO, STOPPED, f"stopped: {self._status.text()}")
        self._chores.write_all()
        if self._groups:
            self._groups.give_up_control()
        return self._leaving.exit_code

    def _go_on(self) -> None:
        """Wait for the next thing to happen and deal with it."""
        try:
            while timer := self._timers.take_due():
                self._later_work[timer]()
            self._accepting.adjust(full=self._sessions.queue_waits)
            if self._leaving.exit_code is None:
                source = self._poller.wait(self._timers.next_due)
                if source is not None:
                    self._expect_chores(CHORES_SECONDS)
                if isinstance(source, Listener):
                    self._receive(source)
                elif source is not None:
                    self._deal_with(source)
        except Exception as error:  # an error in the loop itself: systemd starts us again, sessions go on
            self._records.event(ERROR, FAULT, f"internal error: {describe(error)}")
            sleep(FAULT_SECONDS)
            self._leaving.leave(INTERNAL_ERROR)

    def _deal_with(self, source: Source) -> None:
        """Everything but clients that come."""
        if isinstance(source, AskingChild):
            self._children.hear(source)
        elif isinstance(source, SlowReader):
            self._refusals.go_on(source)
        elif isinstance(source, OtherProcess):
            self._chores.hear(source)
        elif isinstance(source, StandardError):
            source.renew()
        else:
            self._take_signals()

    @property
    def _is_wanted_soon(self) -> bool:
        """Whether the end of a server must be noticed at once: a client waits for a place, or for the end."""
        return self._sessions.full or self._chores.kept is not None

    def _receive(self, listener: Listener) -> None:
        """Clients have come. Only if many come, ask whether more wait: that costs as much as a client."""
        if self._gate.options_are_wrong and monotonic() >= self._fresh_until:
            self._leaving.leave()  # the options may be mended: systemd starts us for this client with the present ones
            return
        self._quiet = False
        crowd = monotonic() - self._received < CROWD_SECONDS
        left = AT_ONCE if crowd else 1
        clients = []
        while left and (connection := self._accepting.accept(listener)):
            left -= 1
            self._guardian.keep(connection)
            if self._gate.current() is not self._guarded or self._gate.has_news:
                self._note_rules()
            client = self._reception.receive(connection, self._gate)
            if client:
                clients.append(client)
                # A client that needs a child takes more descriptors. The clients behind it must not use all of them.
                if client.decision is None or self._sessions.queue_waits:
                    break
            if self._accepting.paused:
                break
        self._wait_out(self._starter.start(clients))
        if not crowd:
            self._chores.do_early()
        if self._sessions.full:
            self._do_chores()
        self._received = monotonic()

    def _wait_out(self, shortage: str) -> None:
        """If resources are short, clients wait for their servers, and no other client is accepted."""
        if shortage:
            self._accepting.pause(OVERLOAD_SECONDS, shortage)
            self._timers.set(Timer.START_WAITING, OVERLOAD_SECONDS)

    def _report(self) -> None:
        self._status.report()
        self._note_change()

    def _start_those_that_wait(self) -> None:
        self._wait_out(self._starter.start_waiting())

    def _look_at_adopted(self) -> None:
        self._chores.look_at_adopted()
        self._expect_chores(CHORES_SECONDS)

    def _look_at_lifetimes(self) -> None:
        left_behind = self._sessions.left_behind
        if self._chores.look_at_lifetimes():
            self._expect_chores(CHORES_SECONDS)
        if self._sessions.left_behind != left_behind:
            self._status.report()

    def _expect_chores(self, seconds: float) -> None:
        if not self._chores_expected:
            self._chores_expected = True
            self._timers.set(Timer.CHORES, seconds)

    def _do_chores(self) -> None:
        """Do the chores: ended servers, records, status, guardian."""
        self._chores_expected = False
        if self._quiet or self._is_wanted_soon:
            self._signals.collect(signal.SIGCHLD)
        else:  # under load, a look at ended servers every 30 ms is cheaper than one SIGCHLD for each
            self._expect_chores(BUSY_SECONDS)
        self._quiet = True
        self._chores.begin()
        self._do_portion()

    def _do_portion(self) -> None:
        if self._chores.do_portion():
            self._note_change()

    def _note_change(self) -> None:
        """Report a change soon, and note whether the gate has a reason to leave."""
        if self._status.has_changed():
            self._timers.set(Timer.REPORT, STATUS_SECONDS)
            self._leaving.note_change()

    def _take_signals(self) -> None:
        for number in self._signals.read():
            if number == signal.SIGCHLD:
                # One server has ended. More will until the chores: they need not tell us each.
                self._signals.stop_collecting(signal.SIGCHLD)
                if self._is_wanted_soon:
                    self._do_chores()
            elif number == signal.SIGHUP:
                self._reload()
            else:
                self._leaving.stop()

    def _reload(self) -> None:
        self._status.report("RELOADING=1", f"MONOTONIC_USEC={monotonic_ns() // 1000}")
        self._records.write_sums()
        self._gate.reload()
        self._note_rules()
        self._records.send()  # before systemd says that the reload is over, and the log is looked at
        self._status.report("READY=1")

    def _note_rules(self) -> None:
        """The rules in force have changed, or the problem with them has: log it, and report it to systemd."""
        if self._gate.has_news:
            self._gate.has_news = False
            self._records.rules_read(self._gate.problem, in_force=self._gate.rules is not None)
            self._warn_of_rules()
        if self._gate.rules is not self._guarded:
            self._post_guardian()

    def _warn_of_rules(self) -> None:
        if self._gate.rules and not self._gate.problem:
            self._records.rules_warned(self._gate.rules.gate.warnings)

    def _post_guardian(self) -> None:
        """Start a guardian with the rules in force, in place of the one before."""
        share_memory()
        if not self._guardian.start():
            self._table.note_guardian(self._guardian.pid)
            self._guarded = self._gate.rules  # until here, this keeps the old rules in memory, as the old guardian does
            if self._guardian.is_wanted:
                self._timers.set(Timer.GUARDIAN, GUARDIAN_SECONDS)
            return
        try:
            self._forget()
            if self._guardian.wait_for_end_of_gate():
                if self._groups:
                    self._groups.give_up_control()
                self._serve_left()
        except Exception as error:  # an error in this program: the clients that are left are lost
            self._records.event(ERROR, FAULT, f"internal error in the guardian: {describe(error)}")
            self._records.flush()
        finally:
            os._exit(0)

    def _forget(self) -> None:
        """Called in the guardian: the clients so far and their descriptors remain the gate's."""
        self._records.forget()
        self._sessions.forget()
        self._children.forget()
        self._starter.forget()
        self._refusals.forget()
        self._chores.forget()

    def _serve_left(self) -> None:
        """Called in the guardian after the gate has died: serve the clients that it left."""
        for connection in self._guardian.clients_left():
            self._gate.current()
            client = self._reception.receive(connection, self._gate)
            if client:
                self._starter.start([client])
            self._children.disconnect_all()
            self._records.write_starts()
            self._records.send()
        self._starter.start_all(LEFT_SECONDS, self._ended)
        self._chores.write_all()
