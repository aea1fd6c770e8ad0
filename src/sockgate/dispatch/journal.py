"""The log of a process that must not wait for it."""

import _socket
from collections import deque
from threading import Lock

from ..core.log import JOURNAL_SOCKET, Field, Log, journal_record

WARNING = 4  # syslog(3)
MOST_WAITING = 20_000  # records, some 10 MB: by then journald has been stuck for seconds


class PatientLog(Log):
    """Collects records, and keeps them while the journal takes no more. Every thread may add records and send them.

    Each goes in a datagram of its own. Of several in one, with an empty line between them, journald of systemd 252
    takes all, for less than half the cost, but that of 257 only the first.

    Of too many, the last are thrown away, and their number is recorded in their place.
    """

    __slots__ = ("_lost", "_sending", "_waiting")

    def __init__(self, program: str, service: str, journal_stream: bytes) -> None:
        super().__init__(program, service, journal_stream)
        self._waiting: deque[bytes] = deque()
        self._lost = 0
        self._sending = Lock()  # or two threads would send two records in either order
        if self._journal is not None:
            self._journal.setblocking(False)

    @property
    def is_journal(self) -> bool:
        return self._journal is not None

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def send(self) -> None:
        """Send what is waiting, as far as the journal takes it now."""
        with self._sending:
            self._send_waiting()

    def _send_waiting(self) -> None:
        while (record := self._take()) is not None:
            try:
                assert self._journal is not None
                self._journal.sendto(record, _socket.MSG_NOSIGNAL, JOURNAL_SOCKET)
            except OSError:  # its queue is full, or it is just being restarted
                self._waiting.appendleft(record)
                return

    def forget(self) -> None:
        """In a child: what is waiting is for its parent to send, and who was sending it is not here."""
        self._sending = Lock()
        self._waiting.clear()

    def add(self, record: bytes) -> None:
        """One in the journal's own form."""
        if len(self._waiting) >= MOST_WAITING:
            self._lost += 1
            return
        if self._lost:
            message = f"{self.service}: {self._lost} records were lost: the journal took no more"
            self._waiting.append(journal_record(self.program, self.service, WARNING, "", message, ()))
            self._lost = 0
        self._waiting.append(record)

    def _send(self, priority: int, message_id: str, message: str, fields: tuple[Field, ...]) -> None:
        self.add(journal_record(self.program, self.service, priority, message_id, message, fields))

    def _take(self) -> bytes | None:
        try:
            return self._waiting.popleft()
        except IndexError:  # asked for beforehand, another thread might still be faster
            return None
