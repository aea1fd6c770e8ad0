"""Time spans in units: systemd.time(7), "Parsing Time Spans"."""

import re

UNITS = {
    ("usec", "us", "µs", "μs"): 1e-6, ("msec", "ms"): 1e-3, ("seconds", "second", "sec", "s", ""): 1,
    ("minutes", "minute", "min", "m"): 60, ("hours", "hour", "hr", "h"): 3600, ("days", "day", "d"): 86400,
    ("weeks", "week", "w"): 604800, ("months", "month", "M"): 2629800, ("years", "year", "y"): 31557600,
}  # fmt: skip
SECONDS = {name: seconds for names, seconds in UNITS.items() for name in names}
PART = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-zµμ]*)\s*")


def parse_timespan(text: str) -> float | None:
    """The seconds of `10`, `1min 30s` or `infinity`. None if systemd does not accept the text."""
    if text.strip() == "infinity":
        return float("inf")
    at, total = 0, 0.0
    while match := PART.match(text, at):
        if match[2] not in SECONDS:
            return None
        total += float(match[1]) * SECONDS[match[2]]
        at = match.end()
    return total if at and at == len(text) else None
