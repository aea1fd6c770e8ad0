"""The rules in force. They are read again when a file behind them has changed, and on reload."""

import mmap
from time import monotonic, time_ns
from typing import TYPE_CHECKING

from ...connection import Gate
from ...core import GateError, SystemFailure, UsageError, Verdict
from ...core.options import Settings
from ...core.peer import Peer
from ...core.rule_files import UNSTEADY, Signature, Sources, sign
from ..errors import without_trace
from .decision import Decision, Memory
from .known_names import KnownNames

if TYPE_CHECKING:
    from ...core.peer import Ends

RETRY_SECONDS = 1.0  # between two attempts while the rules cannot be read, or while the time of a file is unclear
MOST_TIME = 0.1  # the share of time that such attempts can take
GRAIN_NS = 20_000_000  # two changes of a file within this time can leave the same time of change
COARSE_GRAIN_NS = 2_000_000_000  # the same for a file system that keeps whole seconds, or only even ones (FAT)
SECOND_NS = 1_000_000_000


class RulesInForce:
    """A gate that was built completely, and its decisions so far.

    names             names of clients that were looked up while these rules are in force
    arguments         the words of the command with which its server is started
    stderr_is_client  whether the server's standard error is the client
    """

    def __init__(self, gate: Gate, inherited: dict[bytes, bytes]) -> None:
        self.gate = gate
        self.names = KnownNames()
        self.arguments = tuple(gate.server.arguments())
        self.stderr_is_client = gate.server.stderr == "socket"
        self._base = gate.base_environment(inherited)
        self._memory = Memory() if gate.is_lasting else None

    def remembered(self, ends: "Ends") -> Decision | None:
        """The decision about an earlier connection between the same addresses, if it holds for this one. Else None."""
        return self._memory.find(ends) if self._memory else None

    def decision(self, ends: "Ends", peer: Peer, verdict: Verdict) -> Decision:
        """The decision with this verdict about a client. It is remembered if it holds for other connections."""
        decision = Decision(self.gate, self._base, peer, verdict)
        if self._memory:
            self._memory.keep(ends, decision)
        return decision

    def single_decision(self, peer: Peer, verdict: Verdict) -> Decision:
        """The decision with this verdict for this client alone."""
        return Decision(self.gate, self._base, peer, verdict)

    def forget_decisions(self) -> None:
        """Forget all decisions, because a file has changed. Each check then finds out itself whether it still holds."""
        if self._memory:
            self._memory = Memory()


class ReloadingGate:
    """Keeps the rules in force. If new rules cannot be read completely, the old ones stay in force.

    rules              the rules in force; None if there never were good rules: then each client is refused
    problem            why the options and files make no gate as they are now; None if they do
    has_news           whether the rules or the problem have changed since this was last set to False
    options_are_wrong  whether the options themselves are wrong, so that no change of a file can mend them
    reserve            how much memory new rules must leave free, in bytes; 0 if this process has no lasting limit
    """

    def __init__(self, settings: Settings, inherited: dict[bytes, bytes], problem: GateError | None = None) -> None:
        """With `problem`, no gate can be built from these settings, also if the files change."""
        self._settings = settings
        self._inherited = inherited
        self._sources: Sources = {}  # the record of the last build, also of one that failed
        self._paths: tuple[str, ...] = ()
        self._signatures: list[Signature] = []
        self._read_again: float | None = None  # when to read again although no file has changed
        self.options_are_wrong = problem is not None
        self.reserve = 0
        self.rules: RulesInForce | None = None
        self.problem = problem
        self.has_news = False
        self.reload()

    @property
    def name(self) -> str:
        """The name of the service. It is known even without a good gate."""
        return self._settings.name or (self._settings.command or [""])[0].rpartition("/")[2]

    @property
    def message_without_rules(self) -> bytes:
        """The message for clients that are refused because there are no rules."""
        try:
            return self._settings.deny_message
        except UsageError:
            return b""

    def current(self) -> RulesInForce | None:
        """The rules for the next client. If a file has changed (one stat(2) for each), this reads them again."""
        if (self._read_again is not None and monotonic() >= self._read_again) or (
            self._paths and list(map(sign, self._paths)) != self._signatures
        ):
            self._read()
        return self.rules

    def reload(self) -> None:
        """Read everything again, for an administrator who asks for it, and so means the files as they are now."""
        rules = self.rules
        self._read(as_meant=True)
        self.has_news |= self.rules is not rules

    def _read(self, *, as_meant: bool = False) -> None:
        if self.options_are_wrong:
            return
        start, begin, sources, problem = monotonic(), time_ns(), self._sources, str(self.problem)
        self._sources = {}
        self.problem = self._build(as_meant=as_meant)
        self.has_news |= str(self.problem) != problem or (self._sources != sources and not self.problem)
        # A file that changed while it was read differs from its signature. So it is read again for the next client.
        self._paths = tuple(path for path, signature in self._sources.items() if signature != UNSTEADY)
        self._signatures = [self._sources[path] for path in self._paths]
        self._plan(begin, monotonic() - start)

    def _build(self, *, as_meant: bool) -> GateError | None:
        """Build a gate and put its rules in force. If that fails, return the problem: the old rules stay in force.

        as_meant  also rules that look as if a part of the file were missing
        """
        reserve = None
        try:
            reserve = mmap.mmap(-1, self.reserve, mmap.MAP_PRIVATE) if self.reserve else None
            gate = Gate(self._settings, self._sources)
            if self.rules and not as_meant:
                gate.require_succession(self.rules.gate)
            if gate.lookups is not None:
                from ...resolve import load_everything

                load_everything()  # else each child would do it, at a third of its cost
            self.rules = RulesInForce(gate, self._inherited)
            return None
        except GateError as error:
            problem = without_trace(error)  # its frames have all that was read
        except MemoryError:
            if reserve is not None:
                reserve.close()  # until its end, this exception keeps all that was read
            problem = SystemFailure("unable to read the rules: there is not enough memory")
        except OSError as error:  # no descriptor was left to read a module of ours
            problem = SystemFailure(f"unable to read the rules: {error.strerror or error}")
        finally:
            if reserve is not None:
                reserve.close()
        if self.rules:
            self.rules.forget_decisions()
        return problem

    def _plan(self, begin: int, seconds: float) -> None:
        """Plan when to read the rules again although no file has changed.

        A file that was changed shortly before it was read can change again and keep its time. Within the grain of the
        clock, the rules are read again for each client. For a longer time that would cost too much.
        """
        later = max(RETRY_SECONDS, seconds / MOST_TIME)
        unsettled = [changed for changed, *_ in self._signatures if is_unsettled(changed, begin)]
        if self.problem or any(is_unclear_for_long(changed) for changed in unsettled):
            self._read_again = monotonic() + later
        elif unsettled or UNSTEADY in self._sources.values():
            self._read_again = 0.0
        else:
            self._read_again = None


def is_unsettled(changed: int, begin: int) -> bool:
    """Whether a file with this time of change, read at `begin`, can have changed again without a new time."""
    grain = GRAIN_NS if changed % SECOND_NS else COARSE_GRAIN_NS
    return changed > begin - grain


def is_unclear_for_long(changed: int) -> bool:
    """Whether the time stays unclear for longer than the grain of the clock: whole seconds, or a time in the future."""
    return not changed % SECOND_NS or changed > time_ns()
