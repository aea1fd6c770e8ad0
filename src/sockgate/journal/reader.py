"""Reads the journal. The only module that imports systemd.journal.

What is read is selected by matches, which the journal has an index for: the cost grows with what they select and
not with the journal.
"""

import glob
import os
from collections.abc import Iterator, Sequence

from ..core.errors import SystemFailure

# FIELD=value, all of which must match; of one field any (sd_journal_add_match(3)).
Terms = Sequence[str]
Value = str | int | bytes | list[str | bytes]
Record = dict[str, Value]

# Everything is text, except what the reader itself adds.
CONVERTERS = {"__REALTIME_TIMESTAMP": int, "__MONOTONIC_TIMESTAMP": str, "__CURSOR": str}
FOLDERS = ("/var/log/journal", "/run/log/journal")


class Journal:
    """The records that match one of `selection`, from a time on; those of the system, or of the files in a folder."""

    def __init__(self, selection: Sequence[Terms], directory: str | None = None, since: int | None = None) -> None:
        """Raises SystemFailure."""
        try:
            from systemd.journal import LOCAL_ONLY, Reader
        except ImportError as error:
            raise SystemFailure(f"unable to read the journal: {error}", "install the package python3-systemd") from None
        check_readable(directory)
        try:
            # Not SYSTEM_ONLY: a server's user with a number above 999 has a journal of its own. What is selected, is so
            # by fields that nobody can forge.
            self._reader = Reader(path=directory) if directory else Reader(LOCAL_ONLY)
        except OSError as error:
            raise SystemFailure(f"unable to open the journal: {error.strerror}") from None
        self._reader.converters = CONVERTERS
        self.select(selection, since)

    def select(self, selection: Sequence[Terms], since: int | None = None) -> None:
        """Go on with these records: all, or those from this time on, in microseconds since 1970."""
        self._reader.flush_matches()
        for terms in selection:
            for term in terms:
                self._reader.add_match(term)
            self._reader.add_disjunction()
        if since is None:
            self._reader.seek_head()
        else:
            self._reader.seek_realtime(since)

    def seek_end(self) -> None:
        """Go on with what is going to be written."""
        self._reader.seek_tail()
        self._reader.get_previous()

    def records(self, until: int | None = None) -> Iterator[Record]:
        """What is there, oldest first."""
        while record := self._reader.get_next():
            if until is not None and record["__REALTIME_TIMESTAMP"] > until:
                return
            yield record

    def latest(self, count: int) -> list[Record]:
        """The last records that are selected, the newest first."""
        self._reader.seek_tail()
        found: list[Record] = []
        while len(found) < count and (record := self._reader.get_previous()):
            found.append(record)
        return found

    def values(self, field: str, until: int | None = None) -> Iterator[str]:
        """One field of each record, "" where it has none.

        systemd-python's own half-private calls: 2 µs a record, where the whole record takes 25.
        """
        while self._reader._next():
            if until is not None and self._reader._get_realtime() > until:
                return
            try:
                yield self._reader._get(field).decode("utf-8", "replace")
            except KeyError:
                yield ""

    def refresh(self) -> None:
        """Take notice of what was written since: `records` and `values` go on with it."""
        self._reader.process()

    def wait(self, seconds: float | None = None) -> None:
        """Until there is something new."""
        self._reader.wait(seconds)


def check_readable(directory: str | None) -> None:
    """Without the right to read it, the journal is not an error for the library but empty. Raises SystemFailure."""
    if directory is not None and not os.path.isdir(directory):
        raise SystemFailure(f"unable to open the journal: {directory!r} is not a directory")
    folders = [directory] if directory else list(FOLDERS)
    files = [
        file for folder in folders for file in glob.glob(f"{folder}/*.journal") + glob.glob(f"{folder}/*/*.journal")
    ]
    if files and not any(os.access(file, os.R_OK) for file in files):
        hint = "run it as root, or as a member of the group systemd-journal"
        raise SystemFailure("unable to read the journal: permission denied", hint)


def text(record: Record, field: str) -> str:
    """A field that should be one line of text, printable.

    A foreign sender may have set it twice, or to anything: every user of the machine can write records, with escapes
    for the administrator's terminal in them.
    """
    value = record.get(field, "")
    if isinstance(value, list):
        value = value[0]
    shown = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return shown if shown.isprintable() else "".join(c if c.isprintable() else "?" for c in shown)


def number(record: Record, field: str) -> int | None:
    value = text(record, field)
    return int(value) if value.isascii() and value.isdigit() else None


def time_of(record: Record) -> int:
    """When it was sent, in microseconds; the journal's own time is when it was taken in."""
    return number(record, "_SOURCE_REALTIME_TIMESTAMP") or number(record, "__REALTIME_TIMESTAMP") or 0
