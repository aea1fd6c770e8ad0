"""The rules in force. They are read again when a file behind them has changed, and on reload."""

from time import monotonic, time_ns
from typing import TYPE_CHECKING

from ...connection.gate import Gate
from ...core.errors import GateError, SystemFailure, UsageError
from ...core.options import Settings
from ...core.peer import Peer
from ...core.rule_files import UNSTEADY, Sources, sign
from ...core.verdict import Verdict
from .decision import Decision, Memory

if TYPE_CHECKING:
    from ...core.peer import Ends

RETRY_SECONDS = 1.0  # between two attempts while the rules cannot be read, or the time of a file says too little
MOST_TIME = 0.1  # of all time: what such attempts may take
GRAIN_NS = 20_000_000  # two changes of a file that are closer to each other may leave the same time
COARSE_GRAIN_NS = 2_000_000_000  # the same where a file system keeps whole seconds, or only the even ones (FAT)
SECOND_NS = 1_000_000_000


class RulesInForce:
    """A gate that could be built completely, and what it has decided so far.

    arguments         the words that its server is started with
    stderr_is_client  whether the server writes its errors to the client, too
    """

    def __init__(self, gate: Gate, inherited: dict[bytes, bytes]) -> None:
        self.gate = gate
        self.arguments = tuple(gate.server.arguments())
        self.stderr_is_client = gate.server.stderr == "socket"
        self._base = gate.base_environment(inherited)
        self._memory = Memory() if gate.is_lasting else None

    def remembered(self, ends: "Ends") -> Decision | None:
        """What was decided about another connection between the same addresses, if that holds for this one."""
        return self._memory.find(ends) if self._memory else None

    def decision(self, ends: "Ends", peer: Peer, verdict: Verdict) -> Decision:
        """All that follows from this verdict on a client. It is remembered if it holds for others."""
        decision = Decision(self.gate, self._base, peer, verdict)
        if self._memory:
            self._memory.keep(ends, decision)
        return decision

    def single_decision(self, peer: Peer, verdict: Verdict) -> Decision:
        """The same for this client alone."""
        return Decision(self.gate, self._base, peer, verdict)

    def forget_decisions(self) -> None:
        """A file has changed. Each check then says itself whether what it read of the file still holds."""
        if self._memory:
            self._memory = Memory()


class ReloadingGate:
    """Keeps the rules in force. Rules that cannot be read completely never come into force: those from before stay.

    rules              None while there have never been good rules: then each client is refused
    problem            why the options and files, as they are now, make no gate; None if they do
    has_news           other rules are in force, or there is another problem, since this was last set to False
    options_are_wrong  no change of a file can mend that
    """

    def __init__(self, settings: Settings, inherited: dict[bytes, bytes], problem: GateError | None = None) -> None:
        """With a problem, no gate can be built from these settings, whatever the files say."""
        self._settings = settings
        self._inherited = inherited
        self._sources: Sources = {}  # of the last build, also if it failed
        self._paths: tuple[str, ...] = ()
        self._signatures: list[tuple[int, int]] = []
        self._read_again: float | None = None  # when that is due although no file has changed
        self.options_are_wrong = problem is not None
        self.rules: RulesInForce | None = None
        self.problem = problem
        self.has_news = False
        self.reload()

    @property
    def name(self) -> str:
        """The name of the service, which is known even without a good gate."""
        return self._settings.name or (self._settings.command or [""])[0].rpartition("/")[2]

    @property
    def message_without_rules(self) -> bytes:
        """What clients are told that are refused because there are no rules."""
        try:
            return self._settings.deny_message
        except UsageError:
            return b""

    def current(self) -> RulesInForce | None:
        """The rules for the next client. Looks whether a file has changed (a stat(2) for each), and reads again."""
        if (self._read_again is not None and monotonic() >= self._read_again) or (
            self._paths and list(map(sign, self._paths)) != self._signatures
        ):
            self._read()
        return self.rules

    def reload(self) -> None:
        """Read everything again, for an administrator who asks for it."""
        rules = self.rules
        self._read()
        self.has_news |= self.rules is not rules

    def _read(self) -> None:
        if self.options_are_wrong:
            return
        start, begin, sources, problem = monotonic(), time_ns(), self._sources, str(self.problem)
        self._sources = {}
        self.problem = self._build()
        self.has_news |= str(self.problem) != problem or (self._sources != sources and not self.problem)
        # What changed while it was read differs from its signature, so that the next client has it read again.
        self._paths = tuple(path for path, signature in self._sources.items() if signature != UNSTEADY)
        self._signatures = [self._sources[path] for path in self._paths]
        self._plan(begin, monotonic() - start)

    def _build(self) -> GateError | None:
        """Put other rules in force. Returns the problem that keeps the rules from before in force, if there is one."""
        try:
            gate = Gate(self._settings, self._sources)
            if self.rules:
                gate.require_succession(self.rules.gate)
            if gate.lookups is not None:
                from ...resolve import load_everything

                load_everything()  # or each child would, which is a third of what it costs
            self.rules = RulesInForce(gate, self._inherited)
            return None
        except GateError as error:
            problem = error
        except MemoryError:
            problem = SystemFailure("unable to read the rules: there is not enough memory")
        except OSError as error:  # a module of ours cannot be read for want of a descriptor
            problem = SystemFailure(f"unable to read the rules: {error.strerror or error}")
        if self.rules:
            self.rules.forget_decisions()
        return problem

    def _plan(self, begin: int, seconds: float) -> None:
        """When the rules are to be read again although no file has changed.

        A file that was changed shortly before it was read may change again and keep its time. How soon that shows is
        a question of cost: at once for the grain of a clock, but not for every client for as long as a second.
        """
        later = max(RETRY_SECONDS, seconds / MOST_TIME)
        unsettled = [changed for changed, _ in self._signatures if is_unsettled(changed, begin)]
        if self.problem or any(is_unclear_for_long(changed) for changed in unsettled):
            self._read_again = monotonic() + later
        elif unsettled or UNSTEADY in self._sources.values():
            self._read_again = 0.0
        else:
            self._read_again = None


def is_unsettled(changed: int, begin: int) -> bool:
    """Whether a file with this time of its last change, read at `begin`, may have changed once more with that time."""
    grain = GRAIN_NS if changed % SECOND_NS else COARSE_GRAIN_NS
    return changed > begin - grain


def is_unclear_for_long(changed: int) -> bool:
    """Whether the time says little for longer than the grain of the clock: whole seconds, or a time to come."""
    return not changed % SECOND_NS or changed > time_ns()
