"""The log of a process that must not wait for it."""

import _socket
from collections import deque
from time import sleep

from ...connection.log import JOURNAL_SOCKET, STDERR, Field, Log, journal_record
from ..nonblocking import Stream

WARNING = 4  # syslog(3)
MOST_WAITING = 20_000  # records, some 10 MB: by then their reader has been stuck for seconds
FLUSH_SECONDS, FLUSH_STEP = 0.5, 0.002


class Backlog:
    """Records that nothing has taken yet. Of too many, the last are thrown away and counted."""

    def __init__(self) -> None:
        self.records: deque[bytes] = deque()
        self._lost = 0

    def __bool__(self) -> bool:
        return bool(self.records or self._lost)

    def add(self, record: bytes) -> None:
        if len(self.records) >= MOST_WAITING:
            self._lost += 1
        else:
            self.records.append(record)

    def take_loss(self) -> int:
        """How many were thrown away, once there is room to say so; else 0."""
        if not self._lost or len(self.records) >= MOST_WAITING:
            return 0
        lost, self._lost = self._lost, 0
        return lost

    def clear(self) -> None:
        self.records.clear()
        self._lost = 0


class BufferedLog(Log):
    """Collects records, and keeps them while the journal, or the reader of standard error, takes no more.

    In the journal each goes in a datagram of its own. Of several in one, with an empty line between them, journald of
    systemd 252 takes all, for less than half the cost, but that of 257 only the first.
    """

    __slots__ = ("_connected", "_lines", "_stderr", "_waiting")

    def __init__(self, program: str, service: str, journal_stream: bytes) -> None:
        super().__init__(program, service, journal_stream)
        self._waiting = Backlog()  # for the journal
        self._lines = Backlog()  # for standard error; the first may have been written in part
        self._stderr = Stream(STDERR)
        self._connected = False
        if self._journal is not None:
            self._journal.setblocking(False)

    @property
    def is_journal(self) -> bool:
        return self._journal is not None

    @property
    def waiting(self) -> bool:
        return bool(self._waiting or self._lines)

    def send(self) -> None:
        """Send what is waiting, as far as it is taken now."""
        if self._lines:
            self._send_lines()
        if self._waiting:
            self._send_records()

    def flush(self) -> None:
        """Before an exit: wait for a moment until everything has been taken."""
        for _ in range(int(FLUSH_SECONDS / FLUSH_STEP)):
            if not self._lines:
                break
            self._send_lines()
            sleep(FLUSH_STEP)
        super().flush()

    def forget(self) -> None:
        """In a child: what is waiting is for its parent to send."""
        self._waiting.clear()
        self._lines.clear()

    def add(self, record: bytes) -> None:
        """One in the journal's own form."""
        self._tell_lost_records()
        self._waiting.add(record)

    def write_line(self, text: str) -> None:
        """One line on standard error: at once, or after those that wait."""
        line = text.encode() + b"\n"
        if not self._lines:
            line = self._stderr.write(line)
        if line:
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
            self._tell_lost_lines()

    def _send_records(self) -> None:
        records, journal = self._waiting.records, self._journal
        while records and journal is not None:
            was_connected = self._connected
            try:
                if not was_connected:  # or the kernel would look for the path each time
                    journal.connect(JOURNAL_SOCKET)
                    self._connected = True
                journal.send(records[0], _socket.MSG_NOSIGNAL)
                records.popleft()
                self._tell_lost_records()
            except BlockingIOError:  # its queue is full
                return
            except OSError:  # it may have another socket by now
                self._connected = False
                if not was_connected:
                    return

    def _send(self, priority: int, message_id: str, message: str, fields: tuple[Field, ...]) -> None:
        self.add(journal_record(self.program, self.service, priority, message_id, message, fields))
