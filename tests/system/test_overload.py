"""More than the machine or the unit's limits can take: a pause, one line a minute, and on without help."""

import time
from collections.abc import Iterator

import pytest

from sockgate.dispatch.records import PAUSED
from tests.system import load, services
from tests.system.machine import Machine

SECONDS = 60 if load.FULL else 5
RECOVERY = 2.0  # seconds
MOST_CPU = 0.05  # of a second that nothing can be done in
WATCHED = 3  # seconds
USER = 61_000
SLOW = '/bin/sh -c "echo hello; sleep 0.1"'


@pytest.fixture(scope="module")
def smtp(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    load.prepare(machine, tmp_path_factory.mktemp("build"))
    return machine


@pytest.fixture
def main(smtp: Machine) -> Iterator[None]:
    """Whatever comes, nobody has to restart it."""
    yield
    assert smtp.systemctl("show", "--property=NRestarts", "--value", "smtp.service").stdout == "0\n"


def seconds_until_served(machine: Machine) -> float:
    """What a client waits now."""
    begin = time.monotonic()
    assert services.listen(machine, load.PORT)[0][1] == "hello\n"
    return time.monotonic() - begin


def cpu_seconds(machine: Machine) -> float:
    """What the gate itself has used so far."""
    times = machine.read(f"/proc/{load.main_pid(machine)}/stat").rpartition(")")[2].split()
    return (int(times[11]) + int(times[12])) / 100


def pauses(machine: Machine) -> list[str]:
    """What was said about them since the gate was started."""
    main = load.main_pid(machine)
    return [record["MESSAGE"] for record in machine.journal(f"_PID={main}", f"MESSAGE_ID={PAUSED}")]


def wait_for_trouble(machine: Machine, reason: str) -> None:
    """Until `systemctl status` names it."""
    machine.wait_for(lambda: reason in services.status_text(machine, "smtp"), f"the status to name {reason!r}")


def assert_it_rests(machine: Machine) -> None:
    before = cpu_seconds(machine)
    time.sleep(WATCHED)
    assert cpu_seconds(machine) - before <= MOST_CPU * WATCHED


@pytest.mark.usefixtures("main")
def test_ten_times_as_many_clients_as_there_is_room_for_are_all_served(smtp: Machine) -> None:
    load.serve(smtp, "--max-connections 20")
    outcome = load.outcome(load.start(smtp, "-c", "200", "-t", str(SECONDS)))
    waited = seconds_until_served(smtp)
    print(f"{smtp.release}: 200 clients, room for 20: {outcome}; the next waited {waited:.3f} s")
    assert (outcome.empty, outcome.lost) == (0, 0)
    assert waited < RECOVERY


@pytest.mark.usefixtures("main")
def test_more_than_ten_times_the_rate_that_can_be_served_is_refused_and_forgotten(smtp: Machine) -> None:
    load.serve(smtp, "--max-connections 10 --at-limit refuse", server=SLOW)
    outcome = load.outcome(load.start(smtp, "-c", "64", "-t", str(SECONDS)))
    waited = seconds_until_served(smtp)
    print(f"{smtp.release}: {outcome}; the next waited {waited:.3f} s")
    assert outcome.lost == 0
    assert outcome.empty > 10 * outcome.served
    assert waited < RECOVERY


@pytest.mark.usefixtures("main")
def test_above_the_processes_that_it_may_have_clients_wait_and_nobody_is_lost(smtp: Machine) -> None:
    # What TasksMax= leads to as well, but that needs a controller which not every machine has for its containers. The
    # user is one that no other container has: the kernel counts the processes of all.
    smtp.run("useradd", "--uid", str(USER + smtp.systemd_version), "crowded")
    load.serve(smtp, "--max-connections 1000", unit="[Service]\nUser=crowded\nLimitNPROC=30\n")
    with load.held(smtp, 20) as first, load.held(smtp, 20) as second:
        smtp.wait_for(lambda: pauses(smtp) != [], "the limit to be felt")
        wait_for_trouble(smtp, "unable to start a process: Resource temporarily unavailable")
        assert_it_rests(smtp)
        assert len(pauses(smtp)) == 1
        assert load.echoed(first) == 20
        assert load.echoed(second) == 20
    assert seconds_until_served(smtp) < RECOVERY
    load.wait_for_status(smtp, "0 of 1000 connections, 41 served, 0 refused")


@pytest.mark.usefixtures("main")
def test_above_the_descriptors_of_the_unit_clients_wait(smtp: Machine) -> None:
    gate = f"--proxy-protocol {load.HOLDER} --timeout 8"  # those who do not say who they are take a descriptor each
    load.serve(smtp, "--max-connections 1000", gate, unit="[Service]\nLimitNOFILE=40\n")
    with load.start(smtp, "-H", "60", sources=(load.HOLDER,)):
        smtp.wait_for(lambda: pauses(smtp) != [], "the limit to be felt")
        wait_for_trouble(smtp, "Too many open files")
        assert_it_rests(smtp)
        assert len(pauses(smtp)) <= 2  # one for each system call
    load.wait_for_status(smtp, "0 of 1000 connections, 0 served", 30)
