"""The report as one HTML page without scripts, fonts or pictures from other files.

Text is HTML. Only the time line is SVG, stretched to the width of the window. So text keeps its size on a telephone.
"""

from collections.abc import Iterator
from html import escape
from importlib.resources import files

from .sections import Bars, Table, bars, interval_name, interval_start, period, tables, totals
from .summary import Summary

CHART_HEIGHT = 100


def as_page(summary: Summary) -> str:
    return "\n".join(parts(summary)) + "\n"


def parts(summary: Summary) -> Iterator[str]:
    title = f"Connections, {escape(period(summary))}"
    style = (files(__package__) / "style.css").read_text()
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">"""
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{title}</title><style>\n{style}</style></head><body><main>"
    yield f"<header><h1>Connections</h1><p>{escape(period(summary))}</p></header>"
    yield '<dl class="totals">'
    yield from (f"<div><dt>{escape(name)}</dt><dd>{escape(number)}</dd></div>" for name, number in totals(summary))
    yield "</dl>"
    yield from time_line(summary)
    yield '<div class="columns">'
    for section in bars(summary):
        yield from bar_section(section)
    yield "</div>"
    for table in tables(summary):
        yield from table_section(table)
    yield "<footer>sockgatectl report</footer></main></body></html>"


def time_line(summary: Summary) -> Iterator[str]:
    """A stack of bars for each interval."""
    count = summary.intervals
    most = max((summary.allowed[index] + summary.refused[index] for index in range(count)), default=0) or 1
    yield f"<section><h2>Connections over time <small>each bar {interval_name(summary)}, at most {most:,}</small></h2>"
    yield '<p class="legend"><span class="allowed"></span>let in <span class="refused"></span>refused or failed</p>'
    yield (
        f'<svg viewBox="0 0 {count} {CHART_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{summary.total("allowed")} let in, {summary.total("refused")} refused">'
    )
    for index in range(count):
        yield from column(summary, index, most)
    yield "</svg>"
    marks = [interval_start(summary, index) for index in (0, count // 2, count)]
    yield '<p class="axis">' + "".join(f"<span>{escape(mark)}</span>" for mark in marks) + "</p></section>"


def column(summary: Summary, index: int, most: int) -> Iterator[str]:
    allowed, refused = summary.allowed[index], summary.refused[index]
    if not allowed + refused:
        return
    hint = escape(f"{interval_start(summary, index)}: {allowed:,} let in, {refused:,} refused or failed")
    top = float(CHART_HEIGHT)
    yield f"<g><title>{hint}</title>"
    for name, number in (("allowed", allowed), ("refused", refused)):
        height = number * CHART_HEIGHT / most
        top -= height
        if number:
            yield f'<rect class="{name}" x="{index + 0.1:g}" y="{top:.2f}" width=".8" height="{height:.2f}"/>'
    yield "</g>"


def bar_section(section: Bars) -> Iterator[str]:
    yield f"<section><h2>{escape(section.heading)}</h2>"
    if not section.rows:
        yield f"<p>{escape(section.nothing)}</p></section>"
        return
    most = max(number for _, number in section.rows) or 1
    yield '<ol class="bars">'
    for name, number in section.rows:
        share = f"{number * 100 / most:.1f}%"
        yield f"<li><span>{escape(name)}</span><b>{number:,}</b>"
        yield f'<i class="{section.kind}" style="width:{share}"></i></li>' if number else "</li>"
    yield "</ol></section>"


def table_section(table: Table) -> Iterator[str]:
    yield f'<section><h2>{escape(table.heading)}</h2><div class="wide"><table><thead><tr>'
    yield "".join(f"<th>{escape(header)}</th>" for header in table.headers) + "</tr></thead><tbody>"
    for row in table.rows:
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
    yield "</tbody></table></div></section>"
