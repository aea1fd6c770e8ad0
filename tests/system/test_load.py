"""sockgated under load: restarted, upgraded and killed, with thousands of sessions, with more clients than it can
serve, and with those of whom nothing is heard.

At a size that takes a minute; `make soak` runs the same at the size that the figures of a release come from.
"""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from sockgate.connection.log import PAUSED
from tests.system import load, services
from tests.system import machine as machines
from tests.system.machine import Machine

TIMES = 20 if load.FULL else 4
PAUSE = 2.0 if load.FULL else 0.5  # seconds between two faults, in which the next gate is at work
SESSIONS, CLIENTS = 20, 32

HELD = 5000 if load.FULL else 1000
WARM_UP, CONNECTIONS = (20_000, 200_000) if load.FULL else (4000, 10_000)
REFUSED = tuple(source.replace("127.0.1.", "127.0.2.") for source in load.SOURCES)
MOST_MEMORY, MOST_GROWTH = 32 << 10, 2 << 10  # kB
MOST_DESCRIPTORS = 20
SILENT = 1000 if load.FULL else 300
MOST_DELAY = 30  # seconds: the silent ones are waited for twice as long

BURST = 60 if load.FULL else 3  # seconds
RECOVERY = 30  # seconds, on the busiest machine: a gate that does not recover never does
WATCHED = 2  # seconds
MOST_CPU = 0.05  # of a second that nothing can be done in
USER = 61_000
SLOW = '/bin/sh -c "echo hello; sleep 1"'  # so long that any machine refuses ten clients meanwhile


@pytest.fixture(scope="module")
def smtp(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    load.prepare(machine, tmp_path_factory.mktemp("build"))
    return machine


@pytest.fixture
def alone(smtp: Machine) -> Iterator[None]:
    """No load makes a restart necessary."""
    yield
    assert smtp.systemctl("show", "--property=NRestarts", "--value", "smtp.service").stdout == "0\n"


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


FORK = "--rlimit core=0"  # has the gate fork, which takes longer than vfork


@pytest.mark.parametrize(
    ("fault", "times", "options"),
    [(restart, TIMES, ""), (kill, TIMES, ""), (kill, TIMES, FORK), (reload, TIMES, ""), (upgrade, 1 + TIMES // 5, "")],
)
def test_no_client_is_lost(smtp: Machine, fault: Callable[[Machine], None], times: int, options: str) -> None:
    load.serve(smtp, "--max-connections 1000", options)
    with load.held(smtp, SESSIONS) as sessions, load.start(smtp, "-c", str(CLIENTS), "-e") as clients:
        for _ in range(times):
            time.sleep(PAUSE)
            fault(smtp)
        time.sleep(PAUSE)
        outcome = load.outcome(clients)
        print(f"{smtp.release}: {times} times {fault.__name__} {options}: {outcome}")
        assert (outcome.lost, outcome.empty) == (0, 0), outcome
        assert load.echoed(sessions) == SESSIONS


def test_thousands_of_sessions_at_once_take_the_gate_next_to_nothing(smtp: Machine) -> None:
    load.serve(smtp, f"--max-connections {HELD}", unit=load.ROOMY)
    before = load.footprint(smtp)
    with load.held(smtp, HELD) as sessions:
        load.wait_for_status(smtp, f"{HELD} of {HELD} connections", 120)
        during = load.footprint(smtp)
        print(f"{smtp.release}: {HELD} sessions: {during}, before: {before}")
        assert during.pss < MOST_MEMORY
        assert during.descriptors <= MOST_DESCRIPTORS
        assert during.zombies == 0
        assert load.echoed(sessions) == HELD
    load.wait_for_status(smtp, f"0 of {HELD} connections, {HELD:,} served, 0 refused", 120)
    after = load.footprint(smtp)
    assert (after.descriptors, after.zombies) == (before.descriptors, 0)


def test_any_number_of_connections_leaves_nothing_behind(smtp: Machine) -> None:
    load.serve(smtp, "--max-connections 1000", "--deny 127.0.2.0/24")
    run(smtp, WARM_UP)
    before = load.footprint(smtp)
    outcome = run(smtp, CONNECTIONS)
    after = load.footprint(smtp)
    print(f"{smtp.release}: {outcome}; {before} became {after}")
    assert (outcome.served, outcome.empty) == (CONNECTIONS // 2, CONNECTIONS // 2)
    assert after.anonymous - before.anonymous < MOST_GROWTH
    assert (after.descriptors, after.zombies) == (before.descriptors, 0)


def run(machine: Machine, connections: int) -> load.Outcome:
    """So many, half of them refused."""
    sources = tuple(source for pair in zip(load.SOURCES, REFUSED, strict=True) for source in pair)
    outcome = load.outcome(load.start(machine, "-c", "32", "-n", str(connections), sources=sources))
    load.wait_for_status(machine, "0 of 1000 connections")
    return outcome


@pytest.mark.parametrize(
    ("kind", "options"), [("proxy", "--proxy-protocol 127.0.0.0/8 --timeout 60"), ("ident", "--ident=60 --timeout 60")]
)
def test_silent_clients_hold_no_client_up(smtp: Machine, kind: str, options: str) -> None:
    load.serve(smtp, f"--max-connections {SILENT + 10}", options)
    waited = json.loads(services.client(smtp, "silent", str(load.PORT), str(SILENT), kind))
    print(f"{smtp.release}: {SILENT} clients without {kind}: {waited}")
    assert waited["silent"] == SILENT
    assert waited["behind"] - waited["alone"] < MOST_DELAY
    load.wait_for_status(smtp, f"0 of {SILENT + 10} connections", 60)


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
    return [record["MESSAGE"] for record in machine.journal(f"_PID={main}", f"MESSAGE_ID={PAUSED}", count=0)]


def wait_for_trouble(machine: Machine, reason: str) -> None:
    """Until `systemctl status` names it."""
    machine.wait_for(lambda: reason in services.status_text(machine, "smtp"), f"the status to name {reason!r}")


def assert_it_rests(machine: Machine) -> None:
    before = cpu_seconds(machine)
    time.sleep(WATCHED)
    assert cpu_seconds(machine) - before <= MOST_CPU * WATCHED


@pytest.mark.usefixtures("alone")
def test_ten_times_as_many_clients_as_there_is_room_for_are_all_served(smtp: Machine) -> None:
    load.serve(smtp, "--max-connections 20")
    outcome = load.outcome(load.start(smtp, "-c", "200", "-t", str(BURST)))
    waited = seconds_until_served(smtp)
    print(f"{smtp.release}: 200 clients, room for 20: {outcome}; the next waited {waited:.3f} s")
    assert (outcome.empty, outcome.lost) == (0, 0)
    assert waited < RECOVERY


@pytest.mark.usefixtures("alone")
def test_more_than_ten_times_the_rate_that_can_be_served_is_refused_and_forgotten(smtp: Machine) -> None:
    load.serve(smtp, "--max-connections 10 --at-limit refuse", server=SLOW)
    outcome = load.outcome(load.start(smtp, "-c", "64", "-t", str(BURST)))
    waited = seconds_until_served(smtp)
    print(f"{smtp.release}: {outcome}; the next waited {waited:.3f} s")
    assert outcome.lost == 0
    assert outcome.empty > 10 * outcome.served
    assert waited < RECOVERY


@pytest.mark.usefixtures("alone")
def test_above_the_processes_that_it_may_have_clients_wait_and_no_client_is_lost(smtp: Machine) -> None:
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


@pytest.mark.usefixtures("alone")
def test_above_the_descriptors_of_the_unit_clients_wait(smtp: Machine) -> None:
    gate = f"--proxy-protocol {load.HOLDER} --timeout 8"  # those who do not say who they are take a descriptor each
    load.serve(smtp, "--max-connections 1000", gate, unit="[Service]\nLimitNOFILE=40\n")
    with load.start(smtp, "-H", "60", sources=(load.HOLDER,)):
        smtp.wait_for(lambda: pauses(smtp) != [], "the limit to be felt")
        wait_for_trouble(smtp, "Too many open files")
        assert_it_rests(smtp)
        assert len(pauses(smtp)) <= 2  # one for each system call
    load.wait_for_status(smtp, "0 of 1000 connections, 0 served", 30)
