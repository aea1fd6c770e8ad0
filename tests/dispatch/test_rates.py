"""How many clients may come in a time, and when the pause is over. Each rate against the program that it is from."""

from collections.abc import Iterable

import pytest

from sockgate.dispatch import rates
from sockgate.dispatch.rates import Average, PerMinute, PerSecond, Rate


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rates, "monotonic", clock)
    return clock


def test_a_burst_above_the_rate_begins_a_pause(clock: Clock) -> None:
    rate = Average(3, 10)
    assert [rate.exceeded() for _ in range(4)] == [False, False, False, True]
    clock.now += 9.9
    assert rate.exceeded()
    clock.now += 0.2
    assert [rate.exceeded() for _ in range(4)] == [False, False, False, True]


def test_a_steady_stream_at_the_rate_is_never_paused(clock: Clock) -> None:
    rate = Average(5, 10)
    for _ in range(1000):
        assert not rate.exceeded()
        clock.now += 0.2


def test_twice_the_rate_is_paused_within_seconds(clock: Clock) -> None:
    rate = Average(5, 10)
    allowed = 0
    while not rate.exceeded():
        allowed += 1
        clock.now += 0.1
    assert allowed == 9


def test_a_quiet_time_allows_no_longer_burst(clock: Clock) -> None:
    rate = Average(4, 10)
    clock.now += 1000
    assert [rate.exceeded() for _ in range(5)] == [False] * 4 + [True]


def exceeded(rate: Rate, clock: Clock, times: Iterable[float]) -> list[bool]:
    """Of clients at these seconds, which one is too many."""
    begin = clock.now
    found = []
    for time in times:
        clock.now = begin + time
        found.append(rate.exceeded())
    return found


@pytest.mark.parametrize(
    ("most", "times", "too_many"),
    [
        (3, [0, 0, 0, 0], [False, False, False, True]),
        (2, [0, 0.5, 1.0, 1.9], [False, False, True, True]),  # a steady two a second: 3 // 1 is one too many
        (4, [0, 3.5, *[3.6] * 13], [False] * 14 + [True]),  # 14 // 3 is 4, 15 // 3 is not
        (4, [0, 0, 0, 0, *[4] * 4], [False] * 8),  # the next four seconds
    ],
)
def test_cps_divides_by_the_whole_seconds_since_the_first_client(
    most: int, times: list[float], too_many: list[bool], clock: Clock
) -> None:
    assert exceeded(PerSecond(most, 10), clock, times) == too_many


def test_cps_goes_on_counting_after_its_pause(clock: Clock) -> None:
    """xinetd's window of 4 s is not over after a pause of 1 s: 5 clients of the first second count in the third."""
    rate = PerSecond(4, 1)
    assert exceeded(rate, clock, [0] * 5) == [False] * 4 + [True]
    assert exceeded(rate, clock, [0.5, 2, 2, 2, 2, 2]) == [True, False, False, False, False, True]


def test_a_pause_of_cps_that_is_0_refuses_only_the_clients_above_it(clock: Clock) -> None:
    assert exceeded(PerSecond(2, 0), clock, [0, 0, 0, 0, 2]) == [False, False, True, True, False]


def test_a_minute_of_inetd_is_over_after_sixty_whole_seconds(clock: Clock) -> None:
    rate = PerMinute(3, 0)
    assert exceeded(rate, clock, [0, 1, 2, 3, 60.9, 61, 61, 61, 61]) == [False] * 3 + [True] * 2 + [False] * 3 + [True]


def test_a_minute_that_was_over_before_the_limit_begins_with_the_client_that_reaches_it(clock: Clock) -> None:
    assert exceeded(PerMinute(3, 0), clock, [0, 50, 100, 101, 102, 103, 104]) == [False] * 6 + [True]


def test_gnu_inetd_closes_its_port_for_ten_minutes(clock: Clock) -> None:
    rate = PerMinute(2, 600)
    assert exceeded(rate, clock, [0, 1, 2]) == [False, False, True]
    assert exceeded(rate, clock, [599, 600, 600, 600]) == [True, False, False, True]


@pytest.mark.parametrize(("kind", "seconds"), [(PerSecond, 31), (PerMinute, 61), (Average, 1)])
def test_what_was_counted_is_kept_until_it_decides_nothing(kind: type[Rate], seconds: float, clock: Clock) -> None:
    rate = kind(30, 10)
    rate.exceeded()
    assert rate.memory_left == pytest.approx(seconds)
    clock.now += seconds
    assert rate.memory_left == 0


def test_a_pause_is_kept_to_its_end(clock: Clock) -> None:
    rate = PerMinute(1, 600)
    assert exceeded(rate, clock, [0, 0]) == [False, True]
    assert rate.memory_left == rate.pause_left == 600
