"""Courier's IMAP and POP3 servers behind imap.socket and pop3.socket, through either gate: whole sessions, and who
gets none.

The machine is the dual-homed one of the README: SMTP on every address; mailboxes on the inner address only and
for the inner network only; all of it at once.
"""

import pytest

from sockgate.dispatch.records.sums import FULL
from tests.system import services
from tests.system.machine import Machine

INSIDER, OUTSIDER = "192.168.0.5", "10.1.1.1"
NETWORK = "192.168.0.0/24"
PORTS = {"imap": 143, "pop3": 110}
REFUSALS = FULL  # of more, the resident gate writes a sum
SESSION = """
import imaplib, sys
client = imaplib.IMAP4(sys.argv[1], timeout=30)
client.login("alice", "secret")
print("in", flush=True)
sys.stdin.read()
print(client.noop()[0], client.logout()[0])
"""


@pytest.fixture(scope="module")
def courier(machine: Machine) -> Machine:
    services.add_addresses(machine, services.INSIDE, INSIDER, OUTSIDER)
    services.courier_accounts(machine)
    services.courier_smtp(machine)
    services.set_options(machine, "smtp", f'--relay "localhost {NETWORK}"', "/usr/sbin/courieresmtpd")
    for service, port in PORTS.items():
        services.drop_in(machine, f"{service}.socket", f"[Socket]\nListenStream=\nListenStream=192.168.0.1:{port}\n")
        services.set_options(machine, service, f"--allow {NETWORK}")
    machine.systemctl("enable", "--now", "smtp.socket", "imap.socket", "pop3.socket")
    return machine


@pytest.fixture(scope="module", params=services.ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def mail(courier: Machine, engine: str) -> Machine:
    services.switch(courier, engine, "smtp", "imap", "pop3")
    return courier


def read_mail(machine: Machine, protocol: str) -> str:
    return services.client(machine, "mailbox", protocol, INSIDER, services.INSIDE)


@pytest.mark.parametrize("protocol", ["imap", "imaptls", "pop3"])
def test_an_insider_reads_mail(mail: Machine, protocol: str) -> None:
    read_mail(mail, "imap")  # leaves a message for the others
    assert read_mail(mail, protocol).split() == ["Subject:", "greeting", "hello"]


def test_the_session_runs_as_the_owner_of_the_mailbox(mail: Machine) -> None:
    read_mail(mail, "imap")
    assert mail.shell("find /home/alice/Maildir ! -user alice").stdout == ""


@pytest.mark.parametrize("service", PORTS)
def test_an_outsider_gets_not_one_byte_and_the_journal_says_why(mail: Machine, engine: str, service: str) -> None:
    received = services.listen(mail, PORTS[service], OUTSIDER, services.INSIDE, times=REFUSALS)
    assert [text for _, text in received] == [""] * REFUSALS
    selection = f"--unit={services.unit_pattern(engine, service)}", f"SYSLOG_IDENTIFIER={engine}"
    records = mail.journal(*selection, f"SOCKGATE_REMOTE_ADDR={OUTSIDER}", count=REFUSALS)
    assert [record["MESSAGE"] for record in records] == [
        f"{service}: refused {OUTSIDER}:{port} on {services.INSIDE}:{PORTS[service]}: not in --allow {NETWORK}"
        for port, _ in received
    ]
    first = records[0]
    assert (first["SOCKGATE_SERVICE"], first["SOCKGATE_VERDICT"]) == (service, "deny")
    assert first["SOCKGATE_REASON"] == f"not in --allow {NETWORK}"


@pytest.mark.parametrize("service", PORTS)
def test_mailboxes_are_on_the_inner_address_only(mail: Machine, service: str) -> None:
    listening = mail.run("ss", "-Hltn", f"sport = :{PORTS[service]}").stdout.split()
    assert f"{services.INSIDE}:{PORTS[service]}" in listening
    assert len(listening) == 5  # one socket


def test_smtp_is_open_to_all_at_the_same_time(mail: Machine) -> None:
    stranger, member = "user@foreign.example", f"alice@{services.LOCAL_DOMAIN}"
    clients = [(INSIDER, services.INSIDE, 25), (OUTSIDER, services.INSIDE, 25), ("127.0.0.1", "127.0.0.1", 25)]
    with mail.popen(
        "python3", "-c", (services.CLIENTS / "mailbox.py").read_text(), "imap", INSIDER, services.INSIDE
    ) as session:
        answers = services.converse(mail, clients, [stranger, member])
        session.wait(30)
    assert session.returncode == 0
    assert [codes[3:5] for codes in answers] == [[250, 250], [513, 250], [250, 250]]


def test_an_open_session_outlives_what_happens_to_the_gate(mail: Machine, engine: str) -> None:
    with mail.popen("python3", "-c", SESSION, services.INSIDE) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == "in\n"
        mail.systemctl("restart", "imap.socket")
        read_mail(mail, "imap")
        if engine == "sockgated":
            mail.systemctl("kill", "--kill-whom=main", "--signal=KILL", "imap.service")
            read_mail(mail, "imap")
        assert session.communicate("")[0] == "OK BYE\n"


def test_a_session_does_not_go_before_other_processes(mail: Machine) -> None:
    with mail.popen("python3", "-c", SESSION, services.INSIDE) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == "in\n"
        (pid,) = services.processes(mail, "imap")
        assert mail.run("ps", "-o", "user=,ni=", "-p", pid).stdout.split() == ["alice", "0"]
        assert session.communicate("")[0] == "OK BYE\n"


def test_what_the_servers_log_names_them_and_keeps_their_client(mail: Machine, engine: str) -> None:
    read_mail(mail, "imap")
    services.wait_until_idle(mail, "imap")
    unit = services.unit_pattern(engine, "imap")
    said = f"INFO: LOGIN, user=alice, ip=[{INSIDER}]"

    def is_known() -> bool:
        records = mail.journal(f"--unit={unit}", "SYSLOG_IDENTIFIER=imapd", count=0)
        return any(record["MESSAGE"].startswith(said) for record in records)

    mail.wait_for(is_known, said)


def test_nothing_failed(mail: Machine) -> None:
    assert services.failed_units(mail) == ""
