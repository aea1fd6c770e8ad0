"""Five hundred sessions outlive their gate again and again: the next one counts them, and records their end."""

import json
import os
from collections.abc import Callable

import pytest

from sockgate.connection.log import ENDED
from tests.system import load, services
from tests.system import machine as machines
from tests.system.machine import Machine

HELD, CLIENTS = 500, 16
LIMITS = f"--max-connections 1000 --max-per-source {HELD}"
WAIT = 60  # generous: nothing here depends on the speed of the machine
# From Linux 6.15 on, the exit status of a process that is no child.
TELLS_STATUS = tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 15)


@pytest.fixture(scope="module")
def smtp(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    load.prepare(machine, tmp_path_factory.mktemp("build"))
    return machine


def restart(machine: Machine) -> None:
    machine.systemctl("restart", "smtp.service")


def upgrade(machine: Machine) -> None:
    machines.install(machine.root)
    machine.systemctl("daemon-reload")
    restart(machine)


def end(machine: Machine, name: str) -> None:
    """End the gate by this signal, and wait for the next one."""
    before = load.main_pid(machine)
    machine.run("kill", f"-{name}", str(before))
    machine.wait_for(lambda: load.main_pid(machine) not in (0, before), "the next gate", WAIT)
    machine.wait_for(lambda: active_state(machine) == "active", "it to be ready", WAIT)


def kill(machine: Machine) -> None:
    end(machine, "KILL")


def crash(machine: Machine) -> None:
    end(machine, "SEGV")


def active_state(machine: Machine) -> str:
    return machine.systemctl("is-active", "smtp.service", check=False).stdout.strip()


def shown(machine: Machine) -> int:
    """How many connections the status shows now."""
    return int(services.status_text(machine, "smtp").partition(" ")[0])


def refused(machine: Machine) -> bool:
    """Whether one more client of the source whose sessions are held is refused."""
    return services.listen(machine, load.PORT, load.HOLDER)[0][1] == ""


def ports(ends: list[dict[str, str]]) -> set[str]:
    """Their clients'. A gate that is killed may write one twice."""
    return {end["SOCKGATE_REMOTE_PORT"] for end in ends}


@pytest.mark.parametrize("faults", [(restart,), (upgrade,), (kill,), (crash,), (restart, kill, restart, kill)])
def test_the_sessions_count_and_their_end_is_recorded(
    smtp: Machine, faults: tuple[Callable[[Machine], None], ...]
) -> None:
    load.serve(smtp, LIMITS, unit=load.ROOMY)
    begin = smtp.run("date", "+@%s.%N").stdout.strip()
    with load.held(smtp, HELD) as sessions:
        load.wait_for_status(smtp, f"{HELD} of 1000 connections", WAIT)
        with load.start(smtp, "-c", str(CLIENTS), "-e") as clients:
            for fault in faults:
                fault(smtp)
                assert shown(smtp) >= HELD, "the status knows them from the first moment"
                smtp.wait_for(lambda: refused(smtp), "the limit to hold", WAIT)
            outcome = load.outcome(clients)
        load.wait_for_status(smtp, f"{HELD} of 1000 connections", WAIT)
        print(f"{[fault.__name__ for fault in faults]} under {outcome.rate:,.0f} connections a second: {outcome}")
        assert (outcome.lost, outcome.empty) == (0, 0), outcome
        assert load.echoed(sessions) == HELD
    load.wait_for_status(smtp, "0 of 1000 connections", WAIT)

    def found() -> list[dict[str, str]]:
        return smtp.journal(f"MESSAGE_ID={ENDED}", f"SOCKGATE_REMOTE_ADDR={load.HOLDER}", f"--since={begin}")

    smtp.wait_for(lambda: len(ports(found())) >= HELD, "the records of all ends", WAIT)
    ends = found()
    assert len(ports(ends)) == HELD
    assert all(float(end["SOCKGATE_DURATION"]) > 0 for end in ends)
    if TELLS_STATUS:
        # None where PID 1 reaped it so late that the gate did not wait any more.
        assert "0" in {end.get("SOCKGATE_STATUS") for end in ends} <= {"0", None}
    output = smtp.run("sockgatectl", "log", "smtp", "--json", f"--source={load.HOLDER}", f"--since={begin}").stdout
    logged = [json.loads(line) for line in output.splitlines()]
    held = [each for each in logged if each["verdict"] == "allow"]
    assert len({each["remote_port"] for each in held}) == HELD
    assert all(each["duration"] is not None and not each["open"] for each in held)


def test_a_gate_that_is_told_of_lower_limits_admits_no_client_above_them(smtp: Machine) -> None:
    load.serve(smtp, "--max-connections 40", unit=load.ROOMY)
    with load.held(smtp, 20) as sessions:
        load.wait_for_status(smtp, "20 of 40 connections", WAIT)
        smtp.write(
            "/etc/default/sockgate-smtp",
            f"SOCKGATE_SERVER={load.SERVER}\nSOCKGATE_RESIDENT=--max-connections 10 --at-limit refuse\n",
        )
        restart(smtp)
        load.wait_for_status(smtp, "20 of 10 connections", WAIT)
        assert services.listen(smtp, load.PORT)[0][1] == ""
        assert load.echoed(sessions) == 20
    load.wait_for_status(smtp, "0 of 10 connections", WAIT)
    assert services.listen(smtp, load.PORT)[0][1] == "hello\n"
