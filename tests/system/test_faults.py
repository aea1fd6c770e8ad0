"""Clients that misbehave, too many of them, and services that cannot work: what the gate and systemd make of it."""

import json
from collections.abc import Iterator

import pytest

from tests.system import services
from tests.system.machine import Machine

BURST = 600
RESETS = 200
DELAYS = [0, 1, 3, 10, 30]  # milliseconds

# Only the two limits of the socket decide how many of these get through.
UNLIMITED = "[Socket]\nMaxConnections=5000\nMaxConnectionsPerSource=0\n"


@pytest.fixture(scope="module")
def smtp(machine: Machine) -> Machine:
    services.add_qmail_users(machine)
    services.set_options(machine, "smtp", "--relay localhost", services.install_server(machine, "greet"))
    machine.systemctl("enable", "--now", "smtp.socket")
    return machine


def lines(machine: Machine, *selection: str) -> list[str]:
    return [record["MESSAGE"] for record in machine.journal(*selection)]


def assert_unharmed(machine: Machine) -> None:
    """The socket listens, nothing is left or failed, and a client is served."""
    services.wait_until_idle(machine, "smtp", 60)
    assert machine.systemctl("is-active", "smtp.socket").stdout == "active\n"
    assert services.failed_units(machine) == ""
    assert not [line for line in lines(machine) if "Traceback" in line or "internal error" in line]
    assert services.listen(machine, 25)[0][1] == "220 hello\n"


def test_a_burst_is_served_or_refused_and_the_socket_lives(smtp: Machine) -> None:
    outcome = json.loads(services.client(smtp, "burst", str(BURST), "25"))
    print(f"{smtp.release}: {outcome}")  # by itself systemd gives a socket up at 200 within 2 s
    assert outcome["served"] > 0
    assert outcome["served"] + outcome["refused"] == BURST, outcome
    assert_unharmed(smtp)


def test_a_server_is_never_started_for_a_client_that_has_gone(smtp: Machine) -> None:
    services.drop_in(smtp, "smtp.socket", UNLIMITED)
    smtp.systemctl("restart", "smtp.socket")
    for milliseconds in DELAYS:
        services.client(smtp, "reset", str(RESETS), "25", str(milliseconds))
    assert_unharmed(smtp)
    started = [line for line in lines(smtp, "SYSLOG_IDENTIFIER=smtp") if line.startswith("started")]
    assert [line for line in started if not line.startswith("started for 127.0.")] == []
    # Both kinds came through here: clients that left before the gate ran, and after.
    assert lines(smtp, "SOCKGATE_VERDICT=gone")
    assert lines(smtp, "SOCKGATE_VERDICT=allow")


GOOD = "SOCKGATE_SERVER=/usr/local/bin/greet\n"
# What can be wrong with a service: an environment file that makes it so, and what the journal says of it.
FAULTS = {
    "refused": ("SOCKGATE_OPTIONS=--allow 192.0.2.1", "not in --allow 192.0.2.1"),
    "wrong option": ("SOCKGATE_OPTIONS=--relya localhost", "unknown option '--relya'"),
    "bad value": (
        "SOCKGATE_OPTIONS=--allow 192.168.0",
        "--allow: '192.168.0' is not an IP address (for the network write 192.168.0.0/24)",
    ),
    "no server": ("SOCKGATE_SERVER=", "no server given"),
    "missing server": (
        "SOCKGATE_SERVER=/var/qmail/bin/gone", "unable to run '/var/qmail/bin/gone': No such file or directory",
    ),
    "server that is no program": (
        "SOCKGATE_SERVER=/etc/passwd", "unable to run '/etc/passwd': Permission denied",
    ),
}  # fmt: skip


# Where systemd puts sockgate's standard error; without StandardError= of the shipped units that is the client.
@pytest.fixture(scope="module", params=[("sockgate", "journal"), ("sockgate", "client"), ("sockgated", "journal")])
def engine(smtp: Machine, request: pytest.FixtureRequest) -> Iterator[str]:
    engine, stderr = request.param
    services.drop_in(smtp, "smtp@.service", "[Service]\nStandardError=inherit\n" if stderr == "client" else "")
    services.switch(smtp, engine, "smtp")
    yield engine
    use(smtp, GOOD)  # with wrong options the socket would not start
    services.switch(smtp, "sockgate", "smtp")


@pytest.mark.parametrize("fault", FAULTS)
def test_the_gate_says_nothing_to_the_client_and_why_to_the_journal(smtp: Machine, engine: str, fault: str) -> None:
    assignment, reason = FAULTS[fault]
    use(smtp, f"{GOOD}{assignment}\n")
    port, text = services.listen(smtp, 25)[0]
    assert text == ""
    said = lines(smtp, f"--unit={services.unit_pattern(engine, 'smtp')}", f"SOCKGATE_REMOTE_PORT={port}")
    assert f"refused 127.0.0.1:{port} on 127.0.0.1:25: " in said[-1]
    assert reason in said[-1]


def test_what_the_server_says_on_standard_error_is_for_the_journal(smtp: Machine, engine: str) -> None:
    use(smtp, GOOD)
    port, text = services.listen(smtp, 25)[0]
    assert text == "220 hello\n"
    services.wait_until_idle(smtp, "smtp")
    assert f"started for 127.0.0.1 {port}" in lines(smtp)


# Like greet, but while there is a file /etc/mute it shuts standard error down, which a resident gate shares with it.
MUTE = """#!/bin/sh
[ ! -e /etc/mute ] || exec /usr/bin/python3 -IS -c 'import socket; socket.socket(fileno=2).shutdown(2)'
exec /usr/local/bin/greet
"""


def test_a_server_that_shuts_standard_error_down_takes_it_from_no_other(smtp: Machine, engine: str) -> None:
    smtp.write("/usr/local/bin/mute", MUTE, mode=0o755)
    use(smtp, "SOCKGATE_SERVER=/usr/local/bin/mute\n")
    smtp.write("/etc/mute", "")
    for _ in range(3):
        assert services.listen(smtp, 25)[0][1] == ""
    smtp.run("rm", "/etc/mute")

    def is_heard() -> bool:
        port, text = services.listen(smtp, 25)[0]
        services.wait_until_idle(smtp, "smtp")
        return text == "220 hello\n" and f"started for 127.0.0.1 {port}" in lines(smtp)

    smtp.wait_for(is_heard, "a server to be heard")


def use(machine: Machine, environment: str) -> None:
    """For the next client, be it that of a resident gate."""
    machine.write("/etc/default/sockgate-smtp", environment)
    machine.systemctl("try-restart", "smtp.service")
