"""The log of a process that must not wait for it."""

import _socket
from collections import deque

from ..core.log import JOURNAL_SOCKET, Field, Log, journal_record

MOST_TOGETHER = 32 << 10  # bytes, well below what a datagram can carry
MOST_WAITING = 20_000  # records, some 10 MB: by then journald has been stuck for seconds


class PatientLog(Log):
    """Collects records, sends several in one datagram, and keeps them while the journal takes no more.

    journald reads any number of records from a datagram, an empty line between them (journald-native.c of
    systemd 252 to 257), which costs it less than half as much. Every thread may add records and send them.

    lost    records that were thrown away because too many were waiting
    """

    __slots__ = ("_waiting", "lost")

    def __init__(self, program: str, service: str, journal_stream: bytes) -> None:
        super().__init__(program, service, journal_stream)
        self._waiting: deque[bytes] = deque()
        self.lost = 0
        if self._journal is not None:
            self._journal.setblocking(False)

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def send(self) -> None:
        """Send what is waiting, as far as the journal takes it now."""
        while together := self._take():
            try:
                assert self._journal is not None
                self._journal.sendto(b"\n".join(together), _socket.MSG_NOSIGNAL, JOURNAL_SOCKET)
            except OSError:  # its queue is full, or it is just being restarted
                self._waiting.extendleft(reversed(together))
                return

    @property
    def is_journal(self) -> bool:
        return self._journal is not None

    def add(self, record: bytes) -> None:
        """One in the journal's own form."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(record)
        else:
            self.lost += 1

    def _send(self, priority: int, message_id: str, message: str, fields: tuple[Field, ...]) -> None:
        self.add(journal_record(self.program, self.service, priority, message_id, message, fields))

    def _take(self) -> list[bytes]:
        """What goes into the next datagram."""
        together: list[bytes] = []
        size = 0
        while size < MOST_TOGETHER:
            try:
                together.append(self._waiting.popleft())
            except IndexError:  # asked for beforehand, another thread might still be faster
                break
            size += len(together[-1])
        return together
