"""The records of single connections, as sockgate, sockgated and PID 1 write them."""

import itertools

from sockgate.connection.log import ACCEPTED, ENDED, FAILED, REFUSED, SUMMED
from sockgate.journal.connection import PROCESS_EXIT, UNIT_FAILURE, UNIT_SUCCESS

from .export import Record

SECOND = 1_000_000
NOON = 1_795_348_800 * SECOND  # 2026-11-22 12:00:00 UTC
VERDICTS = {ACCEPTED: "allow", REFUSED: "deny", FAILED: "error", SUMMED: "deny"}

runs = itertools.count(1)


def verdict(
    at: float, kind: str = ACCEPTED, service: str = "smtp", remote: str = "192.0.2.7", **more: str | int
) -> Record:
    """Seconds after noon, one connection from a port of its own."""
    number = next(runs)
    unit = f"{service}@{number}-192.0.2.1:25-{remote}:{10000 + number}.service"
    return {
        "__REALTIME_TIMESTAMP": NOON + round(at * SECOND), "MESSAGE_ID": kind, "PRIORITY": 6,
        "SYSLOG_IDENTIFIER": "sockgate", "SOCKGATE_SERVICE": service, "SOCKGATE_VERDICT": VERDICTS[kind],
        "SOCKGATE_PROTO": "TCP6" if ":" in remote else "TCP", "SOCKGATE_REMOTE_ADDR": remote,
        "SOCKGATE_REMOTE_PORT": 10000 + number, "SOCKGATE_LOCAL_ADDR": "192.0.2.1", "SOCKGATE_LOCAL_PORT": 25,
        "_PID": 100000 + number, "_SYSTEMD_UNIT": unit, "_SYSTEMD_SLICE": f"system-{service}.slice",
        "INVOCATION_ID": f"{number:032x}", **more,
    }  # fmt: skip


def refusal(at: float, rule: str = "--deny 192.0.2.0/24", remote: str = "192.0.2.7", **more: str | int) -> Record:
    return verdict(at, REFUSED, remote=remote, SOCKGATE_RULE=rule, SOCKGATE_REASON=f"in {rule}") | more


def summed(begin: Record, count: int, first: float, last: float, **more: str | int) -> Record:
    """The sum of so many refusals like this one, from one second after noon to another. Written a second later."""
    times: Record = {"SOCKGATE_FIRST": NOON + round(first * SECOND), "SOCKGATE_LAST": NOON + round(last * SECOND)}
    kept = {name: value for name, value in resident(begin).items() if name != "SOCKGATE_REMOTE_PORT"}
    written: Record = {"__REALTIME_TIMESTAMP": NOON + round((last + 1) * SECOND), "MESSAGE_ID": SUMMED}
    return kept | written | times | {"SOCKGATE_COUNT": count} | more


def manager(begin: Record, seconds: float, kind: str, **more: str | int) -> Record:
    """A record of PID 1's about the unit of that connection."""
    return {
        "__REALTIME_TIMESTAMP": int(begin["__REALTIME_TIMESTAMP"]) + round(seconds * SECOND), "MESSAGE_ID": kind,
        "_PID": 1, "UNIT": begin["_SYSTEMD_UNIT"], "INVOCATION_ID": begin["INVOCATION_ID"],
        "SYSLOG_IDENTIFIER": "systemd", **more,
    }  # fmt: skip


def success(begin: Record, seconds: float) -> list[Record]:
    return [manager(begin, seconds, UNIT_SUCCESS)]


def failure(begin: Record, seconds: float, code: str, status: int, result: str) -> list[Record]:
    """The unit of a server that ended with this, and was not told with `ExecStart=-` to keep it to itself."""
    return [
        manager(begin, seconds, PROCESS_EXIT, EXIT_CODE=code, EXIT_STATUS=status),
        manager(begin, seconds + 0.001, UNIT_FAILURE, UNIT_RESULT=result),
    ]


def resident(begin: Record) -> Record:
    """The same verdict from sockgated."""
    unit: Record = {"_SYSTEMD_UNIT": f"{begin['SOCKGATE_SERVICE']}.service", "_SYSTEMD_SLICE": "system.slice"}
    own: Record = {"_PID": 77, "INVOCATION_ID": "77" * 16, "SOCKGATE_PID": 4321}
    return {**begin, "SYSLOG_IDENTIFIER": "sockgated", **own, **unit}


def end(begin: Record, seconds: float, **how: str | int) -> Record:
    """sockgated's record of the end of that session."""
    at = int(begin["__REALTIME_TIMESTAMP"]) + round(seconds * SECOND)
    duration: Record = {"SOCKGATE_DURATION": f"{seconds:.3f}", "SOCKGATE_PID": 4321}
    without = ("SOCKGATE_VERDICT", "SOCKGATE_RULE", "SOCKGATE_REASON")
    kept = {name: value for name, value in begin.items() if name not in without}
    return kept | {"__REALTIME_TIMESTAMP": at, "MESSAGE_ID": ENDED} | duration | how


def brief(begin: Record, seconds: float, **how: str | int) -> Record:
    """sockgated's only record of a session that was over within a moment."""
    return begin | {"SOCKGATE_DURATION": f"{seconds:.3f}", "SOCKGATE_PID": 4321} | how


def in_order(*records: Record | list[Record]) -> list[Record]:
    flat = [record for item in records for record in (item if isinstance(item, list) else [item])]
    return sorted(flat, key=lambda record: record["__REALTIME_TIMESTAMP"])
