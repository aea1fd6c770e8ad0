"""--log-usage: what a session has used, for the record of its end."""

from collections.abc import Sequence
from typing import NamedTuple

USER_SECONDS, SYSTEM_SECONDS = 0, 1  # fields of struct rusage (getrusage(2))
MICROSECONDS, MEGABYTE = 1_000_000, 1 << 20


class Usage(NamedTuple):
    """What a session has used.

    cpu          microseconds of user and system time
    memory_peak  bytes that all of its processes had at most, together; None if the kernel did not count that
    """

    cpu: int
    memory_peak: int | None = None

    @property
    def text(self) -> str:
        """For the end of a message."""
        memory = "" if self.memory_peak is None else f", {self.memory_peak / MEGABYTE:.1f} MB of memory"
        return f", {self.cpu / MICROSECONDS:.3f} s of CPU time{memory}"

    @property
    def fields(self) -> str:
        """For the journal."""
        memory = "" if self.memory_peak is None else f"SOCKGATE_MEMORY_PEAK={self.memory_peak}\n"
        return f"SOCKGATE_CPU_USEC={self.cpu}\n{memory}"


def usage_of(process: Sequence[float]) -> Usage:
    """That of a process that has ended, and of those of its children for which it has waited (wait4(2)).

    The peak of memory is not in it: in ru_maxrss stands at least that of the gate, of which the process was a copy.
    """
    return Usage(round((process[USER_SECONDS] + process[SYSTEM_SECONDS]) * MICROSECONDS))
