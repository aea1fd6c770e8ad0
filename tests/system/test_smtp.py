"""Relaying through a real SMTP server, Debian's courieresmtpd, behind smtp.socket, through either gate."""

from collections.abc import Iterator

import pytest

from tests.system import services
from tests.system.machine import Machine

IPV4_ONLY = 26  # a second ListenStream=, which is not dual-stack
INSIDERS = ["127.0.0.1", "192.168.0.5"]
OUTSIDERS = ["10.1.1.1", "192.168.10.5", "192.168.100.5"]
STRANGER = "user@foreign.example"
MEMBER = f"alice@{services.LOCAL_DOMAIN}"

Codes = list[int | str]
Answers = dict[tuple[str, int], Codes]  # by source and port
ACCEPTED: Codes = [220, 250, 250, 250, 250, 221]  # greeting, EHLO, MAIL, foreign and local RCPT, QUIT
NO_RELAY: Codes = [220, 250, 250, 513, 250, 221]

BY_OPTIONS = {
    '--relay "localhost 192.168.0.0/24"': ("127.0.0.1", "::1", "192.168.0.5"),
    "--relay 127.0.0.1,192.168.0.": ("127.0.0.1", "192.168.0.5"),
    "--relay any": ("127.0.0.1", "::1", "192.168.0.5", "fd00:1::5", *OUTSIDERS),
    "--rules /etc/tcp.smtp": ("127.0.0.1", "192.168.0.5"),
    "": (),
}
RULES = """\
127.0.0.1:allow,RELAYCLIENT=""
192.168.0.:allow,RELAYCLIENT=""
:allow
"""
PLANTED = {
    "RELAYCLIENT": "", "RELAYHOST": "", "PROTO": "TCP", "TCPREMOTEIP": "127.0.0.1", "TCP6REMOTEIP": "::1",
    "TCPREMOTEPORT": "1", "TCPREMOTEHOST": "localhost", "TCPREMOTEINFO": "root", "REMOTE_ADDR": "127.0.0.1",
}  # fmt: skip


@pytest.fixture(scope="module")
def courier(machine: Machine) -> Machine:
    services.add_addresses(machine, services.INSIDE, "fd00:1::1", "fd00:1::5", "192.168.0.5", *OUTSIDERS)
    services.courier_accounts(machine)
    services.courier_smtp(machine)
    machine.systemctl("start", "courier-authdaemon")
    services.drop_in(machine, "smtp.socket", f"[Socket]\nListenStream=0.0.0.0:{IPV4_ONLY}\n")
    machine.write("/etc/tcp.smtp", RULES)
    services.set_options(machine, "smtp", "--relay localhost", "/usr/sbin/courieresmtpd")
    machine.systemctl("start", "smtp.socket")
    return machine


@pytest.fixture(scope="module", params=services.ENGINES)
def smtp(courier: Machine, request: pytest.FixtureRequest) -> Machine:
    services.switch(courier, request.param, "smtp")
    return courier


@pytest.fixture
def planted(smtp: Machine) -> Iterator[None]:
    """The manager's environment, which every unit inherits, claims a client of this machine."""
    smtp.systemctl("set-environment", *(f"{name}={value}" for name, value in PLANTED.items()))
    yield
    smtp.systemctl("unset-environment", *PLANTED)


def set_options(machine: Machine, options: str) -> None:
    """In force for the next client: sockgated takes its command line when it starts, and is started for that."""
    services.set_options(machine, "smtp", options, "/usr/sbin/courieresmtpd")
    machine.systemctl("try-restart", "smtp.service")


def verdicts(machine: Machine) -> Answers:
    """What each source is answered: IPv4 through a dual-stack and through an IPv4 socket, IPv6, and mapped."""
    paths = [(source, services.INSIDE, port) for source in (*INSIDERS, *OUTSIDERS) for port in (25, IPV4_ONLY)]
    paths += [(f"::ffff:{source}", f"::ffff:{services.INSIDE}", 25) for source in (*INSIDERS, *OUTSIDERS)]
    paths += [("::1", "::1", 25), ("fd00:1::5", "fd00:1::1", 25)]
    answers = services.converse(machine, paths, [STRANGER, MEMBER])
    return {(source, port): codes for (source, _, port), codes in zip(paths, answers, strict=True)}


def expected(answers: Answers, relayed: tuple[str, ...]) -> Answers:
    return {path: ACCEPTED if path[0].removeprefix("::ffff:") in relayed else NO_RELAY for path in answers}


@pytest.mark.parametrize("options", BY_OPTIONS)
def test_only_clients_that_are_relayed_may_send_to_foreign_domains(smtp: Machine, options: str) -> None:
    set_options(smtp, options)
    answers = verdicts(smtp)
    assert answers == expected(answers, BY_OPTIONS[options])


def test_a_planted_environment_opens_nothing(smtp: Machine, planted: None) -> None:
    options = '--relay "localhost 192.168.0.0/24"'
    set_options(smtp, options)
    answers = verdicts(smtp)
    assert answers == expected(answers, BY_OPTIONS[options])


def test_a_hundred_conversations_at_once_leave_nothing_behind(smtp: Machine) -> None:
    clients = [(f"127.0.{number % 10}.1", "127.0.0.1", 25) for number in range(100)]
    set_options(smtp, "--relay localhost")
    assert services.converse(smtp, clients, [STRANGER, MEMBER]) == [ACCEPTED] * 100
    services.wait_until_idle(smtp, "smtp")
    assert services.failed_units(smtp) == ""
