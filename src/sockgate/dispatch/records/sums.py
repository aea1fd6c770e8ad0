"""Sums: one record for many refusals of one source, so that a flood leaves the log readable.

The first refusals of a source for one cause have a record each. Further ones are counted. Their sum is written after
ten seconds, then after twice as long each time, at last every half an hour. It is also written when the source is
quiet, and when the gate reloads or ends.

An attacker can have any number of sources. So only so many have a sum of their own at a time. The refusals of all
others are counted in one sum for each cause, without a record of their own. So memory and the log are bounded, and
nothing is lost from the counts. Only a gate that is killed loses what it has not written.
"""

from itertools import islice
from time import monotonic, time_ns
from typing import TYPE_CHECKING

from ...connection.log import DEBUG, ERROR, NOTICE, SUMMED, Field, Log, peer_fields, urgency
from ...core import DENY, GateError, Verdict
from ...core.peer import Peer
from ..deciding.decision import PORT_FIELD
from ..errors import without_trace
from ..source_rates import Blocked
from ..sources import Network, network_of, source_of

if TYPE_CHECKING:
    from ...connection.log_choice import LogChoice

FULL = 10  # records of one source and cause; fail2ban's jail needs five
LOOK_SECONDS = 10.0  # from one look at a sum to the next
QUIET_LOOKS = 6  # after so many looks without another refusal, the next refusals are written in full again
MOST_LOOKS = 180  # from one record of a sum to the next
MOST_SOURCES = 1024  # with a sum of their own, about 1 kB each
MOST_SUMS = 2 * MOST_SOURCES  # with those for all other sources; there are more only with more than 1,024 causes
AT_ONCE = 64  # sums are looked at in a row: no client waits for more than a millisecond
NANOSECONDS, NANOSECONDS_OF_FIELDS = 1e9, 1000

# Why a client is refused: the gate decided so, or something is wrong on this side. None: it has gone before.
Why = Verdict | GateError | None
OTHERS = -1, 0  # all sources without a sum of their own; no address has such a length
Key = tuple[Network | None, str]


class Sum:
    """The refusals of one source for one cause, or of all sources without a sum of their own.

    peer, why    the latest of them, and why it was refused
    in_full      how many have a record of their own
    is_of_many   whether they are of many sources
    count        how many have none yet
    first, last  when the first and the last of these came, in nanoseconds since 1970
    is_new       whether one has come since the last look
    quiet        looks since the last one came
    age, wait    looks since the last record, and looks between two records
    """

    __slots__ = ("age", "count", "first", "in_full", "is_new", "is_of_many", "last", "peer", "quiet", "wait", "why")

    def __init__(self, *, is_of_many: bool) -> None:
        self.peer: Peer | None = None
        self.why: Why = None
        self.in_full = 0
        self.is_of_many = is_of_many
        self.is_new = True
        self.count = self.first = self.last = 0
        self.quiet = self.age = 0
        self.wait = 1

    def takes_record(self, why: Why) -> bool:
        """Whether the next refusal has a record of its own: of a block the first, else the first few of the source."""
        if self.is_of_many:
            return False
        return why.is_first if isinstance(why, Blocked) else self.in_full < FULL

    def add(self, peer: Peer | None, why: Why) -> None:
        self.peer = peer
        self.why = without_trace(why) if isinstance(why, GateError) else why
        self.last = time_ns()
        if not self.count:
            self.first = self.last
        self.count += 1

    def look(self) -> None:
        self.age += 1
        self.quiet = 0 if self.is_new else self.quiet + 1
        self.is_new = False

    @property
    def is_over(self) -> bool:
        return self.quiet >= QUIET_LOOKS

    @property
    def is_due(self) -> bool:
        return self.count > 0 and (self.is_over or self.age >= self.wait)

    def restart(self) -> None:
        """Begin to count again after a record."""
        self.count = self.age = 0
        self.wait = min(2 * self.wait, MOST_LOOKS)


class Sums:
    """The sums of all sources, the one that was looked at or begun the longest time ago first."""

    def __init__(self, log: Log, prefix: tuple[int, int]) -> None:
        """`prefix` says what one source is."""
        self._log = log
        self._prefix = prefix
        self._sums: dict[Key, Sum] = {}
        self._next_look = 0.0

    def count(self, peer: Peer | None, why: Why) -> bool:
        """Count this refusal. Returns whether that is all. If not, it needs a record of its own."""
        key = network_of(peer, self._prefix) if peer else None, name_of(why)
        found = self._sums.get(key) or self._begin(key)
        found.is_new = True
        if found.takes_record(why):
            found.in_full += 1
            return False
        found.add(peer, why)
        return True

    def write_due(self) -> float | None:
        """Write the sums that are due, and forget those that are over.

        Returns the seconds until this must be called again, None if it need not.
        """
        now = monotonic()
        if now >= self._next_look:
            for key in list(islice(self._sums, AT_ONCE)):
                self._look_at(key, self._sums.pop(key))
            self._next_look = now + LOOK_SECONDS * min(1.0, AT_ONCE / max(1, len(self._sums)))
        return self._next_look - now if self._sums else None

    def write_all(self) -> None:
        for each in self._sums.values():
            self._write(each)

    def forget(self) -> None:
        self._sums.clear()

    def _begin(self, key: Key) -> Sum:
        if not self._sums:
            self._next_look = monotonic() + LOOK_SECONDS
        elif len(self._sums) >= MOST_SOURCES and key[0] is not None:
            return self._of_many((OTHERS, key[1]))
        begun = self._sums[key] = Sum(is_of_many=False)
        return begun

    def _of_many(self, key: Key) -> Sum:
        """The sum for all sources that have none of their own."""
        if key not in self._sums:
            if len(self._sums) >= MOST_SUMS:
                self._write(self._sums.pop(next(iter(self._sums))))
            self._sums[key] = Sum(is_of_many=True)
        return self._sums[key]

    def _look_at(self, key: Key, each: Sum) -> None:
        each.look()
        if each.is_due:
            self._write(each)
        if not each.is_over:
            self._sums[key] = each

    def _write(self, each: Sum) -> None:
        if not each.count:
            return
        peer, why = each.peer, each.why
        if self._log.choice and peer and why:
            why, peer = shown_reason(self._log.choice, why, peer), self._log.choice.shown(peer)
        if each.is_of_many:
            peer = None
        self._log.record(
            priority_of(why), SUMMED, self._message(each, peer, why), *fields_of(why), ("SOCKGATE_COUNT", each.count),
            ("SOCKGATE_FIRST", each.first // NANOSECONDS_OF_FIELDS),
            ("SOCKGATE_LAST", each.last // NANOSECONDS_OF_FIELDS), *self._fields_of(peer),
        )  # fmt: skip
        each.restart()

    def _message(self, each: Sum, peer: Peer | None, why: Why) -> str:
        seconds = f"within {max(0, each.last - each.first) / NANOSECONDS:.1f} s"
        if not why:
            return f"{each.count} more clients have gone before they were identified, {seconds}"
        if not peer:
            clients = "1 more client" if each.count == 1 else f"{each.count} more clients"
            of_many = " of other sources" if each.is_of_many else ""
            return f"refused {clients}{of_many} {seconds}: {reason_of(why)}"
        address = peer.remote_ip or peer.source
        source = source_of(peer, self._prefix)
        client = address if source == address else f"{address} ({source})"
        times = "1 more time" if each.count == 1 else f"{each.count} more times"
        return f"refused {client} {times} on {peer.destination} {seconds}: {reason_of(why)}"

    def _fields_of(self, peer: Peer | None) -> list[Field]:
        if not peer:
            return []
        fields = [field for field in peer_fields(peer) if field[0] != PORT_FIELD]
        return [*fields, ("SOCKGATE_SOURCE", source_of(peer, self._prefix) if peer.remote_ip else None)]


def name_of(why: Why) -> str:
    """By this name, refusals of a source are summed. The text of an error can have too many forms."""
    return str(why.cause) if isinstance(why, Verdict) else "error" if why else "gone"


def priority_of(why: Why) -> int:
    if isinstance(why, Verdict):
        return urgency(why, NOTICE)[0]
    return ERROR if why else DEBUG


def reason_of(why: Why) -> str:
    return why.reason if isinstance(why, Verdict) else str(why or "")


def shown_reason(choice: "LogChoice", why: Verdict | GateError, peer: Peer) -> Verdict | GateError:
    """Why a client is refused, as records show it."""
    if isinstance(why, Verdict):
        return choice.verdict(why, peer)
    return type(why)(choice.text(str(why), peer))


def fields_of(why: Why) -> list[Field]:
    fields: list[Field] = [("SOCKGATE_REASON", reason_of(why))]
    if isinstance(why, Verdict):
        facility = urgency(why, NOTICE)[1]
        return [("SOCKGATE_VERDICT", DENY), *fields, ("SOCKGATE_RULE", why.cause), ("SYSLOG_FACILITY", facility)]
    if why:
        return [("SOCKGATE_VERDICT", "error"), *fields, ("SOCKGATE_STATUS", why.code)]
    return [("SOCKGATE_VERDICT", "gone")]
