"""What may have become of a client, given which rules were in force and what went wrong while it was there."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from .plan import DENY, RELAY

SEEN_SECONDS = 1.0  # rules that were there for so long were seen: a client has come meanwhile
PATIENCE = 12.0  # seconds that a client waits for its first byte; no fault lasts as long


@dataclass(slots=True)
class Visit:
    """One client, and what it saw.

    began, told    when it connected, when its first byte (or the end) came
    ending         served, closed (the end without a byte), silent (nothing within PATIENCE), strange
    generation     of the rules that its server was told
    session        whole, cut or unknown: what became of it after the first byte
    faulted        this client's own gate was made to fail (one gate for each connection)
    """

    source: str
    began: float
    told: float = 0.0
    ending: str = "silent"
    generation: int = -1
    relays: bool = False
    session: str = "unknown"
    said: str = ""
    faulted: str = ""


@dataclass(frozen=True, slots=True)
class Era:
    """From when to when these rules were the ones on disk; the two may overlap by the time that a swap took.

    policy  what becomes of each source; None: no good rules
    closed  the time of day lets in no client
    """

    since: float
    until: float
    generation: int
    policy: dict[str, str] | None
    closed: bool = False

    def may_refuse(self, source: str) -> bool:
        return self.closed or self.policy is None or self.policy[source] == DENY


@dataclass(frozen=True, slots=True)
class Window:
    """While, and for what reason, more than the rules alone decides.

    stale     rules from before may be in force: the gate could not read new ones
    drops     clients may be closed without a server, for the reason that is documented
    """

    since: float
    until: float
    reason: str
    stale: bool = False
    drops: bool = False


@dataclass(slots=True)
class History:
    eras: list[Era] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)

    def windows_of(self, visit: Visit) -> list[Window]:
        return [window for window in self.windows if window.since <= visit.told and window.until >= visit.began]

    def possible(self, visit: Visit) -> list[Era]:
        """The rules that may have decided, oldest first."""
        since, until = visit.began, visit.told
        for window in reversed(sorted(self.windows, key=lambda window: window.until)):
            if window.stale and window.until >= since:
                since = min(since, window.since)
        found = [era for era in self.eras if era.since <= until and era.until >= since]
        # While there are no good rules, the last good ones stay that the gate has seen. Those that were there for a
        # moment before may not be among them.
        missing = next((at for at, era in enumerate(found) if era.policy is None), 0)
        if found and found[missing].policy is None and not any(map(was_seen, found[:missing])):
            closed = found[missing].closed
            for era in reversed([era for era in self.eras if era.since < found[0].since]):
                found.insert(0, replace(era, closed=closed))
                if was_seen(era):
                    break
        return found


def was_seen(era: Era) -> bool:
    return era.policy is not None and era.until - era.since > SEEN_SECONDS


def fault_of(visit: Visit, history: History) -> str:
    """What is wrong with what became of this client; "" if it is right."""
    if visit.ending == "strange":
        return f"it was told {visit.said!r}"
    if visit.ending == "silent":
        return f"it was neither served nor refused within {PATIENCE:.0f} s"
    possible = history.possible(visit)
    if visit.ending == "served":
        return fault_of_service(visit, possible)
    if any(era.may_refuse(visit.source) for era in possible):
        return ""
    if visit.faulted or any(window.drops for window in history.windows_of(visit)):
        return ""
    return f"it was refused, and may come in by generations {[era.generation for era in possible]}"


def fault_of_service(visit: Visit, possible: Sequence[Era]) -> str:
    policies = [era.policy for era in possible if era.generation == visit.generation and era.policy]
    if not policies:
        numbers = [era.generation for era in possible]
        return f"it was served by generation {visit.generation}; in force were {numbers}"
    if all(era.closed for era in possible):
        return f"it was served by generation {visit.generation}, and the time of day is a wrong one"
    said = {policy[visit.source] for policy in policies}
    if said == {DENY}:
        return f"it was served, and generation {visit.generation} refuses it"
    if (RELAY in said) != visit.relays:
        return f"generation {visit.generation} says {sorted(said)}, its server was told {visit.relays}"
    return f"its session was cut: {visit.said!r}" if visit.session == "cut" else ""


def judge(visits: Iterable[Visit], history: History) -> Iterator[tuple[Visit, str]]:
    for visit in visits:
        fault = fault_of(visit, history)
        if fault:
            yield visit, fault


def counts(visits: Iterable[Visit], history: History) -> Counter[str]:
    """How many were served, refused, and dropped for a reason that is documented."""
    found: Counter[str] = Counter()
    for visit in visits:
        if visit.ending != "closed":
            found[visit.ending] += 1
        elif any(era.closed or (era.policy and era.policy[visit.source] == DENY) for era in history.possible(visit)):
            found["refused"] += 1
        elif any(era.policy is None for era in history.possible(visit)):
            found["refused without rules"] += 1
        else:
            found["dropped"] += 1
    return found
