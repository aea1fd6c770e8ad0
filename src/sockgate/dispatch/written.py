"""Which records are written, so that the next gate need not write them: noted in the table of sessions."""

from collections import deque
from typing import NamedTuple

from .records.records import Records
from .session_table import SessionTable


class Mark(NamedTuple):
    """What is written when so many records have been taken.

    until  the starts of sessions that began earlier, by time.monotonic()
    ended  the ends of sessions in these rows
    """

    entered: int
    until: float
    ended: list[int]


class WrittenRecords:
    def __init__(self, table: SessionTable, records: Records) -> None:
        self._table = table
        self._records = records
        self._marks: deque[Mark] = deque()
        self._is_gate = True

    def note(self) -> None:
        """Note in the table what is written by now."""
        records, marks = self._records, self._marks
        ended = self._table.take_ended()
        if ended or not marks or marks[-1].entered != records.entered:
            marks.append(Mark(records.entered, records.written_until, ended))
        taken, latest = records.taken, None
        while marks and marks[0].entered <= taken:
            latest = marks.popleft()
            self._table.forget(latest.ended)
        if latest and self._is_gate:
            self._table.written_until = latest.until

    def forget(self) -> None:
        """Called in the guardian: the gate after this one notes the starts."""
        self._marks.clear()
        self._is_gate = False
