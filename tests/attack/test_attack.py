"""What the oracle of `make attack` takes and does not take, and that a seed says all that is done."""

from itertools import pairwise

import pytest

from tests.attack import plan
from tests.attack.oracle import Era, History, Visit, Window, counts, fault_of
from tests.attack.run import alarms

A, B, C = plan.SOURCES[:3]
FIRST = {A: plan.ALLOW, B: plan.DENY, C: plan.RELAY}
SECOND = {A: plan.DENY, B: plan.ALLOW, C: plan.ALLOW}
FOREVER = float("inf")


def history(*windows: Window) -> History:
    """Generation 0, from 10 s on generation 1; from 20 s on there are no good rules."""
    eras = [Era(0, 10, 0, FIRST), Era(10, 20, 1, SECOND), Era(20, FOREVER, 2, None)]
    return History(eras, list(windows))


def visit(source: str, at: float, ending: str = "closed", generation: int = -1, *, relays: bool = False) -> Visit:
    return Visit(source, at, at + 0.1, ending, generation, relays, session="whole")


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        (visit(A, 5, "served", 0), ""),
        (visit(C, 5, "served", 0, relays=True), ""),
        (visit(C, 5, "served", 0), "generation 0 says ['relay'], its server was told False"),
        (visit(A, 5, "served", 0, relays=True), "generation 0 says ['allow'], its server was told True"),
        (visit(B, 5, "served", 0), "it was served, and generation 0 refuses it"),
        (visit(B, 5), ""),
        (visit(A, 5), "it was refused, and may come in by generations [0]"),
        (visit(A, 9.95), ""),  # the rules change while it is there
        (visit(A, 9.95, "served", 0), ""),
        (visit(B, 9.95, "served", 1), ""),
        (visit(A, 15, "served", 0), "it was served by generation 0; in force were [1]"),
        (visit(B, 25, "served", 1), ""),  # the last good rules stay
        (visit(B, 25), ""),  # or there are none
        (visit(A, 25, "served", 0), "it was served by generation 0; in force were [1, 2]"),
        (Visit(A, 5, 17), "it was neither served nor refused within 12 s"),
        (Visit(A, 5, 6, "strange", said="who?"), "it was told 'who?'"),
        (Visit(A, 5, 6, "served", 0, session="cut", said=""), "its session was cut: ''"),
    ],
)
def test_the_oracle_knows_what_may_become_of_a_client(seen: Visit, fault: str) -> None:
    assert fault_of(seen, history()) == fault


def test_the_time_of_day_counts_for_the_rules_that_stay() -> None:
    eras = [Era(0, 10, 0, FIRST, closed=True), Era(10, 20, 1, None), Era(20, FOREVER, 1, None, closed=True)]
    told = History(eras)
    assert fault_of(visit(A, 5), told) == ""
    assert (
        fault_of(visit(A, 5, "served", 0), told) == "it was served by generation 0, and the time of day is a wrong one"
    )
    assert fault_of(visit(A, 15, "served", 0), told) == ""
    assert (
        fault_of(visit(A, 25, "served", 0), told) == "it was served by generation 0, and the time of day is a wrong one"
    )


def test_rules_that_were_there_for_a_moment_may_not_have_been_seen() -> None:
    """Then those from before stay in force while there are no good ones."""
    first, second, third = {A: plan.ALLOW, B: plan.DENY}, {A: plan.DENY, B: plan.DENY}, {A: plan.DENY, B: plan.ALLOW}
    told = History(
        [Era(0, 10, 0, first), Era(10, 10.02, 1, second), Era(10.01, 10.04, 2, third), Era(10.04, 20, 2, None)]
    )
    assert fault_of(visit(A, 10.03, "served", 0), told) == ""
    assert fault_of(visit(A, 10.5, "served", 0), told) == ""
    assert fault_of(visit(B, 10.03, "served", 2), told) == ""
    assert fault_of(visit(B, 10.03, "served", 0), told) == "it was served, and generation 0 refuses it"
    assert fault_of(visit(A, 10.03, "served", 7), told) == "it was served by generation 7; in force were [0, 1, 2, 2]"


def test_a_fault_that_keeps_new_rules_out_excuses_old_ones_and_nothing_else() -> None:
    stale = Window(9, 12, "unreadable", stale=True)
    assert fault_of(visit(A, 11, "served", 0), history(stale)) == ""
    assert fault_of(visit(B, 11, "served", 0), history(stale)) == "it was served, and generation 0 refuses it"
    assert fault_of(visit(A, 12.5, "served", 0), history(stale)) == "it was served by generation 0; in force were [1]"
    assert fault_of(visit(C, 11), history(stale)) == "it was refused, and may come in by generations [0, 1]"


def test_a_client_is_dropped_only_where_that_is_documented() -> None:
    dropped = Window(4, 6, "killed without a guardian", drops=True)
    assert fault_of(visit(A, 5), history(dropped)) == ""
    assert fault_of(visit(A, 7), history(dropped)) != ""
    assert fault_of(visit(B, 5, "served", 0), history(dropped)) != ""
    assert counts([visit(A, 5), visit(B, 5), visit(A, 5, "served", 0), visit(C, 25)], history(dropped)) == {
        "dropped": 1, "refused": 1, "served": 1, "refused without rules": 1
    }  # fmt: skip


def test_a_seed_says_all_that_is_done() -> None:
    for seed in range(20):
        faults = plan.faults(seed, 60)
        assert faults == plan.faults(seed, 60)
        assert all(before.end < fault.at for before, fault in pairwise(faults))
        assert faults[-1].end < 60 - 2, "the end is quiet"
        swaps = list(plan.swaps(seed, 60))
        assert swaps == list(plan.swaps(seed, 60))
        assert swaps[0].is_good
        assert swaps[-1].is_good
    assert {fault.kind for seed in range(20) for fault in plan.faults(seed, 60)} == set(plan.KINDS)


def test_a_traceback_and_an_internal_error_are_seen() -> None:
    traceback = 'Traceback (most recent call last):\n  File "x", line 1, in <module>\n    main()\nOSError: [Errno 5] no'
    text = f"sockgated: listening\n{traceback}\nsockgated: internal error: KeyError\nstopped\n"
    assert alarms(text) == [traceback, "sockgated: internal error: KeyError"]
