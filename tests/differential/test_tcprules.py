"""--rules against the real tcprules and tcprulescheck."""

from pathlib import Path

from .scale import SEED, amount
from .tcprules import REASONS, Maker, compare_lines, compare_verdicts


def test_every_verdict_rule_and_variable_is_that_of_tcprulescheck(tmp_path: Path) -> None:
    assert compare_verdicts(Maker(SEED), tmp_path, amount(1000, 25000)) == []


def test_every_line_is_refused_or_compiled_as_by_tcprules_or_the_difference_is_explained(tmp_path: Path) -> None:
    differences, explained = compare_lines(Maker(SEED), tmp_path, amount(1500, 25000))
    assert differences == []
    assert set(REASONS) <= set(explained), "a reason that never occurs proves nothing"
    assert explained["the same"] > 300
