"""Make journal matches from a question about connections, and connections from the records that are found."""

import ipaddress
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from ..connection.log import ENDED, FAILED, REFUSED, SUMMED
from .connection import (
    ERROR,
    LEFT,
    MICROSECONDS,
    UNIT_ENDS,
    VERDICTS,
    Connection,
    Ending,
    from_record,
    resident_ending,
    unit_ending,
)
from .reader import Journal, Record, Terms, text, time_of
from .senders import UNKNOWN_MACHINE, GateUnit, Origins, Senders

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
History = Iterator[tuple[Connection, Ending | None]]

# Up to this size, each address of a network is looked up in the journal's index.
MOST_ADDRESSES = 1024
# At most this many connections can begin between the first record of a connection and its failure to run the server.
MOST_BEGUN = 1000
# The end of a resident session, minus its duration, can differ by this much from the time of its first record.
TOLERANCE = 10_000_000


@dataclass(frozen=True, slots=True)
class Query:
    """The connections that are wanted. Times are in microseconds since 1970.

    services   their services, empty for all
    senders    all services of the machine
    refused    only connections that were not let in
    sources    only clients from these networks, empty for all
    directory  the folder of the journal's files, None for the journal of this machine
    """

    services: tuple[GateUnit, ...] = ()
    senders: Senders = UNKNOWN_MACHINE
    since: int | None = None
    until: int | None = None
    refused: bool = False
    sources: tuple[Network, ...] = ()
    directory: str | None = None

    def selection(self) -> list[Terms]:
        """The matches for the first records of the connections."""
        kinds = (REFUSED, FAILED, SUMMED) if self.refused else VERDICTS
        common = [f"MESSAGE_ID={kind}" for kind in kinds]
        if self.sources and self.few_addresses:
            common += [f"SOCKGATE_REMOTE_ADDR={address}" for network in self.sources for address in network]
        return [[*common, *terms] for terms in unit_terms(self.services)]

    @property
    def few_addresses(self) -> bool:
        return sum(network.num_addresses for network in self.sources) <= MOST_ADDRESSES

    @property
    def origins(self) -> Origins:
        return Origins(self.senders, self.directory, self.services)

    def covers(self, connection: Connection) -> bool:
        """Whether this is one of the wanted connections, as far as the selection does not decide it."""
        if self.refused and connection.verdict == LEFT:  # a sum
            return False
        if not self.sources:
            return True
        try:
            parsed = ipaddress.ip_address(connection.remote_address)
        except ValueError:
            return False
        return any(parsed in network for network in self.sources)


def unit_terms(services: tuple[GateUnit, ...]) -> Iterator[Terms]:
    """The terms that find the records of these services: by name, by the template's slice, by the resident unit.

    They may find records of other senders as well: see senders.py.
    """
    if not services:
        yield ()
    for service in services:
        escaped = service.prefix.replace("-", "\\x2d")
        yield (f"SOCKGATE_SERVICE={service.name}",)
        yield (f"_SYSTEMD_SLICE=system-{escaped}.slice",)
        yield (f"_SYSTEMD_UNIT={service.prefix}.service",)


class Endings:
    """Look up how single connections ended. One look-up takes 0.1 ms, also in a long journal."""

    def __init__(self, directory: str | None, boot: str) -> None:
        self._journal = Journal([], directory)
        self._boot = boot

    def find(self, connection: Connection) -> Ending | None:
        """The end of this connection, or None if there is none: see `is_open`."""
        if connection.ending or not connection.allowed:
            return connection.ending
        return self._resident(connection) if connection.resident else self._unit(connection)

    def is_open(self, connection: Connection) -> bool:
        """Whether a connection without an end is still open.

        All connections of an earlier boot are over. For others, the record of the end may be missing: PID 1 waits only
        10 ms for a journal that takes nothing, and a gate that was killed writes no record.
        """
        there = connection.allowed and connection.boot == self._boot
        return there and os.path.exists(f"/proc/{connection.server}")

    def _unit(self, connection: Connection) -> Ending | None:
        if not connection.run:
            return None
        self._journal.select([[f"INVOCATION_ID={connection.run}", *ids(*UNIT_ENDS, FAILED)]], connection.start)
        records: list[Record] = []
        for record in self._journal.records():
            records.append(record)
            if ending := unit_ending(connection, records):
                return ending
        return None

    def _resident(self, connection: Connection) -> Ending | None:
        self._journal.select([[*ids(ENDED), *session_terms(connection)]], connection.start)
        for record in self._journal.records():
            ending = resident_ending(connection.start, record)
            begun = time_of(record) - round(ending.seconds * MICROSECONDS)
            if abs(begun - connection.start) < TOLERANCE and is_from_gate_of(connection, record):
                return ending
        return None


def ids(*kinds: str) -> list[str]:
    return [f"MESSAGE_ID={kind}" for kind in kinds]


def is_from_gate_of(connection: Connection, record: Record) -> bool:
    """Whether the gate of this session has written the record, or the gate after it."""
    return connection.pid == text(record, "_PID") or connection.unit == text(record, "_SYSTEMD_UNIT")


def session_terms(connection: Connection) -> Iterator[str]:
    """The fields that the first and the last record of a resident session have in common.

    Two gates may have written them, if the first of them was restarted. With --log-address none, they have no client.
    """
    yield f"SOCKGATE_PID={connection.server}"
    yield f"_BOOT_ID={connection.boot}"
    if connection.remote_port is not None:
        yield f"SOCKGATE_REMOTE_ADDR={connection.remote_address}"
        yield f"SOCKGATE_REMOTE_PORT={connection.remote_port}"
    elif connection.remote_address:
        yield f"SOCKGATE_REMOTE={connection.remote_address}"


def connections(query: Query) -> Iterator[Connection]:
    """The connections in the order of their beginning."""
    journal = Journal(query.selection(), query.directory, query.since)
    origins = query.origins
    for record in journal.records(query.until):
        if connection := connection_in(record, query, origins):
            yield connection


def connection_in(record: Record, query: Query, origins: Origins) -> Connection | None:
    """The connection that begins with this record; None for one that is not wanted, or that no gate has written."""
    unit = origins.unit_of(record)
    connection = from_record(record, unit) if unit else None
    return connection if connection and query.covers(connection) else None


def history(query: Query, endings: Endings) -> History:
    """The connections in the order of their beginning, each with its end, or None if there is none.

    A gate that let a client in and then could not run the server has written two records. The second record is part
    of the connection's end.
    """
    begun: deque[str] = deque(maxlen=MOST_BEGUN)
    for connection in connections(query):
        if connection.allowed and not connection.resident:
            begun.append(connection.run)
        elif connection.verdict == ERROR and connection.run in begun:
            continue
        yield connection, endings.find(connection)


def follow(query: Query) -> History:
    """The connections that begin from `since` (or from now) on, each when it is over. Refused ones come at once."""
    selection = [*query.selection(), ["_PID=1", *ids(*UNIT_ENDS)], ids(ENDED)]
    journal = Journal(selection, query.directory, query.since)
    if query.since is None:
        journal.seek_end()
    sessions, origins = OpenSessions(), query.origins
    while True:
        for record in journal.records():
            if text(record, "MESSAGE_ID") not in VERDICTS:
                yield from sessions.ended(record)
                continue
            connection = connection_in(record, query, origins)
            if connection and not sessions.failed(connection, record):
                if connection.allowed and not connection.ending:
                    sessions.begun(connection)
                else:
                    yield connection, connection.ending
        journal.wait()


class OpenSessions:
    """The sessions that have begun and not ended yet."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, ...], tuple[Connection, list[Record]]] = {}

    def begun(self, connection: Connection) -> None:
        key = tuple(session_terms(connection)) if connection.resident else (connection.run,)
        self._sessions[key] = (connection, [])

    def failed(self, connection: Connection, record: Record) -> bool:
        """Whether this record says that the server of one of these sessions could not run. Its end will follow."""
        key = (connection.run,)
        if connection.verdict != ERROR or key not in self._sessions:
            return False
        self._sessions[key][1].append(record)
        return True

    def ended(self, record: Record) -> History:
        """The session that ends with this record, if it is one of these."""
        if text(record, "MESSAGE_ID") == ENDED:
            key = tuple(session_terms(from_record(record, "")))
            if key in self._sessions and is_from_gate_of(self._sessions[key][0], record):
                connection, _ = self._sessions.pop(key)
                yield connection, resident_ending(connection.start, record)
            return
        key = (text(record, "INVOCATION_ID"),)
        if key in self._sessions:
            connection, records = self._sessions[key]
            records.append(record)
            if ending := unit_ending(connection, records):
                del self._sessions[key]
                yield connection, ending


def current_boot() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip().replace("-", "")
