"""Inspection of the load: whether a gate for each connection is still the right engine for its port."""

import time
from collections.abc import Callable, Iterable, Iterator

from ...connection.log import ACCEPTED, REFUSED
from ...core import SystemFailure
from ...host.host import Host
from ...host.listening import endpoints
from ...host.ports import clients_waiting
from ...journal.connection import MICROSECONDS
from ...journal.history import ids, unit_terms
from ...journal.reader import Journal, Record, time_of
from ...journal.senders import GateUnit, Origins, Senders
from ..console import counted
from ..gated_service import PER_CONNECTION, RESIDENT, GatedService, gate_command
from ..senders import of_gated, senders_of
from .fault import Fault

LATELY = 3600  # seconds
WINDOW = 10  # seconds
FEW = 5  # connections a second: Accept=yes can serve ten times as many, and takes the whole machine for it
FEW_WAITING = 3  # clients that come in the moment of the question
MOST_LOOKED_AT = 5000  # records, which take 25 µs each


def outgrown(gated: GatedService, host: Host) -> Iterator[Fault]:
    """A per-connection service that saw more than a few connections a second lately, or has clients that wait."""
    socket = gated.socket
    if socket is None or gated.program != PER_CONNECTION or not gated.is_template or not host.running:
        return
    signs = [*too_many(gated, host), *waiting(gated)]
    if signs:
        yield Fault(
            socket, socket.place_of("Socket", "Accept"),
            f"{', and '.join(signs)}: a gate for each connection is too slow for this port", how_to_switch(gated, host),
        )  # fmt: skip


def too_many(gated: GatedService, host: Host) -> Iterator[str]:
    """In words, how many connections came in the busiest seconds of the last hour, if those were many."""
    try:
        most = busiest(of_gated(gated), lambda: senders_of(host.search), round(time.time()) * MICROSECONDS)
    except SystemFailure:  # this user may not read the journal
        return
    if most > FEW * WINDOW:
        yield f"{most // WINDOW} connections a second came in its busiest {WINDOW} seconds of the last hour"


def busiest(gate: GateUnit, senders: Callable[[], Senders], now: int, directory: str | None = None) -> int:
    """The connections of the WINDOW that had the most, in the last hour before `now`. Raises SystemFailure.

    `senders` reads all units of the machine. It is called only if there are so many records that it matters which gate
    wrote them.
    """
    kinds = ids(ACCEPTED, REFUSED)
    journal = Journal([[*kinds, *terms] for terms in unit_terms((gate,))], directory)
    records: list[Record] = []
    for record in journal.latest():
        if len(records) == MOST_LOOKED_AT or time_of(record) < now - LATELY * MICROSECONDS:
            break
        records.append(record)
    span = WINDOW * MICROSECONDS
    most = most_within(map(time_of, records), span)
    if most <= FEW * WINDOW:
        return most
    origins = Origins(senders(), directory, (gate,))
    return most_within((time_of(record) for record in records if origins.unit_of(record)), span)


def most_within(times: Iterable[int], span: int) -> int:
    """The largest number of these times that lie within one span."""
    ordered, first, most = sorted(times), 0, 0
    for last, at in enumerate(ordered):
        while ordered[first] <= at - span:
            first += 1
        most = max(most, last - first + 1)
    return most


def waiting(gated: GatedService) -> Iterator[str]:
    number = sum(clients_waiting(endpoint) for endpoint, _ in endpoints(gated.socket)) if gated.socket else 0
    if number > FEW_WAITING:
        yield f"{counted(number, 'client')} wait to be accepted now"


def how_to_switch(gated: GatedService, host: Host) -> str:
    """The line that gives the port to sockgated, if its unit is there."""
    prefix = gated.service.unit_name.prefix
    resident = host.search.load(f"{prefix}.service")
    command = gate_command(resident) if resident else None
    if command is None or not command.program.endswith(RESIDENT):
        return f"write {prefix}.service for sockgated, see sockgated(8), then set Accept=no in {prefix}.socket"
    return (
        f"put Accept=no under [Socket] with `systemctl edit {prefix}.socket`, then `systemctl restart {prefix}.socket`:"
        " sockgated serves it with the same options"
    )
