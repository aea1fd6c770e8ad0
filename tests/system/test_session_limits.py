"""Sessions end in time and leave nothing behind, under the units that `sockgatectl install` writes."""

import json
import shlex
from collections.abc import Iterator

import pytest

from tests.system import services
from tests.system.machine import Machine

NAME, PORT = "talk", 7007
SLEEPER = "/bin/sleep 1000"
# It leaves its process group and its session, as a daemon does.
LEAVER = """/bin/sh -c 'setsid sleep 1000 > /dev/null 2>&1 < /dev/null & echo left'"""
WAIT = 60  # generous: nothing here depends on the speed of the machine


@pytest.fixture
def talk(machine: Machine) -> Iterator[Machine]:
    """A machine in which a service of this name can be installed."""
    yield machine
    machine.shell(f"systemctl kill --signal=KILL {NAME}.service '{NAME}@*.service'", check=False)
    machine.shell(f"systemctl stop {NAME}.socket {NAME}.service", check=False)
    machine.shell(f"sockgatectl uninstall {NAME}; rm -rf /etc/systemd/system/{NAME}.*")
    machine.systemctl("daemon-reload")
    machine.systemctl("reset-failed")


def install(machine: Machine, server: str, engine: str, *words: str, resident: str = "") -> str:
    """Have the service served by this engine, with more of sockgated's options. Returns when that was."""
    options = ("--user", "daemon", "--listen", f"127.0.0.1:{PORT}", "--server", server, "--options", "--allow any")
    machine.run("sockgatectl", "install", NAME, *options, *words)
    if resident:
        services.drop_in(machine, f"{NAME}.service", f'[Service]\nEnvironment="SOCKGATE_RESIDENT={resident}"\n')
    services.switch(machine, engine, NAME)
    machine.systemctl("start", f"{NAME}.socket")
    return machine.run("date", "+@%s.%N").stdout.strip()


def told(machine: Machine) -> str:
    """What a client that says nothing receives to the end of its connection."""
    return services.listen(machine, PORT)[0][1]


def ends(machine: Machine, begin: str) -> list[tuple[str, str, str]]:
    """Result, signal and reason of each session that the log knows since then."""
    lines = machine.run("sockgatectl", "log", NAME, "--json", "--since", begin).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    return [(each["result"], each["signal"], each["failure"]) for each in found if each["end"]]


def told_of(machine: Machine, begin: str) -> set[str]:
    """What the log says since then of processes that were left behind."""
    messages = {record["MESSAGE"] for record in machine.journal(f"--unit={NAME}.service", f"--since={begin}")}
    return {message for message in messages if "left process" in message}


def status_has(machine: Machine, text: str) -> None:
    machine.wait_for(lambda: text in services.status_text(machine, NAME), f"the status {text!r}", WAIT)


@pytest.mark.parametrize(
    ("engine", "how"),
    [("sockgate", ("timeout", None)), ("sockgated", ("signal", "--session-timeout 2"))],
)
def test_a_session_that_lasts_too_long_is_ended_and_the_log_says_why(
    talk: Machine, engine: str, how: tuple[str, str | None]
) -> None:
    begin = install(talk, SLEEPER, engine, "--session-timeout", "2")
    assert told(talk) == ""
    talk.wait_for(lambda: [(end[0], end[2]) for end in ends(talk, begin)] == [how], "the record of its end", WAIT)
    services.wait_until_idle(talk, NAME, WAIT)


def test_a_session_in_which_nothing_is_said_is_ended_and_the_log_says_why(talk: Machine) -> None:
    begin = install(talk, SLEEPER, "sockgated", "--idle-timeout", "2")
    assert told(talk) == ""
    talk.wait_for(
        lambda: ends(talk, begin) == [("signal", "SIGTERM", "--idle-timeout 2")], "the record of its end", WAIT
    )
    services.wait_until_idle(talk, NAME, WAIT)


def test_nothing_remains_of_what_servers_leave_behind(talk: Machine) -> None:
    begin = install(talk, LEAVER, "sockgated", resident="--leftovers end")
    assert [told(talk) for _ in range(5)] == ["left\n"] * 5
    talk.wait_for(lambda: len(told_of(talk, begin)) == 5, "the log to tell of each", WAIT)
    talk.wait_for(lambda: services.processes(talk, NAME) == [], "them to end", WAIT)
    status_has(talk, "0 of 40 connections, 5 served, 0 refused")
    talk.wait_for(lambda: "left behind" not in services.status_text(talk, NAME), "the status to say so", WAIT)


def test_what_is_kept_is_counted_and_the_log_tells_of_each(talk: Machine) -> None:
    begin = install(talk, LEAVER, "sockgated", resident="--leftovers keep")
    assert [told(talk) for _ in range(3)] == ["left\n"] * 3
    status_has(talk, "; 3 left behind by servers")
    talk.wait_for(lambda: len(told_of(talk, begin)) == 3, "the log to tell of each", WAIT)
    left = services.processes(talk, NAME)
    assert told_of(talk, begin) == {f"{NAME}: a server has ended and left process {pid} behind (sleep)" for pid in left}
    talk.shell(f"kill {shlex.join(left)}")
    talk.wait_for(lambda: "left behind" not in services.status_text(talk, NAME), "the status to say so", WAIT)


def test_without_control_of_its_control_group_a_gate_refuses_each_client_and_says_why(talk: Machine) -> None:
    install(talk, "/bin/echo hello", "sockgated", "--session-tasks", "8")
    services.drop_in(talk, f"{NAME}.service", "[Service]\nDelegate=no\n")
    assert told(talk) == ""
    status_has(talk, "every client is refused: --session-tasks: systemd does not leave the control group")
    assert talk.run("sockgatectl", "check", NAME, check=False).returncode == 1
    services.drop_in(talk, f"{NAME}.service", "")
    talk.systemctl("stop", f"{NAME}.service")
