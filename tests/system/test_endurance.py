"""What sockgated takes for thousands of sessions, for hundreds of thousands of connections, for silent clients."""

import json

import pytest

from tests.system import load, services
from tests.system.machine import Machine

MOST_MEMORY, MOST_GROWTH = 32 << 10, 2 << 10  # kB
MOST_DESCRIPTORS = 20
HELD = 5000 if load.FULL else 1000
WARM_UP, CONNECTIONS = (20_000, 200_000) if load.FULL else (4000, 10_000)
REFUSED = tuple(source.replace("127.0.1.", "127.0.2.") for source in load.SOURCES)
SILENT = 1000 if load.FULL else 300
MOST_DELAY = 0.2  # seconds


@pytest.fixture(scope="module")
def smtp(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    load.prepare(machine, tmp_path_factory.mktemp("build"))
    return machine


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
def test_silent_clients_hold_nobody_up(smtp: Machine, kind: str, options: str) -> None:
    load.serve(smtp, f"--max-connections {SILENT + 10}", options)
    waited = json.loads(services.client(smtp, "silent", str(load.PORT), str(SILENT), kind))
    print(f"{smtp.release}: {SILENT} clients without {kind}: {waited}")
    assert waited["silent"] == SILENT
    assert waited["behind"] - waited["alone"] < MOST_DELAY
    load.wait_for_status(smtp, f"0 of {SILENT + 10} connections", 60)
