"""fail2ban with the filter and the jail that are installed as examples: it bans who is refused, and nobody else."""

from collections.abc import Iterator

import pytest

from tests.system import roots
from tests.system.conftest import why_not
from tests.system.machine import Machine
from tests.system.test_log import EACH_SERVICE, EACH_SOCKET

EXAMPLES = "/usr/share/doc/sockgate/examples/fail2ban"
SERVED, REFUSED, REFUSED_IPV6, RARELY, BROKEN = "192.0.2.7", "192.0.2.8", "fd00:1::8", "192.0.2.9", "192.0.2.10"
SERVICE = EACH_SERVICE.replace("127.0.0.9", f'"{REFUSED} {REFUSED_IPV6} {RARELY}"').replace(
    "/usr/local/bin/obey", "/bin/true"
)
CONNECT = """
import socket, sys
source, times = sys.argv[1], int(sys.argv[2])
for _ in range(times):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(3)
        client.bind((source, 0))
        client.connect(("fd00:1::1" if ":" in source else "192.0.2.1", 7001))
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


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in roots.SYSTEMD]
)
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with Machine(request.param, "fail2ban") as machine:
        machine.write("/etc/systemd/system/each.socket", EACH_SOCKET.replace("127.0.0.1:7001", "7001"))
        machine.write("/etc/systemd/system/each@.service", SERVICE)
        machine.write("/etc/fail2ban/jail.d/zz-test.local", JAILS)
        for name in ("filter.d/sockgate.conf", "jail.d/sockgate.conf"):
            machine.run("cp", f"{EXAMPLES}/{name}", f"/etc/fail2ban/{name}")
        for address in ("192.0.2.1/32", "fd00:1::1/128", f"{REFUSED_IPV6}/128"):
            machine.add_address(address)
        for address in (SERVED, REFUSED, RARELY, BROKEN):
            machine.add_address(f"{address}/32")
        machine.systemctl("daemon-reload")
        machine.systemctl("start", "each.socket", "fail2ban.service")
        yield machine


def banned(machine: Machine) -> set[str]:
    return set(machine.run("fail2ban-client", "get", "sockgate", "banip").stdout.split())


def test_whoever_is_refused_five_times_is_banned_and_nobody_else(machine: Machine) -> None:
    machine.wait_for(lambda: machine.run("fail2ban-client", "ping", check=False).returncode == 0, "fail2ban to answer")
    machine.python(CONNECT, SERVED, "10")
    machine.python(CONNECT, RARELY, "4")
    machine.write("/etc/systemd/system/each@.service", SERVICE.replace("--deny", "--no-such-option"))
    machine.systemctl("daemon-reload")
    machine.python(CONNECT, BROKEN, "10")  # refused because something is wrong here
    machine.write("/etc/systemd/system/each@.service", SERVICE)
    machine.systemctl("daemon-reload")
    machine.python(CONNECT, REFUSED_IPV6, "5")
    machine.python(CONNECT, REFUSED, "5")
    machine.wait_for(lambda: {REFUSED, REFUSED_IPV6} <= banned(machine), "both to be banned", 20)
    assert banned(machine) == {REFUSED, REFUSED_IPV6}


def test_who_is_banned_gets_no_answer_any_more(machine: Machine) -> None:
    for source, reached in ((SERVED, True), (RARELY, True), (REFUSED, False), (REFUSED_IPV6, False)):
        assert (machine.python(CONNECT, source, "1", check=False).returncode == 0) is reached, source
