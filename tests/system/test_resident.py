"""sockgated behind the shipped units: switched on by a drop-in, and how it starts, reloads, stops and idles."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.system import services
from tests.system.machine import Machine

OPTIONS = "/etc/default/sockgate-smtp"
HOLD = """
import socket, sys
session = socket.create_connection(("127.0.0.1", 25), 60)
print(session.recv(100).decode().strip(), flush=True)
sys.stdin.read()
session.settimeout(0.2)
try:
    print("over" if session.recv(1) == b"" else "chatter")
except TimeoutError:
    print("goes on")
"""


@pytest.fixture(scope="module")
def greeting(machine: Machine) -> Machine:
    """With a stand-in server, not started."""
    services.add_qmail_users(machine)
    services.install_server(machine, "greet")
    services.add_addresses(machine, "192.0.2.1")
    return machine


@pytest.fixture
def smtp(greeting: Machine) -> Iterator[Machine]:
    """With sockgated, and with the options of a fresh installation."""
    write_options(greeting, "")
    services.switch(greeting, "sockgated", "smtp")
    greeting.systemctl("start", "smtp.socket")
    yield greeting
    greeting.shell("systemctl kill smtp.service 2> /dev/null; systemctl stop smtp.socket smtp.service", check=False)
    greeting.systemctl("reset-failed")


def write_options(machine: Machine, options: str) -> None:
    machine.write(OPTIONS, f"SOCKGATE_SERVER=/usr/local/bin/greet\n{options}\n")


def greeted(machine: Machine) -> bool:
    return services.listen(machine, 25)[0][1] == "220 hello\n"


def state(machine: Machine, unit: str = "smtp.service") -> str:
    return machine.systemctl("is-active", unit, check=False).stdout.strip()


def messages(machine: Machine, *selection: str) -> list[str]:
    return [record["MESSAGE"] for record in machine.journal("--unit=smtp.service", *selection, count=0)]


def wait_for_status(machine: Machine, text: str) -> None:
    """Until `systemctl status` shows it: sockgated reports once a second."""
    machine.wait_for(lambda: text in services.status_text(machine, "smtp"), f"the status {text!r}")


@contextmanager
def session(machine: Machine) -> "Iterator[subprocess.Popen[str]]":
    """An open session; communicate() says how it is doing."""
    with machine.popen("python3", "-c", HOLD) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "220 hello\n"
        yield client


def test_a_drop_in_alone_switches_to_sockgated_and_back(smtp: Machine) -> None:
    for _ in range(2):
        services.switch(smtp, "sockgated", "smtp")
        assert greeted(smtp)
        assert state(smtp) == "active"
        with session(smtp) as client:
            services.switch(smtp, "sockgate", "smtp")
            assert greeted(smtp)
            assert client.communicate("")[0] == "goes on\n"
        smtp.wait_for(lambda: state(smtp) == "inactive", "sockgated to leave")
        assert services.failed_units(smtp) == ""
    assert any("no socket to listen on (start it from a .socket unit" in line for line in messages(smtp))


def test_the_gate_that_had_no_socket_is_no_connection_that_failed(smtp: Machine) -> None:
    shown = smtp.run("sockgatectl", "log", "smtp", "--json").stdout
    assert {json.loads(line)["verdict"] for line in shown.splitlines()} == {"allow"}
    (status,) = json.loads(smtp.run("sockgatectl", "status", "smtp", "--json").stdout)
    assert (status["failed"], status["findings"]) == (0, [])


def test_check_finds_nothing_to_mend_after_the_switch(smtp: Machine) -> None:
    assert greeted(smtp)
    found = smtp.run("sockgatectl", "check", "smtp.socket", "smtp.service", check=False)
    assert (found.stdout, found.returncode) == ("", 0)


def test_every_socket_of_the_unit_is_served(smtp: Machine) -> None:
    path = "/run/smtp.socket"
    services.drop_in(smtp, "smtp.socket", f"[Socket]\nListenStream=127.0.0.1:26\nListenStream={path}\n")
    smtp.systemctl("restart", "smtp.socket")
    local = f"import socket; c = socket.socket(socket.AF_UNIX); c.connect({path!r}); print(c.recv(100).decode())"
    assert services.listen(smtp, 26)[0][1] == "220 hello\n"
    assert smtp.python(local).stdout.strip() == "220 hello"
    assert greeted(smtp)
    services.drop_in(smtp, "smtp.socket", "")


def test_a_session_of_sockgate_survives_the_switch(smtp: Machine) -> None:
    services.switch(smtp, "sockgate", "smtp")
    with session(smtp) as client:
        services.switch(smtp, "sockgated", "smtp")
        assert greeted(smtp)
        assert client.communicate("")[0] == "goes on\n"


def test_systemctl_status_says_how_it_is_doing(smtp: Machine) -> None:
    write_options(smtp, "SOCKGATE_OPTIONS=--deny 192.0.2.1")
    assert greeted(smtp)
    assert services.listen(smtp, 25, "192.0.2.1", "192.0.2.1") != []
    with session(smtp):
        wait_for_status(smtp, "1 of 200 connections, 2 served, 1 refused")


def test_a_reload_reads_the_rules_and_ends_no_session(smtp: Machine) -> None:
    smtp.write("/etc/sockgate.rules", "127.:allow\n:deny\n")
    write_options(smtp, "SOCKGATE_OPTIONS=--rules /etc/sockgate.rules")
    with session(smtp) as client:
        smtp.write("/etc/sockgate.rules", ":deny\n")
        assert services.listen(smtp, 25)[0][1] == ""  # without a word
        smtp.write("/etc/sockgate.rules", "127.:allwo\n")
        smtp.systemctl("reload", "smtp.service")
        wait_for_status(smtp, "the rules from before are in force: ")
        assert services.listen(smtp, 25)[0][1] == ""
        smtp.write("/etc/sockgate.rules", ":allow\n")
        smtp.systemctl("reload", "smtp.service")
        smtp.wait_for(lambda: smtp.systemd_version >= 255 or greeted(smtp), "the rules to be read")
        assert greeted(smtp)
        assert client.communicate("")[0] == "goes on\n"
    assert any("/etc/sockgate.rules:1: " in line for line in messages(smtp, "PRIORITY=3"))


def test_a_reload_returns_when_it_is_over_where_systemd_can_tell(smtp: Machine) -> None:
    """With rules that take a fifth of a second to read."""
    many = "".join(f"10.{first}.{second}.:allow\n" for first in range(230) for second in range(256))
    smtp.write("/etc/sockgate.rules", f"{many}:allow\n")
    write_options(smtp, "SOCKGATE_OPTIONS=--rules /etc/sockgate.rules")
    assert greeted(smtp)
    begin = smtp.run("date", "+@%s.%N").stdout.strip()

    def has_read() -> bool:
        return "smtp: the rules have been read and are in force" in messages(smtp, f"--since={begin}")

    smtp.systemctl("reload", "smtp.service")
    smtp.wait_for(lambda: smtp.systemd_version >= 255 or has_read(), "the rules to be read")
    assert has_read()
    tells = smtp.systemctl("show", "-P", "Type", "smtp.service").stdout.strip()
    assert tells == ("notify-reload" if smtp.systemd_version >= 255 else "notify")


def wait_for_niceness(machine: Machine, wanted: tuple[list[int], list[int]]) -> None:
    """A guardian goes a moment after the gate of which it was."""
    machine.wait_for(lambda: niceness(machine) == wanted, f"the processes to have the niceness {wanted}")


def niceness(machine: Machine) -> tuple[list[int], list[int]]:
    """Of the gate and its guardian, and of everything that they have started."""
    servers = services.processes(machine, "smtp")
    lines = machine.shell(
        "ps -o pid=,ni= -p $(cat /sys/fs/cgroup/system.slice/smtp.service/cgroup.procs | paste -sd,)", check=False
    ).stdout
    every = [line.split() for line in lines.splitlines()]
    gate, others = ([int(nice) for pid, nice in every if (pid in servers) is whose] for whose in (False, True))
    return gate, others


def test_the_gate_goes_before_its_servers(smtp: Machine) -> None:
    for options in ("", "SOCKGATE_OPTIONS=--rlimit core=0"):
        write_options(smtp, options)
        smtp.systemctl("restart", "smtp.service")
        with session(smtp):
            wait_for_niceness(smtp, ([-11, 0], [0]))
    with session(smtp):
        smtp.systemctl("kill", "--kill-whom=main", "--signal=KILL", "smtp.service")
        with session(smtp):
            wait_for_niceness(smtp, ([-11, 0], [0, 0]))


def test_a_service_may_be_nicer_than_shipped(smtp: Machine) -> None:
    services.drop_in(smtp, "smtp.service", "[Service]\nNice=5\n")
    with session(smtp):
        wait_for_niceness(smtp, ([5, 5], [5]))
    services.drop_in(smtp, "smtp.service", "")


def test_stopping_the_socket_stops_the_gate_and_leaves_sessions_alone(smtp: Machine) -> None:
    with session(smtp) as client:
        smtp.systemctl("stop", "smtp.socket")
        assert state(smtp) == "inactive"
        assert smtp.run("ss", "-Hltn", "sport = :25").stdout == ""
        assert client.communicate("")[0] == "goes on\n"


def test_stopping_the_service_alone_lasts_until_the_next_client(smtp: Machine) -> None:
    assert greeted(smtp)
    smtp.systemctl("stop", "smtp.service")
    assert state(smtp) == "inactive"
    assert greeted(smtp)
    assert state(smtp) == "active"


def test_draining_waits_for_sessions_within_the_time_that_systemd_gives(smtp: Machine) -> None:
    write_options(smtp, "SOCKGATE_RESIDENT=--drain 60")
    services.drop_in(smtp, "smtp.service", "[Service]\nTimeoutStopSec=70s\n")
    with session(smtp) as client:
        smtp.systemctl("stop", "--no-block", "smtp.socket", "smtp.service")
        wait_for_status(smtp, "draining for at most 60 s")
        assert state(smtp) == "deactivating"
        assert client.communicate("")[0] == "goes on\n"
    smtp.wait_for(lambda: state(smtp) == "inactive", "the last session to be the end of it")
    assert state(smtp, "smtp.socket") == "inactive"
    services.drop_in(smtp, "smtp.service", "")


def test_idle_it_leaves_and_comes_back_for_the_next_client(smtp: Machine) -> None:
    write_options(smtp, "SOCKGATE_RESIDENT=--idle-exit 1")
    for _ in range(2):
        assert greeted(smtp)
        smtp.wait_for(lambda: state(smtp) == "inactive", "it to leave")
        assert state(smtp, "smtp.socket") == "active"
        assert services.processes(smtp, "smtp") == []
    assert services.failed_units(smtp) == ""


def test_with_wrong_options_the_port_stays_and_mending_them_is_enough(smtp: Machine) -> None:
    write_options(smtp, "SOCKGATE_OPTIONS=--relya localhost")
    assert [text for _, text in services.listen(smtp, 25, times=20)] == [""] * 20
    assert state(smtp) == "active"
    wait_for_status(smtp, "every client is refused: unknown option '--relya'")
    write_options(smtp, "")
    smtp.wait_for(lambda: greeted(smtp), "the options to be read again")


def test_with_wrong_rules_the_port_stays_and_mending_them_is_enough(smtp: Machine) -> None:
    smtp.write("/etc/sockgate.rules", ":allwo\n")
    write_options(smtp, 'SOCKGATE_OPTIONS=--rules /etc/sockgate.rules --deny-message "421 later"')
    assert [text for _, text in services.listen(smtp, 25, times=20)] == ["421 later\r\n"] * 20
    wait_for_status(smtp, "every client is refused: /etc/sockgate.rules:1: ")
    smtp.write("/etc/sockgate.rules", ":allow\n")
    smtp.wait_for(lambda: greeted(smtp), "the rules to be read again")
