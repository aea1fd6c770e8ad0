"""The old program first, then what became of it: the same clients ask both, and a probe says what its server sees."""

import json
import re
import socket
from collections.abc import Iterable
from pathlib import Path

from tests.system import services
from tests.system.machine import Machine

CLIENT = (Path(__file__).parent / "client.py").read_text()
CLIENTS = (
    "192.168.0.5", "192.168.0.77", "192.168.1.5", "192.168.10.3", "10.0.0.1", "10.1.2.3", "172.16.0.9", "203.0.113.7",
    "127.0.0.1", "127.0.0.5", "198.51.100.1", "192.0.2.200", "fd00:1::5", "fd00:1::77", "fd00:2::5", "::1",
)  # fmt: skip
# Twelve for programs that know both families: fewer of the first.
MIXED_CLIENTS = (*CLIENTS[:2], *CLIENTS[4:6], *CLIENTS[7:9], *CLIENTS[10:])
# For services without rules of their own: of each family one that hosts.deny names, and one that it does not.
FEW_CLIENTS = ("192.168.0.5", "203.0.113.7", "fd00:1::5", "fd00:2::5")
IPV4_CLIENTS = tuple(client for client in CLIENTS if ":" not in client)
OWN = ("192.168.0.1", "fd00:1::1")
TARGETS = {int(socket.AF_INET): ["127.0.0.1", "192.168.0.1"], int(socket.AF_INET6): ["::1", "fd00:1::1"]}
# What a service of systemd has of its own, and what differs from connection to connection.
OWN_VARIABLES = re.compile(
    r"^(PATH|LANG|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID|REMOTE_(ADDR|PORT)|SO_COOKIE|MEMORY_PRESSURE_\w+|USER"
    r"|LOGNAME|HOME|SHELL|PWD|SHLVL|_|OLDPWD|MAINPID|LC_ALL|TERM|SOCKGATE_LIMITS|inetd_dummy|TCP6?REMOTEPORT"
    r"|TCPCON(NNUM|CURRENCY))="
)
# What the gate tells every server of its client, and inetd did not.
GATE_VARIABLES = re.compile(r"^(PROTO|TCP6?(LOCAL|REMOTE)(IP|PORT))=")
Answers = dict[str, str | None]


def prepare(machine: Machine, build: Path) -> None:
    """A probe, an account with further groups, addresses; niceness as at home, although the tests may be run nicely."""
    services.compile_static(services.SERVERS / "probe.c", build / "probe")
    machine.path("/opt/probe").write_bytes((build / "probe").read_bytes())
    machine.path("/opt/probe").chmod(0o755)
    machine.run("renice", "--priority", "0", "1")
    machine.run("useradd", "--groups", "mail,games", "--no-create-home", "prober")
    machine.run("ip", "link", "set", "lo", "up")
    for address in CLIENTS + OWN:
        if not address.startswith("127.") and address != "::1":
            machine.add_address(f"{address}/{128 if ':' in address else 32}")


def ask(machine: Machine, ports: Iterable[int], clients: Iterable[str] = CLIENTS) -> Answers:
    """ "PORT CLIENT": what it was told, None if nothing takes the connection."""
    question = json.dumps([list(clients), dict.fromkeys(ports, False), [], [], TARGETS])
    answers: Answers = json.loads(machine.python(CLIENT, question, timeout=300).stdout)
    return answers


Report = dict[str, list[dict[str, str]]]


def convert(machine: Machine, program: str, *files: str) -> Report:
    """Convert into /etc/systemd/system, and start every socket. The report."""
    report = convert_only(machine, program, *files)
    start(machine, report)
    return report


def convert_only(machine: Machine, program: str, *files: str) -> Report:
    """Convert into /etc/systemd/system, while the old program may still run."""
    done = machine.run(
        "sockgatectl", "convert", program, *files, "--output", "/etc/systemd/system", "--json", check=False
    )
    assert done.returncode in (0, 1), done.stderr
    report: Report = json.loads(done.stdout)
    for path in map(str, report["files"]):  # what --install does
        machine.shell(f"mkdir -p {path.rpartition('/')[0]}; mv /etc/systemd/system/{path.rpartition('/')[2]} {path}")
    return report


def start(machine: Machine, report: Report) -> None:
    machine.systemctl("daemon-reload")
    machine.systemctl("start", *(unit for unit in map(str, report["units"]) if unit.endswith(".socket")))


def seen(answer: str | None) -> list[str] | None:
    """What the probe saw, without what differs for every service and is documented; None for who was refused."""
    if not answer:
        return None
    lines = [line for line in answer.replace("\r", "").split("\n") if line and not OWN_VARIABLES.match(line)]
    if lines[:1] == ["<probe>"]:  # argv[0] is the whole path afterwards, where it was its last part
        name, bar, words = lines[1].partition("|")
        lines[1] = name.rpartition("/")[2] + bar + words
    return lines


def limits(answer: str | None) -> set[str]:
    return {line for line in (answer or "").split("\n") if line.startswith("limit ")}


def differences(before: Answers, after: Answers, plain: str, beside: re.Pattern[str] | None = None) -> list[str]:
    """For each client of each port. A limit counts where one side has another than its `plain` service has.

    Variables that match `beside` may come in addition.
    """
    usual = limits(before[plain]), limits(after[plain])
    assert usual[0]
    assert usual[1]
    found = []
    for key, answer in before.items():
        old, new = seen(answer), seen(after[key])
        if new and beside:
            new = [line for line in new if not beside.match(line)]
        if old and new:
            unusual = {
                line.split()[1] for line in (set(old) - usual[0]) | (set(new) - usual[1]) if "limit " in line[:6]
            }
            old, new = ([line for line in lines if line[:6] != "limit " or line.split()[1] in unusual]
                        for lines in (old, new))  # fmt: skip
        if old != new:
            found.append(f"{key}: -{diff(old, new)} +{diff(new, old)}")
    return found


def diff(one: list[str] | None, other: list[str] | None) -> list[str] | None:
    return one if one is None or other is None else [line for line in one if line not in other]


def admitted(answers: Answers) -> set[str]:
    return {key for key, answer in answers.items() if "<probe>" in (answer or "")}


def verify(machine: Machine) -> str:
    """What systemd has to say about the units that were written."""
    units = machine.shell("grep -l '^# Converted from' /etc/systemd/system/*.socket /etc/systemd/system/*.service")
    done = machine.run("systemd-analyze", "verify", *units.stdout.split(), check=False)
    return done.stdout + done.stderr
