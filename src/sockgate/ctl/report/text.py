"""The report for a terminal."""

from collections.abc import Iterator

from ..console import plain_table
from .sections import Bars, bars, interval_name, interval_start, period, tables, totals
from .summary import Summary

WIDTH = 40
EIGHTHS = " ▁▂▃▄▅▆▇█"


def as_text(summary: Summary) -> str:
    return "\n".join(lines(summary))


def lines(summary: Summary) -> Iterator[str]:
    yield f"Connections, {period(summary)}"
    yield "  " + ", ".join(f"{number} {name}" for name, number in totals(summary))
    yield ""
    yield f"{interval_start(summary, 0)}, each column {interval_name(summary)}"
    for name, counts in (("let in", summary.allowed), ("refused", summary.refused)):
        numbers = [counts[index] for index in range(summary.intervals)]
        yield f"  {name:<8} {sparkline(numbers)} at most {max(numbers):,}"
    for section in bars(summary):
        yield ""
        yield section.heading
        yield from bar_lines(section)
    for table in tables(summary):
        yield ""
        yield table.heading
        yield from (f"  {line}" for line in plain_table(table.headers, table.rows))


def sparkline(numbers: list[int]) -> str:
    most = max(numbers) or 1
    return "".join(EIGHTHS[-(-number * 8 // most)] for number in numbers)


def bar_lines(section: Bars) -> Iterator[str]:
    if not section.rows:
        yield f"  {section.nothing}"
        return
    width = max(len(name) for name, _ in section.rows)
    most = max(number for _, number in section.rows) or 1
    for name, number in section.rows:
        yield f"  {name:<{width}}  {number:>9,}  {'█' * (number * WIDTH // most)}"
