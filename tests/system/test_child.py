"""What a server is given, compared with golden/child-VERSION.json: descriptors, signals, environment, limits.

After a wanted change: SOCKGATE_WRITE_GOLDEN=1 pytest tests/system/test_child.py, and read the difference.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connection.launch import THREADING_SIGNALS
from tests.system import services
from tests.system.machine import Machine

SERVICES = {"smtp": 25, "imap": 143, "pop3": 110}
STATUS = (
    "Uid", "Gid", "Groups", "Umask", "NoNewPrivs", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
    "SigPnd", "ShdPnd", "SigBlk", "SigIgn",
)  # fmt: skip
# What the container's host gives it.
OF_THE_HOST = ("Max processes", "Max pending signals", "Max locked memory", "Max open files")
PER_CONNECTION = re.compile(
    "^(INVOCATION_ID=|JOURNAL_STREAM=|SYSTEMD_EXEC_PID=|TCPREMOTEPORT=|MEMORY_PRESSURE_WATCH=).*"
)
PLANTED = (
    "RELAYCLIENT=", "RELAYHOST=", "RBLSMTPD=", "PROTO=TCP", "TCPREMOTEIP=127.0.0.9", "TCPREMOTEHOST=localhost",
    "TCPREMOTEINFO=root", "TCP6REMOTEIP=::1", "TCP6INTERFACE=lo", "SSLREMOTEIP=127.0.0.9", "UNIXREMOTEEUID=0",
    "BLOCK=x", "REMOTE_ADDR=127.0.0.9", "REMOTE_PORT=9", "SO_COOKIE=9", "LISTEN_FDS=1", "LISTEN_PID=1",
    "LISTEN_FDNAMES=x", "NOTIFY_SOCKET=/run/x", "WATCHDOG_USEC=1", "SOCKGATE_LIMITS=--rlimit as=1",
)  # fmt: skip

# sockgated counts, and starts no session for a server (dispatch/servers/vfork_server.py says why).
COUNTS = ("TCPCONCURRENCY=1", "TCPCONNNUM=1")

Report = dict[str, list[str]]  # section -> lines


@pytest.fixture(scope="module")
def served(machine: Machine) -> Machine:
    """All shipped services as they are, with another server."""
    services.add_qmail_users(machine)
    report = services.install_server(machine, "report")
    for service in SERVICES:
        machine.write(f"/etc/default/sockgate-{service}", f"SOCKGATE_SERVER={report}\n")
    machine.systemctl("start", *(f"{service}.socket" for service in SERVICES))
    return machine


@pytest.fixture(scope="module", params=services.ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def reporting(served: Machine, engine: str) -> Machine:
    services.switch(served, engine, *SERVICES)
    return served


@pytest.fixture
def planted(reporting: Machine) -> Iterator[None]:
    reporting.systemctl("set-environment", *PLANTED)
    restart(reporting)
    yield
    reporting.systemctl("unset-environment", *(word.partition("=")[0] for word in PLANTED))
    restart(reporting)


def restart(machine: Machine) -> None:
    """sockgated has the environment from when it was started."""
    machine.systemctl("try-restart", *(f"{service}.service" for service in SERVICES))


def test_the_server_is_given_what_the_golden_file_says(reporting: Machine, engine: str) -> None:
    given = all_reports(reporting)
    if os.environ.get("SOCKGATE_WRITE_GOLDEN") and engine == "sockgate":
        golden(reporting).write_text(json.dumps(given, indent=1) + "\n")
    assert given == expected(reporting, engine)


def test_a_planted_environment_reaches_no_server(reporting: Machine, engine: str, planted: None) -> None:
    assert all_reports(reporting) == expected(reporting, engine)


def expected(machine: Machine, engine: str) -> dict[str, Report]:
    """What the golden file says; with sockgated there is a little more."""
    reports: dict[str, Report] = json.loads(golden(machine).read_text())
    if engine == "sockgated":
        for report in reports.values():
            report["environment"] = sorted([*report["environment"], *COUNTS])
            report["session"] = ["of another process"]
    return reports


@pytest.mark.parametrize("service", ["imap", "pop3"])
def test_couriers_configuration_reaches_its_server(reporting: Machine, service: str) -> None:
    environment = raw_report(reporting, service)["environment"]
    assert set(courier_variables(reporting, service)) <= {line.partition("=")[0] for line in environment}
    assert "MAILDIRPATH=Maildir" in environment


def golden(machine: Machine) -> Path:
    return services.HERE / f"golden/child-{machine.systemd_version}.json"


def all_reports(machine: Machine) -> dict[str, Report]:
    return {service: report(machine, service) for service in SERVICES}


def raw_report(machine: Machine, service: str) -> Report:
    """What servers/report tells its client."""
    _, text = services.listen(machine, SERVICES[service])[0]
    parts = (part.rstrip("\n").split("\n") for part in text.split("== ")[1:])
    return {name: lines for name, *lines in parts}


def report(machine: Machine, service: str) -> Report:
    """Without what differs from one connection, machine or release of Courier to the next."""
    raw = raw_report(machine, service)
    status = dict(line.split(":\t", 1) for line in raw["status"] if ":\t" in line)
    # `make test` makes the whole machine ignore those of the C library.
    status["SigIgn"] = f"{int(status['SigIgn'], 16) & ~THREADING_SIGNALS:016x}"
    of_courier = courier_variables(machine, service)
    return {
        "environment": sorted(
            PER_CONNECTION.sub(r"\1...", line)
            for line in raw["environment"]
            if line.partition("=")[0] not in of_courier
        ),
        "descriptors": name_sockets(raw["descriptors"]),
        "flags of descriptor 1": [line for line in raw["flags of descriptor 1"] if line.startswith("flags")],
        "status": [f"{name}: {status[name]}" for name in STATUS],
        "limits": [" ".join(line.split()) for line in raw["limits"] if not line.startswith(OF_THE_HOST)],
        "session": ["of its own" if len(set(raw["session"])) == 1 else "of another process"],
        "working directory": raw["working directory"],
    }


def courier_variables(machine: Machine, service: str) -> list[str]:
    file = machine.path(f"/run/sockgate/{service}.env")
    lines = file.read_text().splitlines() if file.exists() else []
    return [line.partition("=")[0] for line in lines if "=" in line and not line.startswith(("#", "SOCKGATE_"))]


def name_sockets(descriptors: list[str]) -> list[str]:
    """`0 socket:[6347354]` as `0 client`; the other socket is the log."""
    client = descriptors[0].partition(" ")[2]
    return [re.sub(r"socket:.*", "log", line.replace(client, "client")) for line in descriptors]
