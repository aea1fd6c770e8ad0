"""`sockgatectl convert inetd`: clients of openbsd-inetd and of GNU's inetd, and then of what became of their lines."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system import roots, services
from tests.system.conftest import require_machines
from tests.system.convert import inetd_lines, oracle
from tests.system.machine import Machine

pytestmark = pytest.mark.oldest_and_newest("the units have no setting that is younger than 252")

PROGRAMS = {"openbsd-inetd": "/usr/sbin/inetd -l", "inetutils-inetd": "/usr/sbin/inetutils-inetd"}
LINES = {"openbsd-inetd": inetd_lines.OPENBSD, "inetutils-inetd": inetd_lines.GNU}
HOSTS_ALLOW = """probe-a: 192.168.0. [fd00:1::]/64
probe-b: ALL EXCEPT 10.
probe-e: .example.com
another-name: 127. 10.
"""
HOSTS_DENY = """probe-a probe-b probe-e another-name: ALL
probe-c: 192.168.0.77
probe: 203.0.113.7 [fd00:2::]/64
"""
UPPER = """#!/usr/bin/python3
import socket
server = socket.socket(fileno=0)
data, sender = server.recvfrom(100)
server.sendto(data.upper(), sender)
"""
WAITS = """#!/usr/bin/python3
import socket
client, _ = socket.socket(fileno=0).accept()
client.sendall(b"accepted here")
"""
Outcome = tuple[str, oracle.Answers, oracle.Answers, list[str], list[str]]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((release, inetd), id=f"{release}-{inetd}") for release in roots.RELEASES for inetd in PROGRAMS
    ],
)
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    require_machines()
    with Machine(*request.param) as machine:
        yield machine


def others(machine: Machine, inetd: str) -> list[str]:
    """What UDP, internal, waiting and UNIX services answer."""
    # Not from 127.0.0.1: openbsd-inetd takes such a datagram for a forged one.
    asked = [("echo", "127.0.0.1", "7"), ("udp", "192.168.0.1", "7"), ("tcp", "127.0.0.1", "9"),
             ("tcp", "127.0.0.1", "13"), ("udp", "192.168.0.1", "13"), ("tcp", "127.0.0.1", "37"),
             ("tcp", "127.0.0.1", "19"), ("udp", "127.0.0.1", "7001"), ("tcp", "127.0.0.1", "7002"),
             ("tcp", "127.0.0.1", "7002"), ("udp", "127.0.0.1", "7001"), ("echo", "::1", "7"),
             *(("tcp", address, port) for port in ("7003", "7005") for address in ("127.0.0.1", "127.0.0.2")),
             ("udp", "192.168.0.1", "7004"), ("udp", "127.0.0.2", "7004")]  # fmt: skip
    if inetd == "openbsd-inetd":
        asked.append(("unix", "/run/unix.sock", ""))
    return [f"{words}: {without_time(services.client(machine, 'datagram', *filter(None, words)))}" for words in asked]


def without_time(text: str) -> str:
    """Clocks go on between two questions; what a probe inherits is compared elsewhere."""
    if "<probe>" in text:
        return re.sub(r"umask.*|/opt/", "", text)
    if re.fullmatch(r"b(.)(\\x..|\\?.){4}(\\x00){0,4}\1\n", text):
        return "the time"  # GNU's inetd sends eight bytes, where RFC 868 wants four
    if "ABCDEFGHIJ" in text:
        return "characters"
    return "a date" if re.search(r"20\d\d", text) else text


def ask(machine: Machine, lines: list[inetd_lines.Line]) -> oracle.Answers:
    """Who has rules of its own is asked by all clients, the others by some."""
    ruled = [line.port for line in lines if "tcpd" in line.text or "another-name" in line.text]
    others = [line.port for line in lines if line.port not in ruled]
    return oracle.ask(machine, ruled, oracle.MIXED_CLIENTS) | oracle.ask(machine, others, oracle.FEW_CLIENTS)


@pytest.fixture(scope="module")
def converted(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    inetd = machine.profile
    oracle.prepare(machine, tmp_path_factory.mktemp("build"))
    machine.shell("for n in a b c e; do ln /opt/probe /usr/sbin/probe-$n; ln /opt/probe /opt/probe-$n; done")
    machine.write("/opt/upper", UPPER, 0o755)
    machine.write("/opt/waits", WAITS, 0o755)
    machine.write("/etc/hosts.allow", HOSTS_ALLOW)
    machine.write("/etc/hosts.deny", HOSTS_DENY)
    lines = inetd_lines.lines(LINES[inetd])
    text = "".join(f"{line.text}\n" for line in lines) + inetd_lines.OTHERS
    machine.write("/etc/inetd.conf", text + (inetd_lines.UNIX if inetd == "openbsd-inetd" else ""))
    machine.shell(f"renice --priority 0 $$ > /dev/null; cd /; {PROGRAMS[inetd]} /etc/inetd.conf")
    machine.wait_for(lambda: machine.shell("ss -Hltn sport = :7002").stdout != "", "inetd to listen")
    before, told = ask(machine, lines), others(machine, inetd)
    report = oracle.convert_only(machine, "inetd", "/etc/inetd.conf")
    machine.shell(f"kill $(pgrep -x {Path(PROGRAMS[inetd].split()[0]).name}); rm -f /run/unix.sock")
    machine.wait_for(lambda: machine.shell("ss -Hltn sport = :7002").stdout == "", "inetd to end")
    oracle.start(machine, report)
    return inetd, before, ask(machine, lines), told, others(machine, inetd)


def test_clients_get_from_the_converted_services_what_inetd_gave(converted: Outcome) -> None:
    inetd, before, after, _, _ = converted
    assert len(oracle.admitted(before)) > len(before) / 4, "the comparison is worth something"
    texts = {str(line.port): line.text for line in inetd_lines.lines(LINES[inetd])}
    plain = f"{inetd_lines.FIRST_PORT} 192.168.0.5"
    found = [
        f"{texts[difference.split()[0]]}: {difference}"
        for difference in oracle.differences(before, after, plain, oracle.GATE_VARIABLES)
        if " later root" not in texts[difference.split()[0]]  # neither wait nor nowait: refused
    ]
    assert not found, "\n".join(found)


def test_no_client_gets_in_that_inetd_refused(converted: Outcome) -> None:
    _, before, after, _, _ = converted
    assert oracle.admitted(after) <= oracle.admitted(before)
    assert set(before) > oracle.admitted(before)


def test_datagrams_internal_services_and_servers_that_wait_answer_as_before(converted: Outcome) -> None:
    *_, before, after = converted
    assert after == before


def test_systemd_has_nothing_to_say_about_the_units(machine: Machine, converted: Outcome) -> None:
    assert oracle.verify(machine) == ""
