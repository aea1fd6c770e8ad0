"""DNS lists and host names on a real systemd: rbldnsd, the shipped smtp units with their sandbox, courieresmtpd."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.system import services
from tests.system.machine import Machine

pytestmark = pytest.mark.oldest_and_newest("the gate asks by itself; systemd has no part but the sandbox")

PROFILE = "more"

HERE, SPAMMER, FRIEND, HONEST = "203.0.113.1", "192.0.2.66", "192.0.2.67", "192.0.2.1"
MEMBER = f"alice@{services.LOCAL_DOMAIN}"
ACCEPTED = [220, 250, 250, 250, 221]
TIMEOUT = 5  # seconds: long enough for the rest of a conversation on a busy machine
BLOCKED = ":127.0.0.2:Spam from $\n127.0.0.2\n192.0.2.66\n192.0.2.67\n"
ALLOWED = "127.0.0.2\n192.0.2.67\n"
DEAD = ":127.0.0.2:parked\n127.0.0.0/8\n192.0.0.0/8\n"
RBLDNSD = """
[Service]
ExecStart=/usr/sbin/rbldnsd -n -q -b 127.0.0.1/53 -w /var/lib/lists bl.test:ip4set:blocked wl.test:ip4set:allowed \
    dead.test:ip4set:dead
"""
# Takes every question and answers none.
SILENT = """
[Service]
ExecStart=/usr/bin/python3 -c 'import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); \
s.bind(("127.0.0.1", 53)); time.sleep(1000000)'
"""
LOOK = f"""
[Socket]
ListenStream={HERE}:7001
Accept=yes
MaxConnections=200
"""
LOOK_SERVICE = """
[Service]
ExecStart=/usr/sbin/sockgate --hostname --paranoid --rules /etc/look.rules /usr/bin/env
StandardInput=socket
StandardError=journal
"""
HOSTS = f"127.0.0.1 localhost\n{HONEST} honest.example.test\n{FRIEND} Friend.example.test\n"


@pytest.fixture(scope="module")
def courier(machine: Machine) -> Machine:
    services.add_addresses(machine, HERE, SPAMMER, FRIEND, HONEST)
    services.courier_accounts(machine)
    services.courier_smtp(machine)
    for name, text in (("blocked", BLOCKED), ("allowed", ALLOWED), ("dead", DEAD)):
        machine.write(f"/var/lib/lists/{name}", text)
    machine.path("/etc/resolv.conf").unlink(missing_ok=True)
    machine.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    machine.write("/etc/systemd/system/lists.service", RBLDNSD)
    machine.write("/etc/systemd/system/silent.service", SILENT)
    machine.systemctl("daemon-reload")
    machine.systemctl("start", "courier-authdaemon", "lists.service")
    services.set_options(machine, "smtp", "--dnsbl bl.test", "/usr/sbin/courieresmtpd")
    machine.systemctl("start", "smtp.socket")
    return machine


@pytest.fixture(scope="module", params=services.ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def smtp(courier: Machine, engine: str) -> Machine:
    services.switch(courier, engine, "smtp")
    return courier


def set_options(machine: Machine, options: str) -> None:
    services.set_options(machine, "smtp", options, "/usr/sbin/courieresmtpd")
    machine.systemctl("try-restart", "smtp.service")


def talk(machine: Machine, source: str) -> list[int | str]:
    destination = "127.0.0.1" if source.startswith("127.") else HERE
    return services.converse(machine, [(source, destination, 25)], [MEMBER])[0]


def test_courier_refuses_the_clients_of_a_list_and_no_others(smtp: Machine) -> None:
    set_options(smtp, "--dnsbl bl.test,BLOCK --dnsbl-allow wl.test --relay localhost")
    assert talk(smtp, HONEST) == ACCEPTED
    assert talk(smtp, FRIEND) == ACCEPTED
    assert talk(smtp, "127.0.0.1") == ACCEPTED
    refused = talk(smtp, SPAMMER)
    assert refused[:2] == [220, 250]
    assert 500 <= int(refused[3]) < 600


def test_the_gate_refuses_with_the_lists_own_words(smtp: Machine, engine: str) -> None:
    set_options(smtp, '--dnsbl "bl.test,,554 5.7.1 *" --dnsbl-allow wl.test')
    assert talk(smtp, HONEST) == ACCEPTED
    assert talk(smtp, FRIEND) == ACCEPTED
    assert talk(smtp, SPAMMER)[0] == 554
    said = services.listen(smtp, 25, SPAMMER, HERE)[0][1]
    assert said == f"554 5.7.1 Spam from {SPAMMER}\r\n"
    (record, *_) = smtp.journal("SOCKGATE_SERVICE=smtp", f"SYSLOG_IDENTIFIER={engine}", "SOCKGATE_VERDICT=deny")
    assert f"refused {SPAMMER}:" in record["MESSAGE"]
    assert "in the DNS list bl.test (127.0.0.2)" in record["MESSAGE"]


def test_a_silent_name_server_costs_the_timeout_of_the_clients_that_need_it_alone(smtp: Machine, engine: str) -> None:
    smtp.systemctl("stop", "lists.service")
    smtp.systemctl("start", "silent.service")
    try:
        set_options(smtp, f"--dnsbl bl.test --dnsbl dead.test --relay localhost --timeout {TIMEOUT}")
        talk(smtp, "127.0.0.1")  # the resident gate is up
        begin = time.monotonic()
        assert talk(smtp, "127.0.0.1") == ACCEPTED
        assert time.monotonic() - begin < TIMEOUT
        begin = time.monotonic()
        assert talk(smtp, HONEST) == ACCEPTED
        assert TIMEOUT <= time.monotonic() - begin < 2 * TIMEOUT, "both lists are asked at the same time"
        set_options(smtp, "--dnsbl bl.test --dnsbl-fail closed --timeout 1")
        [(port, said)] = services.listen(smtp, 25, HONEST, HERE)
        assert said.startswith("451 4.7.1 ")
    finally:
        smtp.systemctl("stop", "silent.service")
        smtp.systemctl("start", "lists.service")
    (record, *_) = smtp.journal(f"SYSLOG_IDENTIFIER={engine}", f"SOCKGATE_REMOTE_PORT={port}", "SOCKGATE_VERDICT=deny")
    assert "no answer from the DNS list bl.test: no answer in time" in record["MESSAGE"]


def test_a_dead_list_is_found_by_asking_it(courier: Machine) -> None:
    set_options(courier, "--dnsbl bl.test --dnsbl dead.test --dnsbl-allow wl.test --dnsbl gone.test")
    quiet = courier.run("sockgatectl", "check", "--json", "smtp.socket", check=False).stdout
    assert "DNS list" not in quiet
    findings = json.loads(courier.run("sockgatectl", "check", "--network", "--json", "smtp.socket", check=False).stdout)
    found = [finding["message"] for finding in findings if "DNS list" in finding["message"]]
    assert found == [
        "the DNS list 'dead.test' lists every client: it has 127.0.0.1, which a working list never has",
        "no answer from the DNS list 'gone.test': REFUSED",
    ]
    told = courier.run("sockgatectl", "explain", "smtp.socket", "--ip", SPAMMER, "--listed", "bl.test").stdout
    assert told.startswith("deny: in the DNS list bl.test (127.0.0.2)\n")


@pytest.fixture
def look(courier: Machine) -> Iterator[Machine]:
    courier.write("/etc/hosts", HOSTS)
    courier.write("/etc/look.rules", '=friend.example.test:allow,FRIEND="1"\n=.example.test:allow\n:deny\n')
    courier.write("/etc/systemd/system/look.socket", LOOK)
    courier.write("/etc/systemd/system/look@.service", LOOK_SERVICE)
    courier.systemctl("daemon-reload")
    courier.systemctl("start", "look.socket")
    yield courier
    courier.systemctl("stop", "look.socket")


def test_a_client_has_the_name_that_the_machine_knows_it_by(look: Machine) -> None:
    honest, friend, spammer = (services.listen(look, 7001, source, HERE)[0][1] for source in (HONEST, FRIEND, SPAMMER))
    assert "TCPREMOTEHOST=honest.example.test\n" in honest
    assert "FRIEND=" not in honest
    assert "TCPREMOTEHOST=friend.example.test\n" in friend
    assert "FRIEND=1\n" in friend
    assert spammer == ""
    records = look.journal("SOCKGATE_SERVICE=env", "SOCKGATE_VERDICT=allow", count=2)
    assert {record["SOCKGATE_REMOTE_HOST"] for record in records} == {
        "honest.example.test", "friend.example.test"
    }  # fmt: skip
