"""A reader of the journal. Only this module imports systemd.journal.

Matches select the records, and the journal has an index for matches. So the cost grows with the number of selected
records, not with the size of the journal.
"""

import contextlib
import glob
import os
from collections.abc import Iterator, Sequence

from ..core import SystemFailure
from ..core.numbers import natural

# FIELD=value terms. All fields must match; of several terms with the same field one is enough
# (sd_journal_add_match(3)).
Terms = Sequence[str]
Value = str | int | bytes | list[str | bytes]
Record = dict[str, Value]

# All fields are text, except those that the reader itself adds.
CONVERTERS = {"__REALTIME_TIMESTAMP": int, "__MONOTONIC_TIMESTAMP": str, "__CURSOR": str}
LONGEST_TEXT = 2000  # twice what a gate writes
MOST_DIGITS = 20  # of a number of 64 bits
FOLDERS = ("/var/log/journal", "/run/log/journal")


class Journal:
    """The records that match one item of `selection`, from a time on, in the journal or in the files of a folder."""

    def __init__(self, selection: Sequence[Terms], directory: str | None = None, since: int | None = None) -> None:
        """Raises SystemFailure."""
        try:
            from systemd.journal import LOCAL_ONLY, Reader
        except ImportError as error:
            raise SystemFailure(f"unable to read the journal: {error}", "install the package python3-systemd") from None
        check_readable(directory)
        try:
            # Not SYSTEM_ONLY: a server's user with a number above 999 has a journal of its own. The selection uses
            # fields that no user can forge.
            self._reader = Reader(path=directory) if directory else Reader(LOCAL_ONLY)
        except OSError as error:
            raise SystemFailure(f"unable to open the journal: {error.strerror}") from None
        self._reader.converters = CONVERTERS
        self.select(selection, since)

    def select(self, selection: Sequence[Terms], since: int | None = None) -> None:
        """Go on with these records: all, or only from this time on (microseconds since 1970)."""
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
        """Go on with records that are written from now on."""
        self._reader.seek_tail()
        self._reader.get_previous()

    def records(self, until: int | None = None) -> Iterator[Record]:
        """The selected records, the oldest first."""
        while record := self._reader.get_next():
            if until is not None and record["__REALTIME_TIMESTAMP"] > until:
                return
            yield record

    def latest(self) -> Iterator[Record]:
        """The selected records, the newest first."""
        self._reader.seek_tail()
        while record := self._reader.get_previous():
            yield record

    def some_fields(self, *names: str) -> Iterator[Record]:
        """The selected records, the oldest first, with these fields alone.

        This uses half-private calls of systemd-python, which take 2 µs for a field. The whole record takes 25 µs.
        """
        while self._reader._next():
            record: Record = {}
            for name in names:
                with contextlib.suppress(KeyError):
                    record[name] = self._reader._get(name)
            yield record

    def refresh(self) -> None:
        """Notice new records. `records` and `some_fields` go on with them."""
        self._reader.process()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until there are new records."""
        self._reader.wait(seconds)


def check_readable(directory: str | None) -> None:
    """Raise SystemFailure if the journal cannot be read. The library would show it as empty, without an error."""
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
    """A field as one line of printable text.

    Every user of the machine can write records. Such a record can have the field twice, or with escape sequences for
    the administrator's terminal.
    """
    value = record.get(field, "")
    if isinstance(value, list):
        value = value[0]
    shown = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return printable(shown[:LONGEST_TEXT])


def printable(shown: str) -> str:
    """The text without the characters that would do something to a terminal."""
    return shown if shown.isprintable() else "".join(c if c.isprintable() else "?" for c in shown)


def number(record: Record, field: str) -> int | None:
    return natural(text(record, field), MOST_DIGITS)


def time_of(record: Record) -> int:
    """When the record was sent, in microseconds. (The journal's own time is when journald received it.)"""
    return number(record, "_SOURCE_REALTIME_TIMESTAMP") or number(record, "__REALTIME_TIMESTAMP") or 0
