"""fail2ban with the filter and the jail that are installed as examples: it bans whom a gate refuses, and no other."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from sockgate.connection.log import REFUSED, SUMMED
from tests.system.machine import Machine
from tests.system.test_log import ALL_SERVICE, ALL_SOCKET, EACH_SERVICE, EACH_SOCKET

pytestmark = pytest.mark.oldest_and_newest("the records are the same: fail2ban reads them, its oldest and its newest")

EXAMPLES = "/usr/share/doc/sockgate/examples/fail2ban"
BROKEN_OPTION = "--no-such-option"


class Clients(NamedTuple):
    """Of one engine: the addresses that are served, refused five times, refused four times, and met by a fault."""

    engine: str
    port: int
    unit: str
    served: str
    refused: str
    refused_ipv6: str
    rarely: str
    broken: str

    @property
    def service(self) -> str:
        template = EACH_SERVICE if self.engine == "sockgate" else ALL_SERVICE
        denied = f'"{self.refused} {self.refused_ipv6} {self.rarely}"'
        return template.replace("127.0.0.9", denied).replace("/usr/local/bin/obey", "/bin/true")

    @property
    def path(self) -> str:
        return f"/etc/systemd/system/{self.unit}"


EACH = Clients("sockgate", 7001, "each@.service", "192.0.2.7", "192.0.2.8", "fd00:1::8", "192.0.2.9", "192.0.2.10")
ALL = Clients("sockgated", 7002, "all.service", "192.0.2.17", "192.0.2.18", "fd00:1::18", "192.0.2.19", "192.0.2.20")
CONNECT = """
import socket, sys
source, port, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for _ in range(times):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(20)
        client.bind((source, 0))
        client.connect(("fd00:1::1" if ":" in source else "192.0.2.1", port))
        try:
            client.recv(1)
        except ConnectionResetError:
            pass
"""
# The clients' addresses are the machine's own. Debian's own jail reads a file that only exists with rsyslog.
JAILS = """
[DEFAULT]
banaction_allports = nftables[type=allports]
ignoreself = false
[sshd]
enabled = false
"""


@pytest.fixture(scope="module")
def machine(release: str) -> Iterator[Machine]:
    with Machine(release, "more") as machine:
        machine.write("/etc/systemd/system/each.socket", EACH_SOCKET.replace("127.0.0.1:7001", "7001"))
        machine.write("/etc/systemd/system/all.socket", ALL_SOCKET.replace("127.0.0.1:7002", "7002"))
        machine.write("/etc/fail2ban/jail.d/zz-test.local", JAILS)
        for name in ("filter.d/sockgate.conf", "jail.d/sockgate.conf"):
            machine.run("cp", f"{EXAMPLES}/{name}", f"/etc/fail2ban/{name}")
        filter_text = machine.read("/etc/fail2ban/filter.d/sockgate.conf").rstrip("\n")
        own = ("_SYSTEMD_SLICE=system-each.slice", "_SYSTEMD_UNIT=all.service")
        more = "".join(f"\n               MESSAGE_ID={REFUSED} {trusted}" for trusted in own)
        more += f"\n               MESSAGE_ID={SUMMED} SOCKGATE_VERDICT=deny {own[1]}"
        machine.write("/etc/fail2ban/filter.d/sockgate.conf", f"{filter_text}{more}\n")
        for address in ("192.0.2.1/32", "fd00:1::1/128"):
            machine.add_address(address)
        for clients in (EACH, ALL):
            machine.write(clients.path, clients.service)
            for address in clients[3:]:
                machine.add_address(f"{address}/{128 if ':' in address else 32}")
        machine.systemctl("daemon-reload")
        machine.systemctl("start", "each.socket", "all.socket", "fail2ban.service")
        yield machine


def connect(machine: Machine, source: str, port: int, times: int) -> bool:
    """Whether each got through."""
    return machine.python(CONNECT, source, str(port), str(times), check=False).returncode == 0


def banned(machine: Machine) -> set[str]:
    return set(machine.run("fail2ban-client", "get", "sockgate", "banip").stdout.split())


@pytest.mark.parametrize("clients", [EACH, ALL], ids=["sockgate", "sockgated"])
def test_a_client_that_is_refused_five_times_is_banned_and_no_other_client(machine: Machine, clients: Clients) -> None:
    machine.wait_for(lambda: machine.run("fail2ban-client", "ping", check=False).returncode == 0, "fail2ban to answer")
    before = banned(machine)
    assert connect(machine, clients.served, clients.port, 10)
    assert connect(machine, clients.rarely, clients.port, 4)
    use(machine, clients, clients.service.replace("--deny", BROKEN_OPTION))
    assert connect(machine, clients.broken, clients.port, 10)  # refused because something is wrong here
    use(machine, clients, clients.service)
    assert connect(machine, clients.refused_ipv6, clients.port, 5)
    assert connect(machine, clients.refused, clients.port, 5)
    wanted = before | {clients.refused, clients.refused_ipv6}
    machine.wait_for(lambda: wanted <= banned(machine), "both to be banned")
    assert banned(machine) == wanted
    for source in (clients.served, clients.broken, clients.refused, clients.refused_ipv6):
        assert connect(machine, source, clients.port, 1) is (source not in wanted), source


def use(machine: Machine, clients: Clients, service: str) -> None:
    machine.write(clients.path, service)
    machine.systemctl("daemon-reload")
    if clients.engine == "sockgated":
        machine.systemctl("restart", clients.unit)


# What any user of the machine may send to the journal, as each kind of gate writes it.
FORGE = """
import socket, sys
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for service in ("each", "all", "smtp"):
    for program in ("sockgate", "sockgated"):
        message = f"{service}: refused {sys.argv[1]}:4711 on 192.0.2.1:25: in --deny {sys.argv[1]}"
        fields = {
            "MESSAGE": message, "MESSAGE_ID": sys.argv[2], "PRIORITY": "5", "SYSLOG_IDENTIFIER": program,
            "SOCKGATE_SERVICE": service, "SOCKGATE_REMOTE_ADDR": sys.argv[1], "INVOCATION_ID": "7" * 32,
            "_SYSTEMD_UNIT": f"{service}.service", "_SYSTEMD_SLICE": f"system-{service}.slice",
            "UNIT": f"{service}.service",
        }
        record = "".join(f"{name}={value}\\n" for name, value in fields.items()).encode()
        for _ in range(10):
            journal.sendto(record, "/run/systemd/journal/socket")
"""
VICTIM, MARK = "192.0.2.66", "192.0.2.67"


def test_another_user_of_the_machine_can_ban_no_address(machine: Machine) -> None:
    machine.wait_for(lambda: machine.run("fail2ban-client", "ping", check=False).returncode == 0, "fail2ban to answer")
    machine.write("/root/forge.py", FORGE)
    as_nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    machine.shell(f"cp /root/forge.py /tmp/forge.py; {' '.join(as_nobody)} python3 /tmp/forge.py {VICTIM} {REFUSED}")
    forged = machine.journal(f"MESSAGE_ID={REFUSED}", f"SOCKGATE_REMOTE_ADDR={VICTIM}", count=60)
    assert len(forged) == 60  # they are in the journal
    machine.add_address(f"{MARK}/32")
    machine.write(EACH.path, EACH.service.replace(EACH.rarely, f"{EACH.rarely} {MARK}"))
    machine.systemctl("daemon-reload")
    assert connect(machine, MARK, EACH.port, 5)
    machine.wait_for(lambda: MARK in banned(machine), "what came later to be banned")
    assert VICTIM not in banned(machine)
    assert VICTIM not in json.loads(machine.run("sockgatectl", "status", "--json", "each").stdout)[0]["sources"]
    shown = "".join(
        machine.run("sockgatectl", *words).stdout
        for words in (("status", "each"), ("status", "--prometheus"), ("log",), ("report",), ("top", "--count", "1"))
    )
    assert VICTIM not in shown
    assert MARK in shown


FLOOD, SLOW = "192.0.2.70", "192.0.2.71"


def test_a_flood_that_is_summed_is_banned_and_its_sums_count(machine: Machine) -> None:
    machine.wait_for(lambda: machine.run("fail2ban-client", "ping", check=False).returncode == 0, "fail2ban to answer")
    for address in (FLOOD, SLOW):
        machine.add_address(f"{address}/32")
    use(machine, ALL, ALL.service.replace(ALL.rarely, f"{ALL.rarely} {FLOOD} {SLOW}"))
    machine.run("fail2ban-client", "set", "sockgate", "maxretry", "11")
    assert connect(machine, SLOW, ALL.port, 10)
    assert connect(machine, FLOOD, ALL.port, 40)
    assert not {SLOW, FLOOD} & banned(machine), "ten refusals are in the journal"
    machine.systemctl("kill", "--kill-whom=main", "--signal=HUP", "all.service")  # then it writes the sums
    machine.wait_for(lambda: FLOOD in banned(machine), "the sum to be counted")
    assert SLOW not in banned(machine)

    def sums() -> list[int]:
        """One, or more if the machine was slow: the first is written after ten seconds."""
        records = machine.journal(f"MESSAGE_ID={SUMMED}", f"SOCKGATE_REMOTE_ADDR={FLOOD}", count=0)
        return [int(record["SOCKGATE_COUNT"]) for record in records]

    machine.wait_for(lambda: sum(sums()) == 30, "every refusal to be counted")
    machine.run("fail2ban-client", "set", "sockgate", "maxretry", "5")
    shown = json.loads(machine.run("sockgatectl", "status", "--json", "all").stdout)[0]
    assert shown["last_refusals"][0]["count"] == sums()[-1]
