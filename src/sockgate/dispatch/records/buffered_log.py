"""The log of a process that must not wait for it."""

import _socket
from collections import deque

from ...connection.log import JOURNAL_SOCKET, Field, Log, journal_record

WARNING = 4  # syslog(3)
MOST_WAITING = 20_000  # records, some 10 MB: by then journald has been stuck for seconds


class BufferedLog(Log):
    """Collects records, and keeps them while the journal takes no more.

    Each goes in a datagram of its own. Of several in one, with an empty line between them, journald of systemd 252
    takes all, for less than half the cost, but that of 257 only the first.

    Of too many, the last are thrown away, and their number is recorded in their place.
    """

    __slots__ = ("_connected", "_lost", "_waiting")

    def __init__(self, program: str, service: str, journal_stream: bytes) -> None:
        super().__init__(program, service, journal_stream)
        self._waiting: deque[bytes] = deque()
        self._lost = 0
        self._connected = False
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
        waiting, journal = self._waiting, self._journal
        while waiting and journal is not None:
            was_connected = self._connected
            try:
                if not was_connected:  # or the kernel would look for the path each time
                    journal.connect(JOURNAL_SOCKET)
                    self._connected = True
                journal.send(waiting[0], _socket.MSG_NOSIGNAL)
                waiting.popleft()
            except BlockingIOError:  # its queue is full
                return
            except OSError:  # it may have another socket by now
                self._connected = False
                if not was_connected:
                    return

    def forget(self) -> None:
        """In a child: what is waiting is for its parent to send."""
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
