"""How things stand, for `systemctl status`."""

from .accepting.receiving import Reception
from .deciding.reloading_gate import GateKeeper
from .servers.child_channel import Introductions
from .sessions.sessions import Sessions
from .systemd import Notifier

Snapshot = tuple[int, int, int, str, str]


class Status:
    """
    trouble   why nobody is accepted at the moment, "" if that is not so
    """

    def __init__(
        self, sessions: Sessions, reception: Reception, introductions: Introductions, gates: GateKeeper,
        notifier: Notifier,
    ) -> None:  # fmt: skip
        self._sessions = sessions
        self._reception = reception
        self._introductions = introductions
        self._gates = gates
        self._notifier = notifier
        self._known: Snapshot | None = None
        self.trouble = ""

    def has_changed(self) -> bool:
        """Whether something has happened since the last call."""
        before, self._known = self._known, self._snapshot()
        return self._known != before

    def report(self, *states: str) -> None:
        """Tell systemd, together with READY=1 and the like."""
        self._notifier.send(*states, f"STATUS={self.text()}")

    def text(self) -> str:
        count, served, refused, trouble, problem = self._snapshot()
        if problem:
            in_force = "the rules from before are in force" if self._gates.rules else "everybody is refused"
            problem = f"{in_force}: {problem}"
        counts = f"{count} of {self._sessions.most} connections, {served:,} served, {refused:,} refused"
        return "; ".join(filter(None, (counts, trouble, problem)))

    def _snapshot(self) -> Snapshot:
        refused = self._reception.refused + self._introductions.turned_away
        served = self._sessions.begun - self._introductions.turned_away
        return self._sessions.count, served, refused, self.trouble, str(self._gates.problem or "")
