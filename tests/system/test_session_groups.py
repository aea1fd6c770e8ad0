"""--session-memory and --session-tasks, by a kernel that limits: each session has a control group of its own."""

import json
from collections.abc import Iterator

import pytest

from sockgate.dispatch.session_groups import SUBGROUP_SINCE
from tests.system import services
from tests.system.machine import Machine
from tests.system.own_kernel import OwnKernel

NAME, PORT = "bounded", 7007
UNIT = f"/sys/fs/cgroup/system.slice/{NAME}.service"
WAIT = 120  # generous: nothing here depends on the speed of the machine
# It does what its client says, to the end of the line.
SERVER = """/bin/sh -c 'while read -r line; do eval "$line"; done'"""
GREEDY = """python3 -c 'print(len(b"x" * (200 << 20)))'"""
HOLD = """
import socket, sys, time
sessions = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) for _ in range(int(sys.argv[2]))]
print("connected", flush=True)
while True:
    time.sleep(1)
"""


@pytest.fixture(scope="module")
def guest(release: str) -> Iterator[Machine]:
    with OwnKernel(release) as machine:
        yield machine


@pytest.fixture
def bounded(guest: Machine) -> Iterator[Machine]:
    install(guest, "--session-memory", "64M", "--session-tasks", "12")
    yield guest
    guest.shell(f"pkill -f '[h]old.py'; systemctl kill --signal=KILL {NAME}.service", check=False)
    guest.shell(f"systemctl stop {NAME}.socket {NAME}.service; systemctl reset-failed")
    guest.shell(f"sockgatectl uninstall {NAME}; rm -rf /etc/systemd/system/{NAME}.*.d; systemctl daemon-reload")


def install(machine: Machine, *words: str) -> None:
    own = ("--user", "daemon", "--listen", f"127.0.0.1:{PORT}", "--server", SERVER, "--options", "--allow any")
    output = machine.run("sockgatectl", "install", NAME, *own, *words).stdout
    assert "error" not in output, output
    services.switch(machine, "sockgated", NAME)
    limits = "--max-connections 200 " + " ".join(words)
    machine.write(f"/etc/default/sockgate-{NAME}", f"SOCKGATE_RESIDENT={limits} --log-usage\n")
    machine.systemctl("start", f"{NAME}.socket")


def ask(machine: Machine, *lines: str) -> list[str]:
    """What a client is told that says these lines."""
    script = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60) as client:
    client.sendall("".join(f"{line}\\n" for line in sys.argv[2:]).encode())
    client.shutdown(socket.SHUT_WR)
    while data := client.recv(4096):
        print(data.decode(), end="")
"""
    return machine.python(script, str(PORT), *lines, timeout=WAIT).stdout.splitlines()


def ends(machine: Machine, *words: str) -> list[dict[str, str | int | float | None]]:
    """What the log says of the sessions that have ended."""
    lines = machine.run("sockgatectl", "log", NAME, "--json", *words).stdout.splitlines()
    found: list[dict[str, str | int | float | None]] = [json.loads(line) for line in lines]
    return [each for each in found if each["end"]]


def last_end(machine: Machine) -> dict[str, str | int | float | None]:
    """Of the one that began last; empty without one."""
    return next(iter(reversed(ends(machine))), {})


def groups(machine: Machine) -> list[str]:
    """The control groups of sessions that there are."""
    return machine.shell(f"ls -d {UNIT}/session-* 2> /dev/null || true").stdout.split()


def limits(machine: Machine, group: str) -> list[str]:
    return machine.shell(f"cat {group}/memory.max {group}/memory.oom.group {group}/pids.max").stdout.split()


def hold(machine: Machine, count: int) -> None:
    """Keep so many sessions open."""
    machine.write("/tmp/hold.py", HOLD)
    machine.shell(f"setsid python3 /tmp/hold.py {PORT} {count} > /tmp/held 2>&1 < /dev/null &")
    machine.wait_for(lambda: "connected" in machine.read("/tmp/held"), "the sessions to begin", WAIT)
    status_has(machine, f"{count} of 200 connections")


def status_has(machine: Machine, text: str) -> None:
    machine.wait_for(lambda: text in services.status_text(machine, NAME), f"the status {text!r}", WAIT)


def main_pid(machine: Machine) -> int:
    return int(machine.systemctl("show", "--property=MainPID", "--value", f"{NAME}.service").stdout)


def test_a_server_is_in_a_group_of_its_own_with_its_limits(bounded: Machine) -> None:
    [group] = ask(bounded, "sed -n s/^0:://p /proc/$$/cgroup")
    assert group.startswith(f"/system.slice/{NAME}.service/session-")
    assert ask(bounded, "cd /sys/fs/cgroup$(sed -n s/^0:://p /proc/$$/cgroup); cat memory.max pids.max") == [
        str(64 << 20), "12",
    ]  # fmt: skip
    bounded.wait_for(lambda: groups(bounded) == [], "the groups to go with their sessions", WAIT)


def test_a_session_that_needs_too_much_memory_is_ended_alone_and_the_log_says_why(bounded: Machine) -> None:
    hold(bounded, 2)
    assert ask(bounded, f"{GREEDY}; echo goes on") == []
    bounded.wait_for(lambda: last_end(bounded).get("signal") == "SIGKILL", "the record of its end", WAIT)
    end = last_end(bounded)
    assert end["failure"] == "--session-memory 64M"
    assert 60 << 20 < int(end["memory"] or 0) <= 64 << 20
    assert float(end["cpu"] or 0) > 0
    status_has(bounded, "2 of 200 connections")
    assert ask(bounded, "echo served") == ["served"]


def test_a_session_has_no_more_processes_than_it_may_have(bounded: Machine) -> None:
    told = ask(bounded, "exec 2>&1; for i in $(seq 40); do sleep 1000 > /dev/null 2>&1 & done; echo none")
    assert "none" not in told
    assert "Cannot fork" in told[0]
    bounded.wait_for(lambda: last_end(bounded).get("status") is not None, "the record of its end", WAIT)
    members = [bounded.read(f"{group}/cgroup.procs").split() for group in groups(bounded)]
    assert [len(each) for each in members] == [11], "what is left stays within the limit: twelve with the shell"
    bounded.shell(f"kill {' '.join(members[0])}")
    bounded.wait_for(lambda: groups(bounded) == [], "the group to go with its last process", WAIT)


@pytest.mark.parametrize("fault", ["restart", "SIGKILL"])
def test_sessions_that_outlive_their_gate_keep_their_limits_and_their_records(bounded: Machine, fault: str) -> None:
    begin = bounded.run("date", "+@%s.%N").stdout.strip()
    hold(bounded, 3)
    before = main_pid(bounded)
    if fault == "restart":
        bounded.systemctl("restart", f"{NAME}.service")
    else:
        bounded.run("kill", "-KILL", str(before))
    bounded.wait_for(lambda: main_pid(bounded) not in (0, before), "the next gate", WAIT)
    status_has(bounded, "3 of 200 connections")
    bounded.wait_for(lambda: len(groups(bounded)) == 3, "one group for each session", WAIT)
    assert [limits(bounded, group) for group in groups(bounded)] == [[str(64 << 20), "1", "12"]] * 3
    assert ask(bounded, "echo served") == ["served"]
    assert ask(bounded, f"{GREEDY}; echo goes on") == []
    bounded.shell("pkill -f '[h]old.py'")
    status_has(bounded, "0 of 200 connections")
    bounded.wait_for(lambda: groups(bounded) == [], "the groups to go with their sessions", WAIT)
    bounded.wait_for(lambda: len(ends(bounded, "--since", begin)) == 5, "the records of their ends", WAIT)
    orderly = [each for each in ends(bounded, "--since", begin) if each["result"] != "signal"]
    assert len(orderly) == 4, "the three, and the one that was served"
    assert all(float(each["cpu"] or 0) > 0 for each in orderly), orderly
    # Before DelegateSubgroup=, and with systemd 262, memory is counted anew with each gate.
    least = 0 if bounded.systemd_version in range(SUBGROUP_SINCE, 262) else -1
    assert all(each["memory"] is not None and int(each["memory"]) > least for each in orderly), orderly


def test_with_accept_yes_systemd_gives_each_session_the_same_limits(bounded: Machine) -> None:
    bounded.shell(f"systemctl stop {NAME}.socket {NAME}.service")
    services.switch(bounded, "sockgate", NAME)
    bounded.systemctl("start", f"{NAME}.socket")
    assert ask(bounded, "cd /sys/fs/cgroup$(sed -n s/^0:://p /proc/$$/cgroup); cat memory.max pids.max") == [
        str(64 << 20), "12",
    ]  # fmt: skip
    ask(bounded, GREEDY)
    bounded.wait_for(lambda: last_end(bounded).get("result") == "oom-kill", "the record of its end", WAIT)
