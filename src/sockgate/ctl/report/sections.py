"""The sections of a report, for every form of output."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ...journal.connection import MICROSECONDS
from ..times import local
from .summary import DURATIONS, Summary

MOST_ROWS = 10


@dataclass(frozen=True, slots=True)
class Bars:
    """A heading, and rows with a number each. A bar shows the number.

    kind  what the numbers count: allowed or refused
    """

    kind: str
    heading: str
    nothing: str
    rows: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Table:
    heading: str
    headers: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def totals(summary: Summary) -> list[tuple[str, str]]:
    return [
        ("let in", f"{summary.total('allowed'):,}"),
        ("refused", f"{summary.total('refused'):,}"),
        ("failed", f"{summary.total('failed'):,}"),
        ("dropped at the socket", f"{summary.total('dropped'):,}"),
        ("source" if len(summary.sources) == 1 else "sources", f"{len(summary.sources):,}"),
    ]


def bars(summary: Summary) -> list[Bars]:
    durations = [(name, summary.durations[name]) for _, name in DURATIONS if summary.durations]
    return [
        Bars("refused", "Refused, by cause", "No client was refused.", summary.reasons.most_common(MOST_ROWS)),
        Bars("refused", "Refused, by network", "No client was refused.", summary.networks.most_common(MOST_ROWS)),
        Bars("allowed", "Sessions, by duration", "No session has ended.", durations),
        Bars("allowed", "Sessions, by how they ended", "There was no session.", summary.endings.most_common(MOST_ROWS)),
    ]


def tables(summary: Summary) -> list[Table]:
    services = [
        (
            name,
            f"{each.allowed:,}",
            f"{each.refused:,}",
            f"{each.failed:,}",
            f"{each.dropped:,}",
            mean(each.seconds, each.allowed),
        )
        for name, each in sorted(summary.services.items())
    ]
    sources = [
        (address, f"{count:,}", f"{summary.refused_sources[address]:,}")
        for address, count in summary.sources.most_common(MOST_ROWS)
    ]
    return [
        Table("Services", ("service", "let in", "refused", "failed", "dropped", "mean session"), services),
        Table("Busiest sources", ("source", "connections", "of which refused"), sources),
    ]


def mean(seconds: float, sessions: int) -> str:
    return f"{seconds / sessions:.1f} s" if sessions else "-"


def period(summary: Summary) -> str:
    """The period, with the time zone, because a report may be read in another one."""
    zone = time.strftime("%Z", time.localtime(summary.until / MICROSECONDS))
    return f"{local(summary.since)[:-7]} to {local(summary.until)[:-7]} {zone}"


def interval_start(summary: Summary, index: int) -> str:
    return local(summary.since + index * summary.width * MICROSECONDS)[:-7]


def interval_name(summary: Summary) -> str:
    """The width of an interval of the time line in words: `15 min`."""
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if summary.width % unit == 0:
            return f"{summary.width // unit} {name}"
    return f"{summary.width} s"
