"""Times in units, as `systemd-analyze timespan` reads them."""

import pytest

from sockgate.units.timespan import parse_timespan


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", 10), ("1min 30s", 90), ("1min30s", 90), ("2h", 7200), ("1.5m", 90), ("500ms", 0.5), (" 5 s ", 5),
        ("1d 1w", 691200), ("1M", 2629800), ("infinity", float("inf")), ("0", 0), ("10 20", 30), (".5", 0.5),
        ("7us", 7e-6), ("2 years", 63115200),
        ("", None), ("-1", None), ("1x", None), ("s", None), ("1 infinity", None), ("5S", None),
    ],
)  # fmt: skip
def test_a_time_is_what_systemd_takes_it_for(text: str, seconds: float | None) -> None:
    assert parse_timespan(text) == (seconds if seconds is None else pytest.approx(seconds))
