"""--greet-delay in front of courieresmtpd: an early talker is refused, swaks waits, and who may relay need not."""

import time
from collections.abc import Iterator

import pytest

from tests.system import services
from tests.system.machine import Machine

pytestmark = pytest.mark.newest("who speaks first is a matter between the gate and its client")

EARLY, PATIENT, INSIDER = "10.1.1.1", "10.1.1.2", "192.168.0.5"
DELAY = 1.5
TOO_EARLY = "554 5.5.1 you spoke before you were greeted"
# A client of the kind that it is for: it says all it has to say at once.
TALK = """
import socket, sys
with socket.create_connection((sys.argv[2], 25), 20, (sys.argv[1], 0)) as connection:
    connection.sendall(b"EHLO x\\r\\nMAIL FROM:<a@example.test>\\r\\nRCPT TO:<alice@local.test>\\r\\nQUIT\\r\\n")
    print(connection.makefile().readline(), end="")
"""
SWAKS = (
    "swaks",
    "--server",
    services.INSIDE,
    "--quit-after",
    "MAIL",
    "--from",
    "a@example.test",
    "--to",
    "b@local.test",
)


@pytest.fixture(scope="module")
def mail(machine: Machine) -> Machine:
    services.add_addresses(machine, services.INSIDE, EARLY, PATIENT, INSIDER)
    services.courier_smtp(machine)
    options = f"--relay 192.168.0.0/24 --greet-delay '{DELAY},{TOO_EARLY}'"
    machine.write(
        "/etc/default/sockgate-smtp", f'SOCKGATE_OPTIONS="{options}"\nSOCKGATE_SERVER=/usr/sbin/courieresmtpd\n'
    )
    return machine


@pytest.fixture(scope="module", params=services.ENGINES)
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def engine(mail: Machine, program: str) -> Iterator[Machine]:
    services.switch(mail, program, "smtp")
    mail.systemctl("start", "smtp.socket")
    yield mail
    mail.systemctl("stop", "smtp.socket", "smtp.service")


def talk_early(machine: Machine, source: str) -> str:
    return machine.python(TALK, source, services.INSIDE).stdout


def test_an_early_talker_is_refused_while_it_talks(engine: Machine, program: str) -> None:
    assert talk_early(engine, EARLY) == f"{TOO_EARLY}\n"
    (record,) = engine.journal(f"SYSLOG_IDENTIFIER={program}", f"SOCKGATE_REMOTE_ADDR={EARLY}")
    assert record["SOCKGATE_VERDICT"] == "deny"
    assert record["SOCKGATE_RULE"] == "--greet-delay"
    assert record["SOCKGATE_REASON"] == "spoke before it was greeted: 'EHLO x'"


def test_swaks_waits_to_be_greeted_and_is_served(engine: Machine) -> None:
    start = time.monotonic()
    said = engine.run(*SWAKS, "--local-interface", PATIENT).stdout
    assert time.monotonic() - start >= DELAY
    assert "<-  220 " in said
    assert "<-  250 Ok." in said


def test_a_client_that_may_relay_is_not_kept_waiting(engine: Machine) -> None:
    assert talk_early(engine, INSIDER).startswith("220 ")


def test_nothing_failed(engine: Machine) -> None:
    assert services.failed_units(engine) == ""
