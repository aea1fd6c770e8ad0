"""Inspections of the DNS lists of --dnsbl: are they still run? Only the lists themselves can tell (check --network)."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...core import Cause
from ...core.listing import Listing
from ...core.peer import pack
from ...host.host import Host
from ...resolve.dns_client import known_servers
from ...resolve.dns_lists import listing_of
from ...resolve.tasks import run
from ..gated_service import GatedService
from .command import place_of
from .fault import Fault

if TYPE_CHECKING:
    from ...resolve.tasks import Task

# Every list has the first entry, and no list has the second (RFC 5782, 5).
ALWAYS, NEVER = pack("127.0.0.2"), pack("127.0.0.1")


def list_dead(gated: GatedService, host: Host) -> Iterator[Fault]:
    if not host.asks_network or gated.gate is None or not gated.gate.lookups or not gated.gate.lookups.lists:
        return
    lists = gated.gate.lookups.lists
    for option, entries in (("--dnsbl", lists.blocking), ("--dnsbl-allow", lists.allowing)):
        zones = dict.fromkeys(entry.zone for entry in entries)
        for zone, (always, never) in entries_of(zones, gated.gate.timeout).items():
            message = what_is_wrong(zone, always, never)
            if message:
                yield Fault(
                    gated.service,
                    place_of(gated, Cause(option, zone)),
                    message,
                    f"ask its owner, or remove {option} {zone}",
                )


def what_is_wrong(zone: str, always: Listing, never: Listing) -> str:
    """What is wrong with a list that gives these two answers. Empty if nothing is."""
    problem = always.problem or never.problem
    if problem:
        return f"no answer from the DNS list {zone!r}: {problem}"
    if never.addresses:
        return f"the DNS list {zone!r} lists every client: it has 127.0.0.1, which a working list never has"
    return "" if always.addresses else f"the DNS list {zone!r} does not list 127.0.0.2, as every list does"


def entries_of(zones: dict[str, None], seconds: float) -> dict[str, list[Listing]]:
    """The answers of each list about both entries. All lists are asked at the same time."""
    servers = known_servers()
    answers: dict[str, list[Listing]] = {zone: [Listing(), Listing()] for zone in zones}

    def find(zone: str, number: int, packed: bytes) -> "Task[None]":
        answers[zone][number] = yield from listing_of(packed, zone, servers, text=False)

    tasks = [find(zone, number, packed) for zone in zones for number, packed in enumerate((ALWAYS, NEVER))]
    run(tasks, time.monotonic() + seconds)
    return answers
