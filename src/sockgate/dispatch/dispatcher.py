"""The accept loop.

One thread does everything: accepts a few clients, decides about all of them, then starts their servers. With more
threads, what they cost each other (locks, and memory that is mapped on several processors) was more than what they
gained: a tenth of the time that a small server takes from start to end.

Clients come first: what can wait is done a hundred times a second at most, for all that has come together since.
"""

import _socket
import os
import signal
from collections.abc import Callable, Sequence
from time import monotonic, monotonic_ns, sleep

from ..connection.log import ERROR, FAULT, GATE_BROKEN, GATE_READ, INFO, PAUSED, STARTED, STOPPED
from ..core.errors import INTERNAL_ERROR, describe
from .accepting.accepting import Door
from .accepting.listener import Listener
from .accepting.receiving import OVERLOAD_SECONDS, Reception
from .accepting.refusals import Refusals
from .deciding.reloading_gate import GateKeeper
from .guardian import Guardian
from .options import Limits, Process
from .poller import Loop
from .records.buffered_log import WARNING
from .records.rate_limited_log import Seldom
from .records.records import BRIEF_SECONDS, Records
from .servers.child_channel import Introductions
from .servers.start_servers import Starter
from .sessions.admitted_client import Client
from .sessions.sessions import Sessions
from .signals import Signals
from .signals import forget as forget_signals
from .status import Status
from .systemd import Notifier

AT_ONCE = 8  # clients that are accepted in a row before the first of them gets its server
CROWD_SECONDS = 0.0001  # if somebody is there that soon after the last ones, there may be more
STATUS_SECONDS = 1.0  # between two reports: PID 1 has better things to do than to hear of each client
CHORES_SECONDS = 0.01  # from the first client after a pause until what follows from it is seen to
BUSY_SECONDS = 0.03  # until the next time, while clients come all the time
JOURNAL_SECONDS = 0.1  # until it is tried again when it took no more
FAULT_SECONDS = 1.0
GUARD_SECONDS = 0.5  # until there is another guardian: whatever kills them must not keep us busy
LAST_SECONDS = 5.0  # half of TimeoutStopSec=
FRESH_SECONDS = 5.0  # options that are this old may have been mended: systemd gives them only at the start


class Dispatcher:
    def __init__(
        self, listeners: Sequence[Listener], gates: GateKeeper, limits: Limits, process: Process,
        signals: Signals, records: Records, notifier: Notifier,
    ) -> None:  # fmt: skip
        self._addresses = [listener.address for listener in listeners]
        self._gates = gates
        self._limits = limits
        self._process = process
        self._signals = signals
        self._records = records
        self._loop = Loop()
        self._sessions = Sessions(limits)
        introductions = Introductions(self._loop, self._sessions, self._reap)
        self._guardian = Guardian()
        refusals = Refusals(self._loop)
        self._reception = Reception(
            gates, self._sessions, limits, refusals, records, self._guardian, self._pause, self._reap
        )  # fmt: skip
        self._fresh_until = monotonic() + FRESH_SECONDS
        enter = self._begin_again if gates.hopeless else self._receive
        self._door = Door(self._loop, listeners, enter)
        self._starter = Starter(
            self._sessions, introductions, records, self._guardian, self._postpone
        )  # fmt: skip
        self._status = Status(self._sessions, self._reception, introductions, gates, notifier)
        self._complain = Seldom(lambda message: records.event(WARNING, PAUSED, message))
        self._postponed: list[Client] = []
        self._received = 0.0  # when we were done with the last clients
        self._chores_expected = False
        self._quiet = True  # nobody has come since the last chores
        self._draining = False
        self._exit_code: int | None = None
        self._actions: dict[int, Callable[[], None]] = {
            signal.SIGCHLD: self._expect_ends,
            signal.SIGHUP: self._reload,
            signal.SIGINT: self._end,
            signal.SIGTERM: self._end,
        }

    def run(self) -> int:
        """Serve clients until a signal ends it. Returns the exit code."""
        self._guard()
        self._loop.watch(self._signals, self._take_signals)
        self._records.event(INFO, STARTED, f"listening on {', '.join(self._addresses)}")
        self._gates.changed = self._log_gate
        if self._gates.problem:
            self._log_gate()
        self._status.report("READY=1")
        self._expect_chores()
        while self._exit_code is None:
            self._go_on()
        self._serve_postponed()
        self._guardian.dismiss()
        self._reap()
        self._status.report("STOPPING=1")
        self._records.event(INFO, STOPPED, f"stopped: {self._status.text()}")
        self._records.flush()
        return self._exit_code

    def _go_on(self) -> None:
        """Wait for the next thing to happen and deal with it."""
        try:
            self._loop.run_timers()
            self._door.adjust(full=self._is_full)
            if self._exit_code is None:
                self._loop.once(self._expect_chores)
        except Exception as error:  # a fault of ours in the loop itself: systemd starts us anew, sessions go on
            self._records.event(ERROR, FAULT, f"internal error: {describe(error)}")
            sleep(FAULT_SECONDS)
            self._exit_code = INTERNAL_ERROR

    @property
    def _is_full(self) -> bool:
        """Whether clients are to wait in the queue."""
        return self._sessions.full and not self._limits.refuse

    def _receive(self, listener: Listener) -> None:
        """Clients have come. Whether there are more is only asked when many come: that costs as much as a client."""
        self._quiet = False
        left = AT_ONCE if monotonic() - self._received < CROWD_SECONDS else 1
        clients = []
        while left and (connection := self._reception.accept(listener)):
            left -= 1
            client = self._reception.receive(connection)
            if client:
                clients.append(client)
                # One that must be asked takes more descriptors, which must not all be spent on those behind it.
                if client.decision is None or self._is_full:
                    break
            if self._door.paused:
                break
        self._starter.start(clients)
        if self._sessions.full:
            self._do_chores()
        self._received = monotonic()

    def _guard(self) -> None:
        """Have a second process stand by; another one if it has been killed."""
        self._guardian.watch(self._forget, self._serve_left)

    def _forget(self) -> None:
        """In the guardian, as soon as there is one."""
        forget_signals()
        self._records.forget()
        self._sessions.forget()

    def _serve_left(self, connection: _socket.socket) -> None:
        """In the guardian, when this process is no more."""
        client = self._reception.receive(connection)
        if client:
            self._starter.start([client])
        self._records.announce(everybody=True)
        self._records.send()

    def _expect_chores(self, seconds: float = CHORES_SECONDS) -> None:
        if not self._chores_expected:
            self._chores_expected = True
            self._loop.after(seconds, self._do_chores)

    def _expect_ends(self) -> None:
        """One server has ended. More will until the chores: they need not tell us each."""
        self._signals.disregard(signal.SIGCHLD)
        if self._sessions.full:  # somebody may be waiting for it
            self._do_chores()

    def _do_chores(self) -> None:
        """See to what follows from all that was."""
        self._chores_expected = False
        if self._quiet or self._sessions.full:
            self._signals.heed(signal.SIGCHLD)
        else:  # as many leave as come: to look again costs less than a signal for the first of them
            self._expect_chores(BUSY_SECONDS)
        self._quiet = True
        self._reap()
        self._note_change()
        if self._records.announce():
            self._loop.after(BRIEF_SECONDS, self._do_chores)
        if self._records.waiting:
            self._records.send()
            if self._records.waiting:
                self._loop.after(JOURNAL_SECONDS, self._do_chores)

    def _note_change(self) -> None:
        if self._status.has_changed():
            self._loop.after(STATUS_SECONDS, self._report)
            self._reconsider_leaving()

    def _report(self) -> None:
        self._status.report()
        self._note_change()

    def _reconsider_leaving(self) -> None:
        """There is nobody to stay for, or there is again."""
        self._loop.cancel(self._leave_unused)
        if self._sessions.count == 0:
            if self._draining:
                self._leave()
            elif self._process.idle_exit:
                self._loop.after(self._process.idle_exit, self._leave_unused)

    def _take_signals(self) -> None:
        for number in self._signals.read():
            self._actions[number]()

    def _reap(self) -> None:
        """Take leave of every server that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self._guardian.pid:
                self._guardian.pid = 0
                self._loop.after(GUARD_SECONDS, self._guard)
                continue
            session = self._sessions.ended(pid)
            if session and not session.refused:
                self._records.ended(session, status)
                self._records.counted(self._sessions.count, self._sessions.most)

    def _reload(self) -> None:
        self._status.report("RELOADING=1", f"MONOTONIC_USEC={monotonic_ns() // 1000}")
        self._gates.reload()
        self._status.report("READY=1")

    def _log_gate(self) -> None:
        if not self._gates.problem:
            self._records.event(INFO, GATE_READ, "the rules have been read and are in force")
        elif self._gates.rules:
            self._records.event(ERROR, GATE_BROKEN, f"the rules from before stay in force: {self._gates.problem}")
        else:
            self._records.event(ERROR, GATE_BROKEN, f"everybody is refused: {self._gates.problem}")

    def _postpone(self, client: Client, reason: str) -> None:
        """Its server cannot be started now. Try again after a pause, in which nobody else is accepted."""
        self._postponed.append(client)
        self._pause(OVERLOAD_SECONDS, reason)

    def _pause(self, seconds: float, reason: str) -> None:
        self._complain(f"{reason}: accepting nobody for {seconds:g} s")
        self._status.trouble = reason
        self._door.paused = True
        self._loop.after(seconds, self._resume)

    def _resume(self) -> None:
        self._status.trouble = ""
        self._door.paused = False
        clients, self._postponed = self._postponed, []
        self._starter.start(clients)

    def _serve_postponed(self) -> None:
        """At the end: whoever was accepted already will be served by nobody else."""
        give_up = monotonic() + LAST_SECONDS
        while self._postponed and monotonic() < give_up:
            self._reap()
            self._resume()
            if self._postponed:
                sleep(OVERLOAD_SECONDS)

    def _begin_again(self, listener: Listener) -> None:
        """Our options are wrong, but may have been mended since we were given them: then leave this client to systemd,
        which starts us for it with the options as they are now."""
        if monotonic() < self._fresh_until:
            self._receive(listener)
        else:
            self._leave()

    def _end(self) -> None:
        """Told to stop: at once, or with --drain when the last session is over, or when told once more."""
        if self._draining or not self._process.drain:
            self._leave()
            return
        self._draining = True
        self._door.close_for_good()
        self._status.trouble = f"draining for at most {self._process.drain} s"
        self._records.event(INFO, STOPPED, self._status.trouble)
        self._loop.after(self._process.drain, self._leave)

    def _leave_unused(self) -> None:
        self._leave()

    def _leave(self) -> None:
        self._exit_code = self._exit_code or 0
