"""Waiting for the next thing to happen."""

import socket
import time
from collections.abc import Iterator

import pytest

from sockgate.dispatch.poller import FOREVER, Poller, Timer, Timers
from sockgate.dispatch.records.records import RateLimiter

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def poller() -> Poller:
    return Poller()


@pytest.fixture
def timers() -> Timers:
    return Timers()


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    pairs = [socket.socketpair() for _ in range(3)]
    yield pairs
    for pair in pairs:
        for end in pair:
            end.close()


def test_sources_that_are_ready_come_one_at_a_time_and_none_starves(poller: Poller, pairs: list[Pair]) -> None:
    for near, far in pairs:
        poller.watch(near)
        far.sendall(b"never read")
    found = [poller.wait(time.monotonic() + 1) for _ in range(9)]
    assert [found.count(near) for near, _ in pairs] == [3, 3, 3]


def test_a_source_that_is_no_longer_watched_does_not_come(poller: Poller, pairs: list[Pair]) -> None:
    (near, far), (other, other_far), _ = pairs
    for source, end in ((near, far), (other, other_far)):
        poller.watch(source)
        end.sendall(b"x")
    poller.unwatch(near)
    assert [poller.wait(time.monotonic() + 1) for _ in range(3)] == [other] * 3


def test_without_a_source_that_is_ready_the_time_runs_out(poller: Poller, pairs: list[Pair]) -> None:
    poller.watch(pairs[0][0])
    start = time.monotonic()
    assert poller.wait(start + 0.02) is None
    assert time.monotonic() - start >= 0.02


def test_timers_are_due_once_and_the_earliest_first(timers: Timers, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("sockgate.dispatch.poller.monotonic", lambda: now[0])
    timers.set(Timer.REPORT, 0.02)
    timers.set(Timer.CHORES, 0.01)
    timers.set(Timer.LEAVE, 60)
    timers.set(Timer.GUARDIAN, 0.015)
    timers.cancel(Timer.GUARDIAN)
    assert timers.take_due() is None
    now[0] += 0.04
    assert [timers.take_due() for _ in range(3)] == [Timer.CHORES, Timer.REPORT, None]
    assert timers.next_due == 1060


def test_a_timer_that_is_set_again_keeps_its_earlier_time(timers: Timers) -> None:
    timers.set(Timer.CHORES, 0.01)
    timers.set(Timer.CHORES, 60)
    assert timers.next_due - time.monotonic() <= 0.01
    timers.set(Timer.CHORES, 0)
    assert (timers.take_due(), timers.take_due()) == (Timer.CHORES, None)


def test_without_timers_the_wait_has_no_end(timers: Timers) -> None:
    assert timers.next_due == FOREVER
    timers.set(Timer.CHORES, 0.001)
    timers.cancel(Timer.CHORES)
    time.sleep(0.002)
    assert (timers.take_due(), timers.next_due) == (None, FOREVER)


def test_the_same_is_said_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("sockgate.dispatch.records.records.monotonic", lambda: now[0])
    said: list[str] = []
    limiter = RateLimiter()
    for second in range(130):
        now[0] = float(second)
        said.append(limiter.pass_on("full"))
        if second == 30:
            said.append(limiter.pass_on("other"))
    assert list(filter(None, said)) == [
        "full", "other", "full, 59 times more since the last report", "full, 59 times more since the last report"
    ]  # fmt: skip
