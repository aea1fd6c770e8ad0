"""A log for a process that must not wait for the log's reader."""

import _socket
from collections import deque
from time import sleep

from ...connection.log import JOURNAL_SOCKET, STDERR, WARNING, Field, Log, journal_record
from ..descriptors import Stream

MOST_WAITING = 20_000  # records, about 10 MB: then the reader has been stuck for seconds
FLUSH_SECONDS, FLUSH_STEP = 0.5, 0.002


class Backlog:
    """Records that the reader has not taken yet. If there are too many, new ones are thrown away and counted.

    lost     how many; 0 once that is told, which is as soon as there is room for it
    entered  how many records have come so far; the first ones leave first
    """

    __slots__ = ("entered", "lost", "records")

    def __init__(self) -> None:
        self.records: deque[bytes] = deque()
        self.lost = self.entered = 0

    def add(self, record: bytes) -> None:
        if len(self.records) >= MOST_WAITING:
            self.lost += 1
        else:
            self.entered += 1
            self.records.append(record)

    def take_loss(self) -> int:
        """The number of records that were thrown away, if there is room for a record about it. Else 0."""
        if len(self.records) >= MOST_WAITING:
            return 0
        lost, self.lost = self.lost, 0
        return lost

    def clear(self) -> None:
        self.records.clear()
        self.lost = 0


class BufferedLog(Log):
    """Collects records. It keeps them while the journal, or the reader of standard error, takes no more.

    Each record goes to the journal in its own datagram. One datagram can hold several records with empty lines between
    them, at less than half the cost. journald of systemd 252 takes all of them, but that of 257 only the first.
    """

    __slots__ = ("_connected", "_lines", "_stderr", "_waiting")

    def __init__(self, program: str, service: str, journal_stream: bytes) -> None:
        super().__init__(program, service, journal_stream)
        self._waiting = Backlog()  # for the journal
        self._lines = Backlog()  # for standard error; a part of the first may already be written
        self._stderr = Stream(STDERR)
        self._connected = False
        if self._journal is not None:
            self._journal.setblocking(False)

    @property
    def is_journal(self) -> bool:
        return self._journal is not None

    @property
    def waiting(self) -> int:
        """How many records have not been taken yet."""
        return len(self._waiting.records) + len(self._lines.records)

    @property
    def entered(self) -> int:
        """How many records have come so far that had to wait, if only for send()."""
        return self._waiting.entered + self._lines.entered

    @property
    def taken(self) -> int:
        """How many of them have been taken."""
        return self.entered - self.waiting

    def send(self) -> None:
        """Send the waiting records, as far as they are taken now."""
        if self._lines.records:
            self._send_lines()
        if self._waiting.records:
            self._send_records()

    def send_all(self) -> None:
        """Send the waiting records. Wait for a moment, at most FLUSH_SECONDS, until all of them have been taken."""
        self.send()
        for _ in range(int(FLUSH_SECONDS / FLUSH_STEP)):
            if not self.waiting:
                return
            sleep(FLUSH_STEP)
            self.send()

    def flush(self) -> None:
        """The same before an exit."""
        self.send_all()
        super().flush()

    def forget(self) -> None:
        """Called in a child: its parent sends the waiting records."""
        self._waiting.clear()
        self._lines.clear()

    def add(self, record: bytes) -> None:
        """Add one record in the journal's own form."""
        if self._waiting.lost:
            self._tell_lost_records()
        self._waiting.add(record)

    def write_line(self, text: str) -> None:
        """Write one line to standard error, at once or after the lines that wait."""
        line = text.encode() + b"\n"
        if not self._lines.records:
            line = self._stderr.write(line)
        if line:
            if self._lines.lost:
                self._tell_lost_lines()
            self._lines.add(line)

    def _tell_lost_lines(self) -> None:
        lost = self._lines.take_loss()
        if lost:
            message = f"{self.program}: {self.service}: {lost} lines were lost: standard error took no more\n"
            self._lines.add(message.encode())

    def _tell_lost_records(self) -> None:
        lost = self._waiting.take_loss()
        if lost:
            message = f"{self.service}: {lost} records were lost: the journal took no more"
            self._waiting.add(journal_record(self.program, self.service, WARNING, "", message, ()))

    def _send_lines(self) -> None:
        records = self._lines.records
        while records:
            rest = self._stderr.write(records[0])
            if rest:
                records[0] = rest
                return
            records.popleft()
            if self._lines.lost:
                self._tell_lost_lines()

    def _send_records(self) -> None:
        records, journal = self._waiting.records, self._journal
        while records and journal is not None:
            was_connected = self._connected
            try:
                if not was_connected:  # without a connection, the kernel would look up the path each time
                    journal.connect(JOURNAL_SOCKET)
                    self._connected = True
                journal.send(records[0], _socket.MSG_NOSIGNAL)
                records.popleft()
                if self._waiting.lost:
                    self._tell_lost_records()
            except BlockingIOError:  # the queue of the journal is full
                return
            except OSError:  # journald may have a new socket by now
                self._connected = False
                if not was_connected:
                    return

    def _send(self, priority: int, message_id: str, message: str, fields: tuple[Field, ...]) -> None:
        self.add(journal_record(self.program, self.service, priority, message_id, message, fields))
