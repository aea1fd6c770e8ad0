"""--access-times and --max-load."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.access.times_and_load import Schedule
from sockgate.core import DENY, NO_MATCH, SystemFailure, UsageError
from tests.core.clients import client

PEER = client("192.0.2.1")


def minutes(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


@pytest.mark.parametrize(
    ("intervals", "inside", "outside"),
    [
        ("8:00-17:00", ["8:00", "12:30", "17:00"], ["7:59", "17:01", "0:00", "23:59"]),
        ("08:00-17:00", ["8:00"], ["7:59"]),
        ("2:30-4:15 12:00-13:00", ["2:30", "4:15", "12:59"], ["2:29", "4:16", "11:59", "13:01"]),
        ("22:00-6:00", ["22:00", "23:59", "0:00", "6:00"], ["21:59", "6:01", "12:00"]),
        ("12:00-24:00", ["12:00", "23:59"], ["11:59", "0:00"]),
        ("0:00-24:00", ["0:00", "12:00", "23:59"], []),
        ("0:00-0:01", ["0:00", "0:01"], ["0:02", "23:59"]),
        ("23:59-0:00", ["23:59", "0:00"], ["0:01", "23:58"]),
        ("8:5-9:7", ["8:05", "9:07"], ["8:04", "9:08"]),  # as xinetd reads it
    ],
)
def test_both_ends_of_an_interval_count_and_it_may_run_across_midnight(
    intervals: str, inside: list[str], outside: list[str]
) -> None:
    schedule = Schedule(intervals, None)
    assert [text for text in inside if not schedule.is_open(minutes(text))] == []
    assert [text for text in outside if schedule.is_open(minutes(text))] == []


@given(st.lists(st.tuples(st.integers(0, 1439), st.integers(0, 1440)), min_size=1), st.integers(0, 1439))
def test_the_minutes_of_all_intervals_are_those_counted_one_by_one(pairs: list[tuple[int, int]], now: int) -> None:
    pairs = [(start, end) for start, end in pairs if start != end] or [(0, 1)]
    text = " ".join(f"{start // 60}:{start % 60:02}-{end // 60}:{end % 60:02}" for start, end in pairs)
    inside = False
    for start, end in pairs:
        minute = start
        while minute not in (end, now):
            minute = minute + 1 if minute < 1439 or end == 1440 else 0
        inside = inside or minute == now
    assert Schedule(text, None).is_open(now) == inside


@pytest.mark.parametrize(
    "word",
    ["8:00", "8:00-", "-8:00", "8-17", "8:00-17", "8:00-8:00", "24:00-1:00", "8:00-24:01", "8:60-9:00", "25:00-26:00",
     "8:00-17:00-18:00", "8:00:00-9:00", "8.00-9.00", "008:00-9:00", ":-9:00", "8:-9:00", "+8:00-9:00", "٨:00-9:00",
     "8:00–9:00", "8:00-17:00,18:00-19:00"],  # noqa: RUF001 # a dash that is no hyphen
)  # fmt: skip
def test_what_is_no_interval_is_an_error(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        Schedule(f"8:00-9:00 {word}", None)
    assert str(caught.value) == (
        f"--access-times: {word!r} is not an interval (write intervals such as 8:00-17:00 or 22:00-6:00)"
    )


def test_an_empty_list_of_intervals_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"^--access-times: the list is empty \(write intervals such as "):
        Schedule(" ", None)


@pytest.mark.parametrize(
    "text", ["0", "0.0", "-1", "x", "", "1e3", "nan", "inf", "1_0", "1,5", ".5", "1.5.2", "٣", " 1"]
)
def test_what_is_no_load_is_an_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Schedule("", text)
    assert str(caught.value) == f"--max-load: {text!r} is not a load (write a number above 0, such as 2.5)"


def test_outside_its_times_a_service_refuses_every_client_by_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for zone in ("UTC0", "XYZ-5:45"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        now = time.localtime()
        this, next_hour = now.tm_hour, (now.tm_hour + 1) % 24
        after = (next_hour + 1) % 24
        assert Schedule(f"{this}:00-{next_hour}:59", None).decide(PEER).outcome == NO_MATCH
        verdict = Schedule(f"{after}:01-{after}:02", None).decide(PEER)
        assert verdict.outcome == DENY
        assert str(verdict.cause or "") == f"--access-times {after}:01-{after}:02"
        assert verdict.reason.startswith(f"it is {this}:") or verdict.reason.startswith(f"it is {next_hour}:")
        assert verdict.reason.endswith(f", outside {verdict.cause}")
    monkeypatch.delenv("TZ")
    time.tzset()


def test_a_load_at_or_above_the_limit_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posix.getloadavg", lambda: (2.5, 0.0, 0.0))
    for limit, outcome in (("2.5", DENY), ("2.4", DENY), ("2", DENY), ("2.6", NO_MATCH), ("3", NO_MATCH)):
        assert Schedule("", limit).decide(PEER).outcome == outcome
    verdict = Schedule("", "2.50").decide(PEER)
    assert (str(verdict.cause or ""), verdict.reason) == ("--max-load 2.5", "the load is 2.50, and --max-load 2.5")


def test_the_load_is_that_of_the_last_minute() -> None:
    considered: list[str] = []
    Schedule("", "100000").decide(PEER, considered)
    assert abs(float(considered[0].rpartition(" ")[2]) - os.getloadavg()[0]) < 1


def test_a_load_that_cannot_be_read_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError

    monkeypatch.setattr("posix.getloadavg", fail)
    with pytest.raises(SystemFailure, match=r"^--max-load: unable to read the load$"):
        Schedule("", "1").decide(PEER)


def test_the_load_comes_first_and_both_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posix.getloadavg", lambda: (2.5, 0.0, 0.0))
    considered: list[str] = []
    assert Schedule("0:00-24:00", "3").decide(PEER, considered).outcome == NO_MATCH
    assert considered[0] == "--max-load 3: the load is 2.50"
    assert considered[1].startswith("--access-times 0:00-24:00: it is ")
    now = time.localtime()
    closed = f"{(now.tm_hour + 2) % 24}:00-{(now.tm_hour + 2) % 24}:01"
    assert str(Schedule(closed, "1").decide(PEER).cause) == "--max-load 1"
