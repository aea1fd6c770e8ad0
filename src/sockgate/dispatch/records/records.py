"""The records of sockgated, in the form of --log-format.

START, FAIL and EXIT of each client are records of the journal, or lines that log readers of xinetd and tcpserver know.
Events of the gate itself are always records in sockgate's own form.
"""

import os
import signal
from functools import lru_cache
from time import monotonic
from typing import NamedTuple

from ...connection.log import ACCEPTED, ENDED, ERROR, GATE_BROKEN, GATE_READ, INFO, WARNING, clean, field_lines
from ...core import GateError, Verdict
from ...core.peer import Peer
from ...core.rule_files import RuleWarning
from ..deciding.decision import Decision, RecordText
from ..options import DEFAULT_SOURCE_PREFIX
from ..poller import FOREVER
from ..sessions import Session
from .buffered_log import BufferedLog
from .sums import Sums, Why

BRIEF_SECONDS = 0.1
MOST_WARNINGS = 5  # lines in the log about one reading of the rules
QUIET_SECONDS = 60.0


class Records:
    """Records in sockgate's own form: in the journal, or one line each on standard error.

    service            the service's name; without --name, the last part of the server's path
    stderr_is_journal  whether standard error is a stream of the journal
    """

    def __init__(self, log: BufferedLog, source_prefix: tuple[int, int] = DEFAULT_SOURCE_PREFIX) -> None:
        self._log = log
        self._sums = Sums(log, source_prefix)
        self._limiter = RateLimiter()
        self.service = clean(log.service)
        self.stderr_is_journal = log.is_journal

    def accepted(self, session: Session, decision: Decision) -> None:
        self._log.verdict(session.peer, decision.verdict, allowed=True, note=decision.note)

    def resumed(self, session: Session) -> None:
        """Write the record of a start that an earlier gate was killed before it could write."""

    def cut_short(self, session: Session) -> None:
        """The gate ends this session. In sockgate's own form, the record of the end says why."""

    def ended(self, session: Session, status: int | None) -> None:
        """The status is that of waitpid(2), None if it is not known."""
        if self._log.writes("ended"):
            self._log.record(INFO, ENDED, end_message(session, self._shown(session.peer), status))

    def counted(self, current: int, most: int) -> None:
        """The number of clients has changed."""

    def sums_up(self, peer: Peer | None, why: Why) -> bool:
        """Count this refusal if a sum will tell of it. Returns False if it needs a record of its own.

        If such records are not wanted at all, it needs none.
        """
        return not self._wants(why) or self._sums.count(peer, why)

    def _wants(self, why: Why) -> bool:
        """Whether such a refusal is recorded. What is wrong on this side always is."""
        return isinstance(why, GateError) or self._log.writes("refused" if why else "gone")

    def _shown(self, peer: Peer) -> Peer:
        """The client as records show it."""
        return self._log.choice.shown(peer) if self._log.choice else peer

    def refused(self, peer: Peer, verdict: Verdict) -> None:
        if not self.sums_up(peer, verdict):
            self._log.verdict(peer, verdict, allowed=False)

    def failed(self, peer: Peer | None, error: GateError) -> None:
        if not self.sums_up(peer, error):
            self._log.failure(str(error), peer, error.code)

    def gone(self) -> None:
        if not self.sums_up(None, None):
            self._log.gone()

    def event(self, priority: int, message_id: str, message: str) -> None:
        """Write an event of the gate itself."""
        self._log.record(priority, message_id, message)

    def rare_event(self, priority: int, message_id: str, message: str) -> None:
        """Write the same event once a minute, however often it happens."""
        text = self._limiter.pass_on(message)
        if text:
            self.event(priority, message_id, text)

    def rules_read(self, problem: GateError | None, *, in_force: bool) -> None:
        """Other rules are in force, or those from before, because there is a problem; or none at all."""
        if not problem:
            self.event(INFO, GATE_READ, "the rules have been read and are in force")
        elif in_force:
            self.event(ERROR, GATE_BROKEN, f"the rules from before stay in force: {problem}")
        else:
            self.event(ERROR, GATE_BROKEN, f"every client is refused: {problem}")

    def rules_warned(self, warnings: tuple[RuleWarning, ...]) -> None:
        """What an administrator should know of the rules in force; of a long list, its beginning."""
        for warning in warnings[:MOST_WARNINGS]:
            self.event(WARNING, GATE_READ, f"the rules in force: {warning}")
        if len(warnings) > MOST_WARNINGS:
            self.event(WARNING, GATE_READ, f"the rules in force: {len(warnings) - MOST_WARNINGS} more such lines")

    @property
    def waiting(self) -> int:
        """How many records are still to be sent."""
        return self._log.waiting

    @property
    def entered(self) -> int:
        """How many records were to be written so far."""
        return self._log.entered

    @property
    def taken(self) -> int:
        """How many of them have been taken by the journal."""
        return self._log.taken

    @property
    def written_until(self) -> float:
        """By time.monotonic(): nothing remains to be written of the start of sessions that began earlier."""
        return FOREVER

    def write_starts(self, most: int | None = None) -> float | None:
        """Write at most so many of the delayed starts that are due; without a number, all of them, due or not.

        Returns the seconds until the next start is due, None if none is left.
        """

    def write_due_sums(self) -> float | None:
        """Write the sums that are due. Returns the seconds until this must be called again, None if it need not."""
        return self._sums.write_due()

    def write_sums(self) -> None:
        """Write all that has been summed so far."""
        self._sums.write_all()

    def send(self) -> None:
        """Send the records to the journal, as far as it takes them now."""
        self._log.send()

    def send_all(self) -> None:
        """Called in a child that becomes the server: nothing keeps its records after that. Waits for a busy journal."""
        self.write_starts()
        self._log.send_all()

    def flush(self) -> None:
        """Wait for the journal before an exit: it finds the service of a record only while its sender lives."""
        self.write_starts()
        self.write_sums()
        self._log.flush()

    def forget(self) -> None:
        """Called in a child: its parent sends the records that wait."""
        self._sums.forget()
        self._log.forget()


class Resumed(NamedTuple):
    """What is known about the start of a session that an earlier gate began: no more than its client."""

    text: RecordText


class JournalRecords(Records):
    """START and EXIT in the journal. They are made as text: lists of fields would take three times as long.

    The fields of START are those of Log.verdict, and the server's process id. A session that is over within
    BRIEF_SECONDS has only this record, with the fields of EXIT in it. Most sessions are so short, so the journal has
    half the work, and half the data.
    """

    def __init__(self, log: BufferedLog, source_prefix: tuple[int, int] = DEFAULT_SOURCE_PREFIX) -> None:
        super().__init__(log, source_prefix)
        self._start = self._head(ACCEPTED) + field_lines(("SOCKGATE_VERDICT", "allow"))
        self._end = self._head(ENDED)
        self._message = f"MESSAGE={self.service}: "
        self._begun: dict[Session, Decision | Resumed] = {}  # sessions without a written START, the oldest first
        self._writes_starts, self._writes_ends = log.writes("accepted"), log.writes("ended")

    def accepted(self, session: Session, decision: Decision) -> None:
        if self._writes_starts:
            self._begun[session] = decision

    def resumed(self, session: Session) -> None:
        if self._writes_starts:
            self._begun[session] = Resumed(RecordText(session.peer, choice=self._log.choice))

    @property
    def written_until(self) -> float:
        return next(iter(self._begun)).since if self._begun else monotonic()

    def write_starts(self, most: int | None = None) -> float | None:
        begun = self._begun
        latest = FOREVER if most is None else monotonic() - BRIEF_SECONDS
        left = len(begun) if most is None else most
        while begun and (session := next(iter(begun))).since <= latest and left:
            left -= 1
            self._add_start(session, begun.pop(session))
        return next(iter(begun)).since - latest if begun else None

    def ended(self, session: Session, status: int | None) -> None:
        begun = self._begun.pop(session, None)
        if not self._writes_ends:
            if begun:
                self._add_start(session, begun)
            return
        status_text, status_field = described(status)
        seconds = f"{session.seconds:.3f}"
        how = f"after {seconds} s: {status_text}"
        if session.why:
            how += f" ({session.why})"
            status_field += f"SOCKGATE_REASON={session.why}\n"
        if session.usage:
            how += session.usage.text
            status_field += session.usage.fields
        end = f"{status_field}SOCKGATE_DURATION={seconds}\n"
        if begun:
            self._add_start(session, begun, f"; ended {how}", end)
            return
        text = session.text or RecordText(session.peer, choice=self._log.choice)
        port, field = text.port(session.peer)
        self._log.add(
            f"{self._end}{self._message}ended {text.source}{port} on {text.place} {how}\n"
            f"SOCKGATE_PID={session.pid}\n{end}{text.fields}{field}".encode()
        )

    def forget(self) -> None:
        super().forget()
        self._begun.clear()

    def _add_start(self, session: Session, decision: "Decision | Resumed", how: str = "", end: str = "") -> None:
        session.text = text = decision.text
        port, field = text.port(session.peer)
        self._log.add(
            f"{self._start}{self._message}accepted {text.source}{port} on {text.place}{text.note}{how}\n"
            f"SOCKGATE_PID={session.pid}\n{text.reason}{end}{text.fields}{field}".encode()
        )

    def _head(self, message_id: str) -> str:
        return field_lines(
            ("PRIORITY", INFO), ("MESSAGE_ID", message_id), ("SYSLOG_IDENTIFIER", self._log.program),
            ("SOCKGATE_SERVICE", self._log.service),
        )  # fmt: skip


def end_message(session: Session, peer: Peer, status: int | None) -> str:
    why = f" ({session.why})" if session.why else ""
    usage = session.usage.text if session.usage else ""
    return f"ended {peer.route} after {session.seconds:.3f} s: {described(status)[0]}{why}{usage}"


@lru_cache(maxsize=256)
def described(status: int | None) -> tuple[str, str]:
    """The status of waitpid(2) about a server: as words for a message, and as a field of the journal."""
    if status is None:
        return "status unknown", ""
    if not os.WIFSIGNALED(status):
        code = os.WEXITSTATUS(status)
        return f"status {code}", f"SOCKGATE_STATUS={code}\n"
    number = os.WTERMSIG(status)
    try:
        name = signal.Signals(number).name
    except ValueError:  # a real-time signal
        name = str(number)
    return f"signal {number}", f"SOCKGATE_SIGNAL={name}\n"


class RateLimiter:
    """Counts messages, and passes each one on only from time to time."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}  # by message; there are only a few different ones
        self._unsaid: dict[str, int] = {}

    def pass_on(self, message: str) -> str:
        """The message to log now. Empty if it was logged a short time ago."""
        now = monotonic()
        if now - self._last.get(message, -QUIET_SECONDS) < QUIET_SECONDS:
            self._unsaid[message] = self._unsaid.get(message, 0) + 1
            return ""
        self._last[message] = now
        times = self._unsaid.pop(message, 0)
        return f"{message}, {times} times more since the last report" if times else message
