"""Points in time, as systemd.time(7) reads them and as we show them."""

import time
from collections.abc import Iterator

import pytest

from sockgate.core import UsageError
from sockgate.ctl.times import iso, local, parse_moment

NOON = 1_795_348_800_000_000  # 2026-11-22 12:00:00 UTC


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


def test_times_are_those_of_systemd(berlin: None) -> None:
    assert parse_moment("--since", "@1795348800") == NOON
    assert parse_moment("--since", "@1795348800.25") == NOON + 250_000
    assert parse_moment("--since", "2026-11-22 12:00:00 UTC") == NOON


def test_a_time_in_the_past_is_written_as_for_journalctl() -> None:
    for text, seconds in (("1 hour ago", 3600), ("-1h", 3600), ("2min ago", 120), ("now", 0)):
        ago = time.time() - parse_moment("--since", text) / 1e6
        assert abs(ago - seconds) < 30, text


@pytest.mark.parametrize("text", ["soon", "", "--help", "25:00", "-"])
def test_what_is_no_time_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_moment("--until", text)
    assert (
        str(caught.value) == f"--until: {text!r} is no point in time ('1 hour ago', today, 14:30: see systemd.time(7))"
    )


def test_a_person_sees_the_local_time_and_a_program_utc(berlin: None) -> None:
    assert local(NOON + 1_999) == "2026-11-22 13:00:00.001"
    assert local(NOON - 150 * 86_400_000_000) == "2026-06-25 14:00:00.000"
    assert iso(NOON + 1_999) == "2026-11-22T12:00:00.001999Z"
