"""No client is lost when sockgated is restarted, upgraded or killed under load, and no session ends."""

import time
from collections.abc import Callable

import pytest

from tests.system import load
from tests.system import machine as machines
from tests.system.machine import Machine

TIMES = 20 if load.FULL else 4
SESSIONS = 20
CLIENTS = 32
PAUSE = 2.0 if load.FULL else 0.5  # seconds between two faults, in which the next gate is at work


@pytest.fixture(scope="module")
def smtp(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    load.prepare(machine, tmp_path_factory.mktemp("build"))
    load.serve(machine, "--max-connections 1000")
    return machine


def restart(machine: Machine) -> None:
    machine.systemctl("restart", "smtp.service")


def kill(machine: Machine) -> None:
    before = load.main_pid(machine)
    machine.run("kill", "-KILL", str(before))
    machine.wait_for(lambda: load.main_pid(machine) not in (0, before), "the next gate")


def reload(machine: Machine) -> None:
    machine.systemctl("reload", "smtp.service")


def upgrade(machine: Machine) -> None:
    machines.install(machine.root)
    machine.systemctl("daemon-reload")
    restart(machine)


@pytest.mark.parametrize(
    ("fault", "times"), [(restart, TIMES), (kill, TIMES), (reload, TIMES), (upgrade, 1 + TIMES // 5)]
)
def test_nobody_is_lost(smtp: Machine, fault: Callable[[Machine], None], times: int) -> None:
    with load.held(smtp, SESSIONS) as sessions, load.start(smtp, "-c", str(CLIENTS), "-e") as clients:
        for _ in range(times):
            time.sleep(PAUSE)
            fault(smtp)
        time.sleep(PAUSE)
        outcome = load.outcome(clients)
        print(f"{smtp.release}: {times} times {fault.__name__}: {outcome}")
        assert (outcome.lost, outcome.empty) == (0, 0), outcome
        assert load.echoed(sessions) == SESSIONS
