"""`sockgatectl convert` on a running machine: the same clients ask xinetd first, and then what became of it."""

import json
import re
import socket
from pathlib import Path

import pytest

from tests.system.convert.configurations import HOSTS_ALLOW, HOSTS_DENY, Configured, all_configured
from tests.system.machine import Machine
from tests.system.services import SERVERS, compile_static

pytestmark = pytest.mark.oldest_and_newest("the units have no setting that is younger than 252")

CLIENT = (Path(__file__).parent / "convert/client.py").read_text()
CLIENTS = (
    "192.168.0.5", "192.168.0.77", "192.168.1.5", "192.168.10.3", "10.0.0.1", "10.1.2.3", "172.16.0.9", "203.0.113.7",
    "127.0.0.1", "127.0.0.5", "fd00:1::5", "fd00:1::77", "fd00:2::5", "::1",
)  # fmt: skip
# Of each kind one: who gets no answer takes three seconds to show that.
DATAGRAM_CLIENTS = ("192.168.0.5", "192.168.0.77", "10.1.2.3", "203.0.113.7", "127.0.0.1", "fd00:1::5", "fd00:2::5")
OWN = ("192.168.0.1", "fd00:1::1")
TARGETS = {int(socket.AF_INET): ["127.0.0.1", "192.168.0.1"], int(socket.AF_INET6): ["::1", "fd00:1::1"]}
# What a service of systemd has of its own, what xinetd adds, and what the gate adds: sockgate-migrating(7) lists it.
OWN_VARIABLES = re.compile(
    r"^(PATH|LANG|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID|REMOTE_\w+|SO_COOKIE|MEMORY_PRESSURE_\w+|USER|LOGNAME"
    r"|HOME|SHELL|PROTO|TCP6?(LOCAL|REMOTE)\w+|TCPCON\w+|PWD|XINETD_BIND|SHLVL|_|OLDPWD|MAINPID|LC_ALL|TERM)="
)
FILES = re.compile(r"^limit files .*\n", re.MULTILINE)
LEADER = re.compile(r" leader \d")  # xinetd's servers and those of systemd lead a session, those of sockgated a group
TALKATIVE = ("echo", "discard")  # what one has to say something to
DIGITS = re.compile(r"\d+")


def prepare(machine: Machine) -> None:
    compile_static(SERVERS / "anywhere.c", machine.path("/opt/probe"))
    machine.write("/opt/banner", "220 hello\r\n")
    machine.write("/etc/hosts.allow", HOSTS_ALLOW)
    machine.write("/etc/hosts.deny", HOSTS_DENY)
    machine.run("useradd", "--groups", "mail,games", "prober")
    for address in CLIENTS + OWN:
        if not address.startswith("127.") and address != "::1":
            machine.add_address(f"{address}/{128 if ':' in address else 32}")


def ask_everything(machine: Machine, asked: list[Configured]) -> dict[str, str | None]:
    streams = {one.port: one.attributes.get("name") in TALKATIVE for one in asked if not one.is_datagram}
    datagrams = [one.port for one in asked if one.is_datagram]
    question = json.dumps([CLIENTS, streams, datagrams, DATAGRAM_CLIENTS, TARGETS])
    answers: dict[str, str | None] = json.loads(machine.python(CLIENT, question, timeout=800).stdout)
    return answers


def normal(answer: str | None, attributes: dict[str, str]) -> str | None:
    """Without what differs for every service and is documented, and without what was not configured."""
    if answer is None or "<probe>" not in answer:
        return pattern(answer, attributes.get("name", ""))
    lines = [line for line in answer.split("\n") if not OWN_VARIABLES.match(line)]
    if "NAMEINARGS" not in attributes.get("flags", ""):
        lines = [line.replace("words|/opt/probe", "words|probe") for line in lines]
    text = LEADER.sub("", "\n".join(lines))
    return text if "rlimit_files" in attributes else FILES.sub("", text)


def pattern(answer: str | None, name: str) -> str | None:
    """The answer of a service that was asked at another moment."""
    if name == "time":
        return f"{len(answer)} bytes" if answer else None
    return DIGITS.sub("#", answer) if answer and name == "daytime" else answer or None


def reported(report: dict[str, list[dict[str, str]]], service: Configured) -> set[str]:
    """The attributes of this service about which the report says that something differs."""
    return {
        entry["what"].split()[0] for entry in report["report"]
        if entry["service"] == service.name and entry["outcome"] != "translated"
    }  # fmt: skip


def differences(
    configured: list[Configured], before: dict[str, str | None], after: dict[str, str | None],
    report: dict[str, list[dict[str, str]]],
) -> list[str]:  # fmt: skip
    found = []
    for service in configured:
        for client in DATAGRAM_CLIENTS if service.is_datagram else CLIENTS:
            key = f"{service.port} {client}"
            old, new = (normal(answers[key], service.attributes) for answers in (before, after))
            if old != new:
                found.append(
                    f"{service.attributes} from {client}: {sorted(reported(report, service))}\n--- {old}\n+++ {new}"
                )
    return found


@pytest.fixture(scope="module")
def converted(machine: Machine) -> tuple[list[Configured], dict[str, str | None], dict[str, str | None], str]:
    """The services, xinetd's answers, the converted services' answers, and the report."""
    prepare(machine)
    services = all_configured()
    machine.write("/etc/xinetd.conf", "".join(map(str, services)))
    machine.run("xinetd", "-f", "/etc/xinetd.conf", "-pidfile", "/run/xinetd.pid")
    machine.wait_for(lambda: machine.run("ss", "-Hltn", "sport", "=", ":20000").stdout != "", "xinetd to listen")
    before = ask_everything(machine, services)
    machine.shell("kill $(cat /run/xinetd.pid)")
    done = machine.run(
        "sockgatectl", "convert", "xinetd", "/etc/xinetd.conf", "--output", "/etc/systemd/system", "--json", check=False
    )
    assert done.returncode == 1, done.stderr
    sockets = [unit for unit in json.loads(done.stdout)["units"] if unit.endswith(".socket")]
    machine.systemctl("daemon-reload")
    machine.systemctl("start", *sockets)
    return services, before, ask_everything(machine, services), done.stdout


@pytest.mark.timeout(1800)  # two rounds of some 1,500 connections; a minute on a machine that has nothing else to do
def test_every_client_gets_from_the_converted_services_what_xinetd_gave(
    converted: tuple[list[Configured], dict[str, str | None], dict[str, str | None], str],
) -> None:
    services, before, after, report = converted
    assert len(services) >= 60
    admitted = sum("<probe>" in (answer or "") for answer in before.values())
    assert admitted > len(before) / 4, "the comparison is worth something"
    found = differences(services, before, after, json.loads(report))
    assert not found, "\n".join(found[:10]) + f"\n{len(found)} differences"


def test_no_client_gets_in_that_xinetd_refused(
    converted: tuple[list[Configured], dict[str, str | None], dict[str, str | None], str],
) -> None:
    _, before, after, _ = converted
    assert not [
        key for key, answer in after.items() if "<probe>" in (answer or "") and "<probe>" not in (before[key] or "")
    ]


def test_systemd_has_nothing_to_say_about_the_units(machine: Machine) -> None:
    done = machine.shell("systemd-analyze verify /etc/systemd/system/probe*.socket /etc/systemd/system/probe*.service")
    assert (done.stdout, done.stderr) == ("", "")
