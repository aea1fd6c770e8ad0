"""imaps, pop3s and smtps: the gate first, then couriertls or stunnel, then the server, in one process chain.

Each once through sockgate and once through sockgated, with clients that verify the server's certificate.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system import certificates, services
from tests.system.machine import Machine

pytestmark = pytest.mark.oldest_and_newest("TLS ends in stunnel or couriertls, the oldest and the newest")

PROFILE = "more"

INSIDER, OUTSIDER = "192.168.0.5", "10.1.1.1"
NETWORK = "192.168.0.0/24"
PORTS = {"imaps": 993, "pop3s": 995, "smtps": 465}
MAILBOXES = ("imaps", "pop3s")
EXAMPLE = "/usr/share/doc/sockgate/examples/stunnel/smtps.conf"
STRANGER, MEMBER = "user@foreign.example", f"alice@{services.LOCAL_DOMAIN}"
MESSAGE = ["DATA", "Subject: greeting\r\n\r\nhello\r\n.", "QUIT"]
ENVELOPE = ["EHLO client.example.test", "MAIL FROM:<sender@example.test>"]


@pytest.fixture(scope="module")
def mail(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    services.add_addresses(machine, services.INSIDE, INSIDER, OUTSIDER)
    services.courier_accounts(machine)
    services.qmail_stand_in(machine, build=tmp_path_factory.mktemp("build"))
    certificates.make(machine)
    for name in ("imapd", "pop3d"):
        machine.run("install", "-g", "courier", "-m", "640", certificates.SERVER, f"/etc/courier/{name}.pem")
    machine.run("install", "-D", EXAMPLE, "/etc/sockgate/smtps.conf")
    machine.run("install", "-g", "nofiles", "-m", "640", certificates.SERVER, "/etc/sockgate/smtps.pem")
    for service in MAILBOXES:
        services.set_options(machine, service, f"--allow {NETWORK}")
    services.set_options(machine, "smtps", f"--deny {OUTSIDER} --relay {NETWORK}")
    return machine


@pytest.fixture(scope="module", params=services.ENGINES)
def gate(mail: Machine, request: pytest.FixtureRequest) -> Iterator[Machine]:
    services.switch(mail, request.param, *PORTS)
    sockets = [f"{service}.socket" for service in PORTS]
    mail.systemctl("start", *sockets)
    yield mail
    mail.systemctl("stop", *sockets, *(f"{service}.service" for service in PORTS))


def test_the_units_have_no_findings(mail: Machine) -> None:
    for service in PORTS:
        found = mail.run("sockgatectl", "check", service, check=False)
        assert (found.stdout, found.returncode) == ("", 0)


@pytest.mark.parametrize("service", MAILBOXES)
def test_a_client_that_verifies_the_certificate_reads_mail(gate: Machine, service: str) -> None:
    services.client(gate, "mailbox", "imaps", INSIDER, services.INSIDE, certificates.AUTHORITY)
    said = services.client(gate, "mailbox", service, INSIDER, services.INSIDE, certificates.AUTHORITY)
    assert said.split() == ["Subject:", "greeting", "hello"]


@pytest.mark.parametrize(("service", "program"), [("imaps", "imapd-ssl"), ("pop3s", "pop3d-ssl")])
def test_the_server_behind_tls_knows_its_client(gate: Machine, service: str, program: str) -> None:
    services.client(gate, "mailbox", "imaps", INSIDER, services.INSIDE, certificates.AUTHORITY)
    services.client(gate, "mailbox", service, INSIDER, services.INSIDE, certificates.AUTHORITY)
    said = f"LOGIN, user=alice, ip=[{INSIDER}], port=["

    def is_known() -> bool:
        records = gate.journal(f"SYSLOG_IDENTIFIER={program}", count=0)
        return any(said in record["MESSAGE"] for record in records)

    gate.wait_for(is_known, said)


def converse(machine: Machine, source: str, say: list[str]) -> dict[str, list[str]]:
    wish = {
        "source": source, "destination": services.INSIDE, "port": PORTS["smtps"], "ca": certificates.AUTHORITY,
        "name": certificates.NAME, "certificate": None, "say": say,
    }  # fmt: skip
    session: dict[str, list[str]] = json.loads(services.client(machine, "tls", json.dumps(wish)))
    return session


def test_mail_over_tls_is_queued_with_its_clients_address(gate: Machine) -> None:
    gate.shell("rm -f /var/qmail/queue/*")
    session = converse(gate, INSIDER, [*ENVELOPE, f"RCPT TO:<{MEMBER}>", *MESSAGE])
    assert [reply[:3] for reply in session["replies"]] == ["220", "250", "250", "250", "354", "250", "221"]
    message = gate.shell("cat /var/qmail/queue/message.*").stdout
    assert f"(HELO client.example.test) ({INSIDER})\n" in message
    assert message.endswith("hello\n")


@pytest.mark.parametrize(("source", "code"), [(INSIDER, "250"), ("127.0.0.1", "553")])
def test_relay_rules_reach_the_server_behind_tls(gate: Machine, source: str, code: str) -> None:
    session = converse(gate, source, [*ENVELOPE, f"RCPT TO:<{STRANGER}>", "QUIT"])
    assert [reply[:3] for reply in session["replies"]] == ["220", "250", "250", code, "221"]


@pytest.mark.parametrize("service", PORTS)
def test_a_refused_client_gets_no_handshake(gate: Machine, service: str) -> None:
    wish = {
        "source": OUTSIDER, "destination": services.INSIDE, "port": PORTS[service], "ca": certificates.AUTHORITY,
        "name": certificates.NAME, "certificate": None, "say": [],
    }  # fmt: skip
    assert "error" in json.loads(services.client(gate, "tls", json.dumps(wish)))
    assert services.listen(gate, PORTS[service], OUTSIDER, services.INSIDE)[0][1] == ""
    refused = gate.journal(
        "-t", "sockgate", "-t", "sockgated", f"SOCKGATE_SERVICE={service}", "SOCKGATE_VERDICT=deny", count=2
    )
    assert {record["SOCKGATE_REMOTE_ADDR"] for record in refused} == {OUTSIDER}


def test_nothing_failed(gate: Machine) -> None:
    assert services.failed_units(gate) == ""


def test_the_example_needs_a_certificate_and_a_server_only(mail: Machine) -> None:
    values = dict(
        line.split(" = ")
        for line in Path(mail.path(EXAMPLE)).read_text().splitlines()
        if " = " in line and line[0] != ";"
    )
    assert (values["cert"], values["exec"]) == ("/etc/sockgate/smtps.pem", "/var/qmail/bin/qmail-smtpd")
