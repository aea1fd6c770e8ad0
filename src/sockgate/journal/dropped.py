"""Clients that systemd turned away at the limits of a socket. They never reached a gate; PID 1 wrote of them."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .reader import Journal, text, time_of

# systemd gives these records no MESSAGE_ID (core/socket.c, 252 to 257), so their text has to tell them apart.
TOO_MANY = re.compile(r"Too many incoming connections \(\d+\)(?: from source ([0-9a-fA-F:.]+))?, dropping connection")


class Dropped(NamedTuple):
    """One client. `source` is its address if the limit for one source turned it away, else systemd does not tell it."""

    prefix: str
    at: int
    source: str


def dropped(prefixes: Iterable[str], directory: str | None, since: int, until: int) -> Iterator[Dropped]:
    """The clients of these services that were turned away in this time."""
    sockets = {f"{prefix}.socket": prefix for prefix in prefixes}
    if not sockets:
        return
    journal = Journal([["_PID=1", *(f"UNIT={socket}" for socket in sockets)]], directory, since)
    for record in journal.records(until):
        match = TOO_MANY.search(text(record, "MESSAGE"))
        if match:
            yield Dropped(sockets[text(record, "UNIT")], time_of(record), match[1] or "")
