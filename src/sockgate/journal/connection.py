"""One connection, made from the records about it."""

import signal
from dataclasses import dataclass

from ..connection.log import ACCEPTED, ENDED, FAILED, GONE, REFUSED, SUMMED
from ..core import ALLOW
from ..core.peer import endpoint
from .reader import Record, number, text, time_of
from .senders import prefix_of

# A connection begins with a record of one of these kinds. FAILED can also be about the service, without a client.
# SUMMED tells of many connections.
VERDICTS = (ACCEPTED, REFUSED, FAILED, GONE, SUMMED)

# Records of systemd about a unit (sd-messages.h). PID 1 writes them.
PROCESS_EXIT = "98e322203f7a4ed290d09fe03c09fe15"
UNIT_SUCCESS = "7ad2d189f7e94e70a38c781354912448"
UNIT_FAILURE = "d9b373ed55a64feb8242e02dbe79a49c"
UNIT_ENDS = (PROCESS_EXIT, UNIT_SUCCESS, UNIT_FAILURE)

# The verdicts of a gate that failed, and of a client that left early.
ERROR, LEFT = "error", "gone"
SUCCESS = "success"
UNKNOWN = "unknown"  # the server was no child of the gate that saw its end, and the kernel does not tell
RESIDENT = "sockgated"
MICROSECONDS = 1_000_000
LONGEST_SECONDS = 1e9
LARGEST_COUNT = 10**12


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ended.

    at       the time, in microseconds since 1970
    seconds  the duration, from the verdict on
    result   systemd's word: success, exit-code, signal, timeout, oom-kill, ...; or unknown
    status   the server's exit status, if it is known; for a success systemd does not say it
    signal   the signal that killed the server, such as SIGKILL
    failure  why the server never ran, although the client was let in; or why the session was ended
    cpu      seconds of CPU time that it used; None if that was not recorded
    memory   bytes that it had at most; None if that was not recorded
    """

    at: int
    seconds: float
    result: str
    status: int | None = None
    signal: str | None = None
    failure: str = ""
    cpu: float | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """What the first record says. Times are in microseconds since 1970. Unknown text is empty.

    A sum is kept as one connection that stands for many: those of one source that were refused for one cause.

    service  what the gate calls it; a gate with wrong options may have no name for it, and then its unit counts
    unit     the systemd unit of the process that wrote the record
    verdict  allow, deny, error or gone
    server   the process that serves the client; `sockgate` becomes this process by exec
    run      the run of the unit (systemd.exec(5), $INVOCATION_ID)
    ending   only of a session so short that its first record also tells its end
    count    more than 1 only in a sum: how many connections it stands for
    last     when the last of these began
    """

    start: int
    service: str
    unit: str
    verdict: str
    reason: str
    rule: str
    protocol: str
    remote_address: str
    remote_port: int | None
    local_address: str
    local_port: int | None
    program: str
    pid: str
    server: str
    boot: str
    run: str
    ending: Ending | None = None
    count: int = 1
    last: int = 0

    @property
    def allowed(self) -> bool:
        return self.verdict == ALLOW

    @property
    def seconds(self) -> float:
        """The time over which the connections of a sum began."""
        return (self.last - self.start) / MICROSECONDS

    @property
    def resident(self) -> bool:
        return self.program == RESIDENT

    @property
    def peer(self) -> str:
        """The client in the form of log lines."""
        port = self.remote_port
        return self.remote_address if port is None else endpoint(self.remote_address, port)


def from_record(record: Record, unit: str) -> Connection:
    """The connection, from the record of its verdict, which a gate in this unit has written."""
    kind, at = text(record, "MESSAGE_ID"), time_of(record)
    seconds = duration_in(record) if kind == ACCEPTED else None
    first, last = span(record, at) if kind == SUMMED else (at, at)
    start = first - round((seconds or 0) * MICROSECONDS)
    return Connection(
        start=start,
        service=text(record, "SOCKGATE_SERVICE") or prefix_of(unit),
        unit=unit,
        verdict=text(record, "SOCKGATE_VERDICT"),
        reason=text(record, "SOCKGATE_REASON"),
        rule=text(record, "SOCKGATE_RULE"),
        protocol=text(record, "SOCKGATE_PROTO"),
        remote_address=text(record, "SOCKGATE_REMOTE_ADDR") or text(record, "SOCKGATE_REMOTE"),
        remote_port=number(record, "SOCKGATE_REMOTE_PORT"),
        local_address=text(record, "SOCKGATE_LOCAL_ADDR") or text(record, "SOCKGATE_LOCAL_PATH"),
        local_port=number(record, "SOCKGATE_LOCAL_PORT"),
        program=text(record, "SYSLOG_IDENTIFIER"),
        pid=text(record, "_PID"),
        server=str(number(record, "SOCKGATE_PID") or text(record, "_PID")),
        boot=text(record, "_BOOT_ID"),
        run=text(record, "_SYSTEMD_INVOCATION_ID") or text(record, "INVOCATION_ID"),
        ending=None if seconds is None else resident_ending(start, record),
        count=count_in(record),
        last=last,
    )


def count_in(record: Record) -> int:
    """How many connections a record tells of. Only a sum tells of more than one."""
    count = number(record, "SOCKGATE_COUNT") if text(record, "MESSAGE_ID") == SUMMED else 1
    return count if count and count <= LARGEST_COUNT else 1


def span(record: Record, at: int) -> tuple[int, int]:
    """When the first and the last connection of a sum began. Both are not after the time of its record."""
    last = min(number(record, "SOCKGATE_LAST") or at, at)
    return min(number(record, "SOCKGATE_FIRST") or at, last), last


def resident_ending(start: int, record: Record) -> Ending:
    """The end of a session, from sockgated's own record."""
    seconds = duration_in(record)
    if seconds is None:
        seconds = (time_of(record) - start) / MICROSECONDS
    killer = text(record, "SOCKGATE_SIGNAL")
    status = number(record, "SOCKGATE_STATUS")
    result = "signal" if killer else UNKNOWN if status is None else "exit-code" if status else SUCCESS
    why = text(record, "SOCKGATE_REASON") if text(record, "MESSAGE_ID") == ENDED else ""
    cpu = number(record, "SOCKGATE_CPU_USEC")
    return Ending(
        start + round(seconds * MICROSECONDS), seconds, result, status, killer or None, why,
        None if cpu is None else cpu / MICROSECONDS, number(record, "SOCKGATE_MEMORY_PEAK"),
    )  # fmt: skip


def duration_in(record: Record) -> float | None:
    """Seconds, or None if the record has no usable duration. Every user can write any record to the journal."""
    try:
        seconds = float(text(record, "SOCKGATE_DURATION"))
    except ValueError:
        return None
    return seconds if 0 <= seconds < LONGEST_SECONDS else None


def unit_ending(connection: Connection, records: list[Record]) -> Ending | None:
    """The end of a session, from the records about its unit: those of systemd, and a failure of the gate if any."""
    kinds = {text(record, "MESSAGE_ID"): record for record in records if is_genuine(record, connection)}
    last = kinds.get(UNIT_SUCCESS) or kinds.get(UNIT_FAILURE)
    process = kinds.get(PROCESS_EXIT)
    if last is None:
        return None
    at = time_of(process or last)
    result = SUCCESS if UNIT_SUCCESS in kinds else text(last, "UNIT_RESULT")
    status, killer = None, None
    if process:
        code = number(process, "EXIT_STATUS")
        if text(process, "EXIT_CODE") == "exited":
            status = code
        elif code is not None:
            killer = signal_name(code)
    failure = text(kinds[FAILED], "SOCKGATE_REASON") if FAILED in kinds else ""
    return Ending(at, max(0.0, (at - connection.start) / MICROSECONDS), result, status, killer, failure)


def is_genuine(record: Record, connection: Connection) -> bool:
    """Whether the record can be believed: a failure is told by the gate itself, the end of a unit by PID 1."""
    sender = connection.pid if text(record, "MESSAGE_ID") == FAILED else "1"
    return text(record, "_PID") == sender


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return str(number)
