"""The table of sessions: memory that outlives the gate, by which the next gate knows the sessions that run on.

It is a memfd, and systemd keeps its descriptor from gate to gate (FDSTORE=1 in sd_notify(3)). So nothing is on disk,
and it ends with the service. Where there is no such store, it ends with the gate.

SIGKILL can end the gate between any two writes. So one byte of each row says what it holds, and it is written last:
Struct.pack_into() writes one field after the other. A row is there before its server is started, and until the record
of its end is written.

The gate, and the guardian after it, write at the same time as the next gate. So each guardian has some rows of its own.
"""

import mmap
import os
from collections.abc import Iterable, Iterator
from struct import Struct
from time import CLOCK_BOOTTIME, clock_gettime
from typing import NamedTuple

from ..core import SystemFailure
from .peer_text import LONGEST

MAGIC = b"sockgate table 2"  # another number for another form: a gate does not take over what it cannot read
FREE, STARTING, RUNNING, ENDED = range(4)  # the state of a row
# Flags: a child of the gate finishes the admission, and writes the record of the start or refusal; it refused.
ASKING, TURNED_AWAY = 1, 2
UNKNOWN = -1  # an exit status that is not known

HEADER = mmap.PAGESIZE
BLOCK, USED, WRITTEN, GUARDIANS = 16, 24, 32, 64  # where in the header
NUMBER, TIME = Struct("<I"), Struct("<d")
BLOCKS, BLOCK_ROWS = 8, 64  # so many guardians can be at work, each with so many clients
ROW = 512
FIRST = HEADER + BLOCKS * BLOCK_ROWS * ROW  # where the rows of gates begin
SPARE_ROWS = 1024  # for sessions that have ended, until their records are written
# A row: session id of its gate, since, port, length of the text, flags, seconds, status, pid, when it ran, state; text.
BEGINNING = Struct("<IdHHBdiIdB")
# The parts of it from the port, from the seconds and from the pid on. The last one is without the state.
NAME, ENDING, RUN, PROCESS = Struct("<HHBdiIdB"), Struct("<diIdB"), Struct("<IdB"), Struct("<Id")
AT_PORT, AT_FLAGS, AT_ENDING, AT_PROCESS, AT_STATE, AT_TEXT = 12, 16, 17, 29, 41, BEGINNING.size
assert AT_TEXT + LONGEST <= ROW


class Row(NamedTuple):
    """What a row says. Times are in seconds: `since` of time.monotonic(), `ran` since the boot.

    pid      0 if it is not known yet
    ran      when its process ran already; 0.0 if that is not known, or of no interest any more
    group    the session id (setsid(2)) of the gate that started it
    seconds  how long it lasted, if it has ended
    status   of waitpid(2), if it has ended
    """

    at: int
    state: int
    flags: int
    pid: int
    ran: float
    seconds: float
    status: int
    group: int
    since: float
    port: int
    text: bytes


class SessionTable:
    def __init__(self, most: int, stored: int | None = None) -> None:
        """A table for so many sessions; that of the gate before, if `stored` is its descriptor. Raises SystemFailure.

        descriptor  to be stored; -1 if it already is
        """
        self._group = os.getsid(0)
        self._ended: list[int] = []
        self._free: list[int] = []
        self.descriptor = -1
        try:
            if stored is None:
                self.descriptor = os.memfd_create("sockgate-sessions")
            file = self.descriptor if stored is None else stored
            size = max(FIRST + (most + SPARE_ROWS) * ROW, os.fstat(file).st_size)
            os.ftruncate(file, size)
            self._memory = mmap.mmap(file, size)
        except OSError as error:  # such as too little LimitAS= for a great --max-connections
            if self.descriptor >= 0:
                os.close(self.descriptor)
            raise SystemFailure(f"unable to make the table of sessions: {error.strerror}") from None
        if stored is None:
            self._memory[: len(MAGIC)] = MAGIC
        self._limit = size - ROW
        self._next = min(FIRST + self._number(USED) * ROW, size)
        self._block = (self._number(BLOCK) + 1) % BLOCKS

    @property
    def is_readable(self) -> bool:
        """Whether it is a table of this form."""
        return self._memory[: len(MAGIC)] == MAGIC

    def take_over(self) -> None:
        """Begin to use it, after all that it says of the gates before has been read."""
        self._free = [at for at in range(FIRST, self._next, ROW) if self._memory[at + AT_STATE] == FREE]
        NUMBER.pack_into(self._memory, BLOCK, self._block)

    def prepare(self, since: float, port: int, text: bytes, flags: int = 0) -> int:
        """Write a session into a row, which is still free for all others. Returns where; 0 if there is no room."""
        at = self._free.pop() if self._free else self._one_more()
        if at:
            self._memory[at + AT_TEXT : at + AT_TEXT + len(text)] = text
            BEGINNING.pack_into(
                self._memory, at, self._group, since, port, len(text), flags, 0.0, UNKNOWN, 0, 0.0, FREE
            )
        return at

    def begin(self, at: int) -> None:
        """Its server will be started now."""
        self._memory[at + AT_STATE] = STARTING

    def postpone(self, at: int) -> None:
        """Its server could not be started yet."""
        self._memory[at + AT_STATE] = FREE

    def run(self, at: int, pid: int, *, named: bool = True) -> None:
        """Its server runs. If its client is not named yet, its child will name it, or has done so already."""
        ran = clock_gettime(CLOCK_BOOTTIME)
        if named:
            RUN.pack_into(self._memory, at + AT_PROCESS, pid, ran, RUNNING)
        else:
            PROCESS.pack_into(self._memory, at + AT_PROCESS, pid, ran)

    def name(self, at: int, pid: int, port: int, text: bytes) -> None:
        """Its client, the one behind the proxy, is known now. Called in the child that has found it out."""
        # In one piece: the next gate may read the row meanwhile.
        name = NAME.pack(port, len(text), ASKING, 0.0, UNKNOWN, pid, 0.0, STARTING) + text
        self._memory[at + AT_PORT : at + AT_TEXT + len(text)] = name
        self.run(at, pid)

    def turn_away(self, at: int) -> None:
        """No record of its end is wanted."""
        self._memory[at + AT_FLAGS] = TURNED_AWAY

    def end(self, at: int, pid: int, seconds: float, status: int | None) -> None:
        """It has ended. Its record will be written."""
        known = UNKNOWN if status is None else status
        ENDING.pack_into(self._memory, at + AT_ENDING, seconds, known, pid, 0.0, ENDED)
        self._ended.append(at)

    def forget(self, rows: Iterable[int]) -> None:
        """Free these rows."""
        for at in rows:
            self._memory[at + AT_STATE] = FREE
            if at >= FIRST:  # a row of a guardian is for that guardian only
                self._free.append(at)

    def take_ended(self) -> list[int]:
        """The sessions that have ended since the last call. The caller frees them when the records are written."""
        if not self._ended:
            return []
        ended, self._ended = self._ended, []
        return ended

    @property
    def written_until(self) -> float:
        """By time.monotonic(): the records of sessions that began earlier are written."""
        return float(TIME.unpack_from(self._memory, WRITTEN)[0])

    @written_until.setter
    def written_until(self, time: float) -> None:
        TIME.pack_into(self._memory, WRITTEN, time)

    def note_guardian(self, pid: int) -> None:
        NUMBER.pack_into(self._memory, GUARDIANS + self._block * NUMBER.size, pid)

    def guardians(self) -> list[tuple[int, int]]:
        """The block and the process of each guardian that there was."""
        pids = [(block, self._number(GUARDIANS + block * NUMBER.size)) for block in range(BLOCKS)]
        return [(block, pid) for block, pid in pids if pid]

    def use_block(self) -> None:
        """Called in the guardian: from now on, use the rows that it has for itself."""
        self._free = [at for at in rows_of(self._block) if self._memory[at + AT_STATE] == FREE]
        self._next = self._limit + 1
        self._ended.clear()

    def rows(self, block: int | None = None) -> Iterator[Row]:
        """What is in use, of the rows of gates, or of this block."""
        for at in range(FIRST, self._next, ROW) if block is None else rows_of(block):
            if self._memory[at + AT_STATE] != FREE:
                yield self.read(at)

    def read(self, at: int) -> Row:
        """What this row says."""
        group, since, port, length, flags, seconds, status, pid, ran, state = BEGINNING.unpack_from(self._memory, at)
        text = self._memory[at + AT_TEXT : at + AT_TEXT + length]
        return Row(at, state, flags, pid, ran, seconds, status, group, since, port, text)

    def _one_more(self) -> int:
        """A row that was never used. 0 if there is none."""
        if self._next > self._limit:
            return 0
        self._next += ROW
        NUMBER.pack_into(self._memory, USED, (self._next - FIRST) // ROW)
        return self._next - ROW

    def _number(self, at: int) -> int:
        return int(NUMBER.unpack_from(self._memory, at)[0])


def rows_of(block: int) -> range:
    """The rows of this block."""
    return range(HEADER + block * BLOCK_ROWS * ROW, HEADER + (block + 1) * BLOCK_ROWS * ROW, ROW)
