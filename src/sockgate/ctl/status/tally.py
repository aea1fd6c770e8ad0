"""The number of clients that a service has let in and refused, counted in the journal."""

from collections import Counter

from ...connection.log import ACCEPTED, FAILED, REFUSED
from ...journal.connection import Connection, from_record
from ...journal.history import unit_terms
from ...journal.reader import Journal

LAST = 5


class Tally:
    """The counts since a point in time. `update` counts the records since its last call, in 2 µs each.

    refused  by cause: the name of an option, or a rules file with its line
    """

    def __init__(self, service: str, since: int | None, directory: str | None = None) -> None:
        """Raises SystemFailure."""
        self._directory = directory
        self.accepted = 0
        self.failed = 0
        self.refused: Counter[str] = Counter()
        self._terms = list(unit_terms((service,)))
        self._since = since
        self._accepted, self._refused, self._failed = (self._journal(kind) for kind in (ACCEPTED, REFUSED, FAILED))

    def _journal(self, *kinds: str) -> Journal:
        ids = [f"MESSAGE_ID={kind}" for kind in kinds]
        return Journal([[*ids, *terms] for terms in self._terms], self._directory, self._since)

    def update(self) -> None:
        for journal in (self._accepted, self._refused, self._failed):
            journal.refresh()
        self.accepted += sum(1 for _ in self._accepted.values("PRIORITY"))
        self.failed += sum(1 for _ in self._failed.values("PRIORITY"))
        self.refused.update(rule.partition(" ")[0] or "unknown" for rule in self._refused.values("SOCKGATE_RULE"))

    def last_refusals(self) -> list[Connection]:
        """The last refusals and failures, the newest first."""
        latest = self._journal(REFUSED, FAILED).latest(LAST)
        return [connection for record in latest if (connection := from_record(record)).start >= (self._since or 0)]
