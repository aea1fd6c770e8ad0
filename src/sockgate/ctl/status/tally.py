"""The number of clients that a service has let in and refused, counted in the journal."""

from collections import Counter
from collections.abc import Iterator

from ...connection.log import ACCEPTED, FAILED, REFUSED, SUMMED
from ...core import DENY
from ...journal.connection import ERROR, LEFT, Connection, count_in, from_record
from ...journal.history import unit_terms
from ...journal.reader import Journal, Record, text, time_of
from ...journal.senders import SENDER_FIELDS, GateUnit, Origins, Senders

LAST = 5
MOST_LOOKED_AT = 1000  # for the last refusals: records of other senders may stand between them
MOST_RULES = 100  # the counts by rule must not grow without end: all further rules are counted together
OTHERS = "others"
UNKNOWN = "unknown"


class Tally:
    """The counts since a point in time. `update` counts the records since its last call, in 10 µs each.

    refused  by cause: the name of an option, or a rules file with its line
    """

    def __init__(self, service: GateUnit, senders: Senders, since: int | None, directory: str | None = None) -> None:
        """Raises SystemFailure."""
        self._directory = directory
        self._origins = Origins(senders, directory, (service,))
        self.accepted = 0
        self.failed = 0
        self.refused: Counter[str] = Counter()
        self._terms = list(unit_terms((service,)))
        self._since = since
        kinds = (ACCEPTED, REFUSED, FAILED, SUMMED)
        self._accepted, self._refused, self._failed, self._summed = map(self._journal, kinds)

    def _journal(self, *kinds: str) -> Journal:
        ids = [f"MESSAGE_ID={kind}" for kind in kinds]
        return Journal([[*ids, *terms] for terms in self._terms], self._directory, self._since)

    def update(self) -> None:
        self.accepted += sum(1 for _ in self._new(self._accepted))
        self.failed += sum(1 for _ in self._new(self._failed))
        for record in self._new(self._refused):
            self._add_refusals(record, 1)
        for record in self._new(self._summed, "MESSAGE_ID", "SOCKGATE_COUNT", "SOCKGATE_VERDICT"):
            verdict, count = text(record, "SOCKGATE_VERDICT"), count_in(record)
            if verdict == DENY:
                self._add_refusals(record, count)
            elif verdict == ERROR:
                self.failed += count

    def _add_refusals(self, record: Record, count: int) -> None:
        rule = rule_name(text(record, "SOCKGATE_RULE"))
        known = rule in self.refused or len(self.refused) < MOST_RULES
        self.refused[rule if known else OTHERS] += count

    def _new(self, journal: Journal, *fields: str) -> Iterator[Record]:
        """The records that a gate of this service has written since the last call."""
        journal.refresh()
        for record in journal.some_fields("SOCKGATE_RULE", *SENDER_FIELDS, *fields):
            if self._origins.unit_of(record):
                yield record

    def last_refusals(self) -> list[Connection]:
        """The last refusals, failures included, the newest first."""
        found: list[Connection] = []
        for looked_at, record in enumerate(self._journal(REFUSED, FAILED, SUMMED).latest()):
            # By the time of the record: what it says of the connection may be forged, or begin earlier (a sum).
            if time_of(record) < (self._since or 0) or len(found) == LAST or looked_at == MOST_LOOKED_AT:
                break
            unit = self._origins.unit_of(record)
            connection = from_record(record, unit) if unit else None
            if connection and connection.verdict != LEFT:
                found.append(connection)
        return found


def rule_name(rule: str) -> str:
    """The option of `--allow 192.0.2.1`; a rules file with its line, `/etc/my rules:3`, as it is."""
    return (rule.partition(" ")[0] if rule.startswith("--") else rule) or UNKNOWN
