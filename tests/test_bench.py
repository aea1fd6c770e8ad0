"""How `make bench` judges what it has measured."""

import pytest

from tests.bench.launchers import C_SERVERS, LIMIT, OURS, TCPSERVER
from tests.bench.rates import judge
from tests.bench.results import FAILED, PASSED, UNCLEAR, Ratio, Result, Run

P99 = 1.0  # of all others


@pytest.mark.parametrize(
    ("value", "error", "outcome"),
    [
        (1.02, 0.05, PASSED),
        (0.985, 0.01, PASSED),  # a tie
        (0.985, 0.05, PASSED),
        (0.97, 0.01, FAILED),
        (0.97, 0.02, UNCLEAR),  # noise excuses no more than a tie, and fails no program
        (0.8, 0.05, FAILED),
    ],
)
def test_noise_neither_excuses_nor_fails(value: float, error: float, outcome: str) -> None:
    assert Ratio(value, error).outcome(least=1.0) == outcome
    assert Ratio(2 - value, error).outcome(most=1.0) == outcome


@pytest.mark.parametrize(
    ("rate", "p99", "code"),
    [(1000, 1.0, 0), (985, 1.05, 0), (975, 1.0, 1), (1000, 1.15, 1)],
    ids=["level", "a little behind", "slower", "later"],
)
def test_it_passes_if_it_is_as_fast_as_the_best_c_server(rate: float, p99: float, code: int) -> None:
    assert judge([*map(rival, C_SERVERS), result(OURS, rate, p99)]) == code


def test_the_limit_is_shown_and_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge([rival(TCPSERVER), result(LIMIT, 2000, P99), result(OURS, 1000, P99)]) == 0
    assert "0.50 ± 0.00 of the limit" in capsys.readouterr().out


def test_a_noisy_run_says_that_it_cannot_tell(capsys: pytest.CaptureFixture[str]) -> None:
    ours = Result("line", OURS, 1, [Run(rate, P99, P99, 1.0) for rate in (800, 900, 950, 1000, 1050)], 1.0)
    assert judge([rival(TCPSERVER), ours]) == 0
    assert "unclear: this run cannot tell" in capsys.readouterr().out


def rival(name: str) -> Result:
    return result(name, 1000, P99)


def result(name: str, rate: float, p99: float) -> Result:
    return Result("line", name, 1, [Run(rate, p99, p99, 1.0)] * 5, 1.0)
