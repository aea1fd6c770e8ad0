"""Waiting for the next thing to happen."""

import socket
import time
from collections.abc import Iterator
from functools import partial

import pytest

from sockgate.dispatch.poller import Loop
from sockgate.dispatch.records.rate_limited_log import Seldom


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def ends() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    pairs = [socket.socketpair() for _ in range(3)]
    yield pairs
    for pair in pairs:
        for end in pair:
            end.close()


def nothing() -> None:
    pass


def test_events_are_dealt_with_one_at_a_time_and_none_starves(
    loop: Loop, ends: list[tuple[socket.socket, socket.socket]]
) -> None:
    calls: list[str] = []
    for name, (near, far) in zip("abc", ends, strict=True):
        loop.watch(near, partial(calls.append, name))
        far.sendall(b"never read")
    for number in range(1, 10):
        loop.once(nothing)
        assert len(calls) == number
    assert sorted(calls) == sorted("abc" * 3)


def test_who_is_no_longer_watched_is_not_called(loop: Loop, ends: list[tuple[socket.socket, socket.socket]]) -> None:
    (near, far), (other, other_far), _ = ends
    calls: list[str] = []
    loop.watch(near, partial(calls.append, "gone"))
    loop.watch(other, partial(calls.append, "here"))
    far.sendall(b"x")
    other_far.sendall(b"x")
    loop.unwatch(near)
    for _ in range(3):
        loop.once(nothing)
    assert calls == ["here"] * 3


def test_it_is_called_before_each_event_and_not_before_timers(
    loop: Loop, ends: list[tuple[socket.socket, socket.socket]]
) -> None:
    calls: list[str] = []
    near, far = ends[0]
    loop.watch(near, lambda: calls.append(near.recv(1).decode()))
    far.sendall(b"xy")
    for _ in range(2):
        loop.once(lambda: calls.append("before"))
    assert calls == ["before", "x", "before", "y"]
    loop.after(0.01, nothing)
    loop.once(lambda: calls.append("before"))
    assert len(calls) == 4


def test_timers_run_when_they_are_due_and_once(loop: Loop) -> None:
    calls: list[str] = []
    first, second, third = (lambda name=name: calls.append(name) for name in ("first", "second", "third"))
    loop.after(0.02, second)
    loop.after(0.01, first)
    loop.after(60, third)
    loop.cancel(third)
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        loop.after(0.005, nothing)
        loop.once(nothing)
        loop.run_timers()
    assert calls == ["first", "second"]


def test_a_timer_that_is_set_again_keeps_its_earlier_time(loop: Loop) -> None:
    calls: list[None] = []
    action = lambda: calls.append(None)  # noqa: E731  # the same object each time
    loop.after(0.01, action)
    loop.after(60, action)
    loop.once(nothing)
    loop.run_timers()
    assert calls == [None]


def test_the_same_is_said_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("sockgate.dispatch.records.rate_limited_log.monotonic", lambda: now[0])
    said: list[str] = []
    say = Seldom(said.append)
    for second in range(130):
        now[0] = float(second)
        say("full")
        if second == 30:
            say("other")
    assert said == ["full", "other", "full, 59 times more since the last report", *said[3:]]
    assert len(said) == 4
