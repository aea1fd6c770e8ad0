"""The state of the gate, for `systemctl status`."""

from .accepting.accepting import Accepting
from .deciding.reloading_gate import ReloadingGate
from .records.buffered_log import WARNING
from .records.rate_limiter import RateLimiter
from .records.records import Records
from .sessions.sessions import Sessions
from .systemd import Notifier

Snapshot = tuple[int, int, int, str, str]


class Status:
    def __init__(
        self, sessions: Sessions, accepting: Accepting, gate: ReloadingGate, notifier: Notifier, records: Records
    ) -> None:  # fmt: skip
        self._sessions = sessions
        self._accepting = accepting
        self._gate = gate
        self._notifier = notifier
        self._records = records
        self._limiter = RateLimiter()
        self._known: Snapshot | None = None

    def has_changed(self) -> bool:
        """Whether the state has changed since the last call."""
        before, self._known = self._known, self._snapshot()
        return self._known != before

    def report(self, *states: str) -> None:
        """Send the state to systemd, together with READY=1 and the like."""
        failure = self._notifier.send(*states, f"STATUS={self.text()}")
        text = self._limiter.pass_on(failure) if failure else ""
        if text:
            self._records.event(WARNING, "", text)

    def text(self) -> str:
        count, served, refused, trouble, problem = self._snapshot()
        if problem:
            in_force = "the rules from before are in force" if self._gate.rules else "every client is refused"
            problem = f"{in_force}: {problem}"
        counts = f"{count} of {self._sessions.most} connections, {served:,} served, {refused:,} refused"
        return "; ".join(filter(None, (counts, trouble, problem)))

    def _snapshot(self) -> Snapshot:
        sessions = self._sessions
        problem = str(self._gate.problem or "")
        return sessions.count, sessions.served, sessions.refused, self._accepting.trouble, problem
