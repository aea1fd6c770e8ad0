"""--leftovers: what servers leave behind is ended or counted, and the log tells of it."""

import os
import time

import pytest

from tests.dispatch.conftest import Start
from tests.dispatch.faults import be_impatient, injected
from tests.dispatch.gated import runs, wait_until
from tests.dispatch.manager import Manager

IMPATIENT = injected(be_impatient, "chores", LOOK_SECONDS=0.1) + injected(
    be_impatient, "leftovers", LEFT_SECONDS=0.2, TERM_SECONDS=0.4, KILL_SECONDS=0.8
)
# It leaves its process group and session, as a daemon does, and says its number.
LEAVES = ("/bin/sh", "-c", "setsid sleep 1000 > /dev/null 2>&1 < /dev/null & echo $!")
STUBBORN = ("/bin/sh", "-c", "setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' > /dev/null 2>&1 & echo $!")


def test_what_a_server_leaves_behind_is_ended(gated: Start) -> None:
    one = gated("--leftovers", "end", *LEAVES, code=IMPATIENT)
    left = [int(one.talk()) for _ in range(5)]
    one.wait_for("left process", 5)
    wait_until(lambda: not any(map(runs, left)), one.log)
    wait_until(lambda: one.children() == [], one.log)


def test_what_ignores_sigterm_is_killed(gated: Start) -> None:
    one = gated("--leftovers", "end", *STUBBORN, code=IMPATIENT)
    left = int(one.talk())
    wait_until(lambda: not runs(left), one.log)


@pytest.mark.parametrize("starts", ["sleep 1000 &", "setsid sleep 1000 &"])
def test_an_orphan_of_a_session_lives_as_long_as_the_session(gated: Start, starts: str) -> None:
    one = gated("--leftovers", "end", "/bin/sh", "-c", f"({starts} echo $!) 2>&1; read -r line", code=IMPATIENT)
    with one.connect() as client:
        orphan = int(client.recv(100))
        wait_until(lambda: orphan in one.children(), one.log)  # its new parent is the gate
        one.talk(say=b"\n")  # its own orphan is ended, and that takes longest
        wait_until(lambda: len(one.children()) == 2, one.log)
        assert runs(orphan)
    wait_until(lambda: not runs(orphan), one.log)


def test_what_is_kept_is_told_of_once(gated: Start) -> None:
    one = gated("--leftovers", "keep", *LEAVES, code=IMPATIENT)
    left = int(one.talk())
    (line,) = one.wait_for("left process")
    assert f"a server has ended and left process {left} behind (sleep)" in line
    time.sleep(1.5)
    assert runs(left)
    assert len(one.lines("left process")) == 1
    one.stop()
    os.kill(left, 9)


def test_the_status_counts_what_is_kept(manager: Manager) -> None:
    manager.start("--leftovers", "keep", *LEAVES, code=IMPATIENT)
    left = int(manager.talk())
    manager.wait_for("STATUS", "0 of 40 connections, 1 served, 0 refused; 1 left behind by servers")
    os.kill(left, 9)
    wait_until(lambda: "left behind" not in manager.told()[-1]["STATUS"], lambda: str(manager.told()))


def test_a_server_that_runs_and_what_it_has_started_are_not_left_behind(gated: Start) -> None:
    one = gated("--leftovers", "end", "/bin/sh", "-c", "sleep 1000 & echo in; read -r line; kill $!", code=IMPATIENT)
    with one.connect() as client:
        assert client.recv(100) == b"in\n"
        assert one.talk(say=b"\n") == b"in\n"  # the end of another server is seen
        time.sleep(1.5)
        assert not one.lines("left process")
        client.sendall(b"\n")
    one.wait_for("ended ", 2)


def test_without_the_option_the_gate_becomes_the_parent_of_no_other_process(gated: Start) -> None:
    one = gated(*LEAVES)
    left = int(one.talk())
    one.wait_for("ended ")
    wait_until(lambda: one.children() == [], one.log)
    assert runs(left)
    os.kill(left, 9)
