"""The gate in force. It is built anew when a file behind it has changed, and on reload."""

import os
from collections.abc import Callable
from time import monotonic, time_ns
from typing import TYPE_CHECKING

from ...connection.banners import encode_message
from ...connection.gate import Gate
from ...core.errors import GateError, UsageError
from ...core.options import Settings
from ...core.peer import Peer
from ...core.verdict import Verdict
from ..servers.vfork_server import Launcher
from .decision import Decision, Memory

if TYPE_CHECKING:
    from ...core.peer import Ends

RETRY_SECONDS = 1.0  # how often to try again while there is no gate at all
SETTLED_NS = 20_000_000  # a file that changed this shortly before it was read may change again unseen

Signature = list[tuple[int, int]]


class InForce:
    """A good gate, the files that it was built from, and what starts its server."""

    def __init__(self, gate: Gate, inherited: dict[bytes, bytes]) -> None:
        self.gate = gate
        self.files = gate.files
        self.launcher = Launcher(gate.server)
        self._base = gate.base_environment(inherited)
        self._memory = Memory() if gate.is_lasting else None

    def recall(self, ends: "Ends") -> Decision | None:
        """What was decided about another connection between the same addresses, if that holds for this one."""
        return self._memory.recall(ends) if self._memory else None

    def decide(self, ends: "Ends", peer: Peer) -> Decision | None:
        """None if nobody can tell before the client has been asked who it is. Raises ConfigError."""
        if self.gate.proxy is not None:
            return None
        peer.local_host = self.gate.local_name
        verdict = self.gate.decide_now(peer)
        decision = self.decided(peer, verdict) if verdict else None
        if decision and self._memory:
            self._memory.keep(ends, decision)
        return decision

    def forget(self) -> None:
        """A file has changed: the checks are to say themselves whether what they read of it still holds."""
        if self._memory:
            self._memory = Memory()

    def decided(self, peer: Peer, verdict: Verdict) -> Decision:
        """All that follows from this verdict."""
        return Decision(self.gate, self._base, peer, verdict)


class GateKeeper:
    """Never puts a gate in force that cannot be built completely: the last good one stays.

    hopeless  there never will be a good gate: the options themselves are wrong
    rules     in force; None while there has never been a good gate: then everybody is to be refused
    problem   why the options and files as they are now make no gate, None if they do
    changed   called when another gate is in force, or another problem has come up
    """

    def __init__(self, settings: Settings, inherited: dict[bytes, bytes], problem: GateError | None = None) -> None:
        """With a problem: no gate can be built from these settings, whatever the files say."""
        self._settings = settings
        self._inherited = inherited
        self.hopeless = problem is not None
        self._signature: Signature | None = None
        self._next_try = 0.0
        self.rules: InForce | None = None
        self.problem = problem
        self.changed: Callable[[], None] = lambda: None
        self.reload()

    @property
    def name(self) -> str:
        """The service's, which is known even without a good gate."""
        return self._settings.one("--name") or (self._settings.command or [""])[0].rpartition("/")[2]

    @property
    def last_resort(self) -> bytes:
        """What clients are told that are refused because there is no gate."""
        try:
            return encode_message(self._settings.one("--deny-message"), "--deny-message")
        except UsageError:
            return b""

    def current(self) -> InForce | None:
        """The rules for the next client; looks whether a file has changed (a stat(2) for each)."""
        if self.rules is None:
            if monotonic() >= self._next_try:
                self.reload()
        elif self.rules.files and signature(self.rules.files) != self._signature:
            self.reload()
        return self.rules

    def reload(self) -> None:
        """Read everything again."""
        if self.hopeless:
            return
        begin, rules, problem = time_ns(), self.rules, str(self.problem)
        self._next_try = monotonic() + RETRY_SECONDS
        self._build()
        self._signature = signature(self.rules.files if self.rules else ())
        if any(changed > begin - SETTLED_NS for changed, _inode in self._signature):
            self._signature = None  # matches nothing: the next client has them read once more
        if self.rules is not rules or str(self.problem) != problem:
            self.changed()

    def _build(self) -> None:
        try:
            gate = Gate(self._settings)
            if gate.lookups is not None:
                from ...resolve import load_everything

                load_everything()  # or each child would, which is a third of what it costs
            self.rules = InForce(gate, self._inherited)
            self.problem = None
        except GateError as error:
            self.problem = error
            if self.rules:
                self.rules.forget()


def signature(files: tuple[str, ...]) -> Signature:
    """What changes when a file is written, replaced or removed: nobody can set the time of the last change back."""
    return list(map(sign, files))


def sign(file: str) -> tuple[int, int]:
    try:
        status = os.stat(file)
    except OSError:
        return 0, 0
    return status.st_ctime_ns, status.st_ino
