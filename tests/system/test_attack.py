"""`make attack` in small: seeds that found a fault once find none any more, on each engine."""

import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
SEEDS = {
    "resident": 1,  # the notify socket has gone
    "proxied": 51,  # no descriptor, no memory, no answer for the child of a waiting client
    "timed": 61,  # the time zone moves
    "connection": 31,  # each system call of a gate fails in turn
}


@pytest.mark.parametrize(("engine", "seed"), SEEDS.items(), ids=SEEDS)
def test_no_client_is_served_wrongly_or_lost_while_things_fail(engine: str, seed: int) -> None:
    command = [sys.executable, "-m", "tests.attack.run", "--engine", engine, "--seed", str(seed), "--seconds", "15"]
    done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
