"""sockgatectl check on running systems: each fault is found with its cure, and after the cure all is well.

Every fault is one service of its own, made by `sockgatectl install` and then spoiled.
"""

import json
import re
from dataclasses import dataclass

import pytest

from tests.system.machine import TREE, Machine
from tests.system.services import install_server, listen

pytestmark = pytest.mark.oldest_and_newest("a fault is one before 255, from 255 on, or always")

SERVER = "/usr/local/bin/greet"
RESIDENT = """
[Unit]
StartLimitIntervalSec=0
[Service]
Type=notify
ExecStart=/usr/sbin/sockgated --name %p --allow localhost --max-connections 50 -- /usr/local/bin/greet
User=daemon
StandardError=journal
SyslogLevelPrefix=no
LogRateLimitIntervalSec=0
KillMode=process
FileDescriptorStoreMax=1
"""
NOT_ACCEPTING = "Accept=no\n"
QMAIL = "/var/qmail/bin/qmail-smtpd"


@dataclass(frozen=True)
class Fault:
    """What is wrong, as drop-ins or commands, what `check` says, and since or before which systemd it is a fault.

    message  a regular expression for one of the findings
    cure     the drop-in's line that mends it; else the hint is a command that is run as it stands
    """

    message: str
    socket: str = ""
    service: str = ""
    resident: str = ""
    options: str = ""
    commands: str = ""
    cure: str = ""
    before: int = 1000
    since: int = 0
    root: bool = False


def on_qmail(key: str, value: str = "yes", cure: str = "no", before: int = 255) -> Fault:
    return Fault(f"{key}= keeps '{QMAIL}' from running setuid programs", service=f"{key}={value}",
                 options=f"SOCKGATE_SERVER={QMAIL}", cure=f"{key}={cure}", before=before)  # fmt: skip


FAULTS = {
    # What a drop-in mends.
    "trigger": Fault("the trigger limit is on", socket="TriggerLimitIntervalSec=2s", cure="TriggerLimitIntervalSec=0"),
    "poll": Fault(
        "PollLimitBurst= is not set", socket="PollLimitIntervalSec=\nPollLimitBurst=", since=255,
        cure="PollLimitBurst=400",
    ),
    "limit": Fault("MaxConnections= is not set", socket="MaxConnections=", cure="MaxConnections=200"),
    "bind": Fault("fails at boot if its interface has no address yet", socket="FreeBind=no", cure="FreeBind=yes"),
    "queue": Fault("Backlog=5: of more clients", socket="Backlog=5", cure="Backlog=4096"),
    "stderr": Fault("without StandardError=", service="StandardError=", cure="StandardError=journal"),
    "priority": Fault("SyslogLevelPrefix= is not set", service="SyslogLevelPrefix=", cure="SyslogLevelPrefix=no"),
    "collect": Fault("CollectMode= is not set", service="CollectMode=", cure="CollectMode=inactive-or-failed"),
    "hidden": Fault(
        "keeps systemd from logging how a server failed", cure="ExecStart=",
        service="ExecStart=\nExecStart=-/usr/sbin/sockgate --name %p $SOCKGATE_OPTIONS -- $SOCKGATE_SERVER",
    ),
    "twice": Fault(
        "a second ExecStart=: systemd refuses the unit", cure="ExecStart=",
        service="ExecStart=/usr/sbin/sockgate --name %p --allow localhost -- $SOCKGATE_SERVER",
    ),
    "restart": Fault("Restart=always starts the server again", service="Restart=always", cure="Restart=no"),
    "memory": Fault("LimitAS=8000000 is too little for the gate", service="LimitAS=8000000", cure="LimitAS=64M"),
    "killed": Fault("KillMode=mixed ends every running session", resident="KillMode=mixed", cure="KillMode=process"),
    "forgotten": Fault(
        "there is no FileDescriptorStoreMax=", resident="FileDescriptorStoreMax=0", cure="FileDescriptorStoreMax=1"
    ),
    "first": Fault(
        "Nice=-11 without CPUSchedulingResetOnFork=: servers, too", resident="Nice=-11\nCPUSchedulingPolicy=other",
        cure="CPUSchedulingResetOnFork=yes",
    ),
    "starts": Fault(
        "the start limit is on", resident="StartLimitIntervalSec=", cure="StartLimitIntervalSec=0"
    ),
    "tasks": Fault("TasksMax=9 is too little for 50 clients", resident="TasksMax=9", cure="TasksMax=202"),
    "rate": Fault(
        "the journal drops what is more", resident="LogRateLimitIntervalSec=", cure="LogRateLimitIntervalSec=0"
    ),
    "privileges": on_qmail("NoNewPrivileges", before=1000),
    "users": on_qmail("PrivateUsers", before=1000),
    "clock": on_qmail("ProtectClock"),
    "kernel": on_qmail("ProtectKernelLogs"),
    "devices": on_qmail("PrivateDevices"),
    "locked": on_qmail("LockPersonality"),
    "families": on_qmail("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX", ""),
    "calls": on_qmail("SystemCallFilter", "@system-service", ""),
    "native": on_qmail("SystemCallArchitectures", "native", ""),
    # What a command mends, as `check` prints it.
    "failed": Fault(
        r"it has failed \(trigger-limit-hit\): the port is closed",
        socket="TriggerLimitIntervalSec=60s\nTriggerLimitBurst=3",
        commands="for i in 1 2 3 4 5; do echo | timeout 1 bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' || :; done",
    ),
    "stopped": Fault("it is enabled and does not listen", commands="systemctl stop {name}.socket"),
    "unseen": Fault(
        "the name of a drop-in ends in .conf",
        commands="mkdir -p /etc/systemd/system/{name}.socket.d; touch /etc/systemd/system/{name}.socket.d/more",
    ),
    "port": Fault(
        "port [0-9]+ is also that of rival.socket, which is enabled",
        commands="printf '[Socket]\\nListenStream={port}\\n[Install]\\nWantedBy=sockets.target\\n'"
        " > /etc/systemd/system/rival.socket; cp /etc/systemd/system/{name}@.service /etc/systemd/system/rival.service;"
        " systemctl -q enable rival.socket",
    ),
    "left": Fault(
        "failed connections have left 1 unit behind", service="CollectMode=",
        commands="timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; read -r line <&3' || :; sleep 1",
        options="SOCKGATE_SERVER=/bin/false",
    ),
    # Last, because each command that enables a unit has systemd read all units.
    "stale": Fault(
        "its files have changed, and systemd still goes by the old ones",
        commands="sleep 1; touch /etc/systemd/system/{name}.socket",
    ),
}  # fmt: skip
PORTS = {name: 7100 + number for number, name in enumerate(FAULTS)}


def faults(machine: Machine) -> dict[str, Fault]:
    """Those that are faults on this version of systemd."""
    return {n: fault for n, fault in FAULTS.items() if fault.since <= machine.systemd_version < fault.before}


def spoil(machine: Machine, unit: str, section: str, lines: str) -> None:
    """`Key=` takes a setting out of the unit; the rest goes into a drop-in that sorts behind the usual ones."""
    path = f"/etc/systemd/system/{unit}"
    gone = [line for line in lines.splitlines() if re.fullmatch("[A-Za-z]+=", line) and line != "ExecStart="]
    for key in gone:
        machine.write(path, re.sub(f"(?m)^{key}.*\n", "", machine.read(path)))
    kept = [line for line in lines.splitlines() if line not in gone]
    if kept:
        machine.write(f"{path}.d/override.conf", "\n".join([f"[{section}]", *kept, ""]))


def make(machine: Machine, name: str, fault: Fault) -> None:
    address = f"192.168.0.1:{PORTS[name]}" if name == "bind" else f"127.0.0.1:{PORTS[name]}"
    words = ["--listen", address, "--user", "daemon", "--server", SERVER]
    machine.run("sockgatectl", "install", name, *words)
    if fault.resident:
        machine.write(f"/etc/systemd/system/{name}.service", RESIDENT)
        spoil(machine, f"{name}.service", "Service", fault.resident)
    spoil(machine, f"{name}.socket", "Socket", fault.socket + NOT_ACCEPTING * bool(fault.resident))
    spoil(machine, f"{name}@.service", "Service", fault.service)
    if fault.options:
        machine.write(f"/etc/default/sockgate-{name}", fault.options + "\n")


@pytest.fixture(scope="module", autouse=True)
def spoiled(machine: Machine) -> None:
    install_server(machine, "greet")
    machine.add_address("192.168.0.1/32")
    machine.shell(f"mkdir -p /var/qmail/bin; cp {SERVER} {QMAIL}")
    for name, fault in faults(machine).items():
        make(machine, name, fault)
    machine.systemctl("daemon-reload")
    sockets = [f"{name}.socket" for name in faults(machine)]
    # systemd itself refuses the service of one of them.
    machine.systemctl("enable", "--quiet", *sockets)
    machine.systemctl("start", *sockets, check=False)
    for name, fault in faults(machine).items():
        if fault.commands:
            machine.shell(fault.commands.replace("{name}", name).replace("{port}", str(PORTS[name])))


def findings(machine: Machine) -> dict[str, list[dict[str, str]]]:
    """By service."""
    found: dict[str, list[dict[str, str]]] = {name: [] for name in faults(machine)}
    shown = machine.run("sockgatectl", "check", "--json", *faults(machine), check=False).stdout
    for finding in json.loads(shown):
        found[re.split("[@.]", finding["unit"])[0]].append(finding)
    return found


FOLLOWS = ("it has failed (exit-code)", "systemd does not start it (bad-setting)")


def test_each_fault_is_found_and_cured(machine: Machine) -> None:
    before = findings(machine)
    for name, fault in faults(machine).items():
        assert [bool(re.search(fault.message, each["message"])) for each in before[name]].count(True) == 1, (
            name,
            before[name],
        )
        # An error keeps the socket from starting, so that it has failed as well; or systemd refuses the service.
        # And two of these faults take another one to come about.
        others = [each for each in before[name] if not re.search(fault.message, each["message"])]
        allowed = [each["message"].startswith(FOLLOWS) or not fault.cure for each in others]
        assert all(allowed), others
    said = machine.run("sockgatectl", "check", "--fix", *faults(machine), check=False).stdout
    for name, fault in faults(machine).items():
        wrote = re.search(rf"^wrote /etc/systemd/system/{name}[@.].*\n((  .*\n)*)", said, re.MULTILINE)
        assert not fault.cure or (wrote and f"  {fault.cure}\n" in wrote[1])
    for name, left in findings(machine).items():
        assert not [each for each in left if each["hint"].startswith("put ")]
        for finding in left:
            assert not FAULTS[name].cure or finding["message"].startswith("it has failed (exit-code)")
            machine.shell(finding["hint"])
    assert findings(machine) == {name: [] for name in faults(machine)}


def test_after_that_every_service_serves(machine: Machine) -> None:
    for name in faults(machine):
        if name == "left":
            continue  # its server is /bin/false
        address = "192.168.0.1" if name == "bind" else "127.0.0.1"
        assert [text for _, text in listen(machine, PORTS[name], destination=address)] == ["220 hello\n"], name


def test_setuid_programs_can_run_again(machine: Machine) -> None:
    """The kernel's own word: systemctl shows NoNewPrivileges=no while it is on."""
    machine.write(SERVER, "#!/bin/sh\ngrep NoNewPrivs /proc/self/status\ncat /proc/self/uid_map\n", mode=0o755)
    machine.shell(f"cp {SERVER} {QMAIL}")
    for name, fault in faults(machine).items():
        if QMAIL in fault.options:
            status = listen(machine, PORTS[name])[0][1].split()
            assert (status[1], status[4]) == ("0", "4294967295"), name


def test_a_second_time_there_is_nothing_to_write(machine: Machine) -> None:
    done = machine.run("sockgatectl", "check", "--fix", *faults(machine))
    assert (done.stdout, done.stderr) == ("", "")


OLD = """
service old
{{
	type = UNLISTED
	port = {}
	socket_type = stream
	wait = no
	user = root
	server = /bin/cat
}}
"""


def test_an_old_super_server_is_named_with_its_line(machine: Machine) -> None:
    machine.write("/etc/xinetd.d/old", OLD.format(PORTS["limit"]))
    init_script = machine.systemd_version < 260  # newer ones make no unit of it
    machine.shell("ln -s ../init.d/xinetd /etc/rc3.d/S01xinetd" if init_script else "systemctl enable xinetd")
    done = machine.run("sockgatectl", "check", "limit", check=False)
    assert "xinetd.service is enabled and has port " + str(PORTS["limit"]) + " from /etc/xinetd.d/old:2" in done.stdout
    machine.shell("rm /etc/xinetd.d/old")
    machine.shell("rm /etc/rc3.d/S01xinetd" if init_script else "systemctl disable xinetd")
    assert machine.run("sockgatectl", "check", "limit").stdout == ""


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("limit", "still running: 1 session of limit@.service, which no socket starts now"),
        ("killed", "still running: 1 process of an earlier run of killed.service"),
    ],
)
def test_sessions_that_a_stop_has_left_are_told(machine: Machine, name: str, left: str) -> None:
    machine.write(SERVER, "#!/bin/sh\necho ready\nexec cat\n", mode=0o755)
    hold = f"exec 3<>/dev/tcp/127.0.0.1/{PORTS[name]}; read -r line <&3; echo $line; exec cat <&3"
    with machine.popen("bash", "-c", hold) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == "ready\n"
        machine.systemctl("stop", f"{name}.socket", *([f"{name}.service"] if FAULTS[name].resident else []))
        messages = [each["message"] for each in findings(machine)[name]]
        session.kill()
    assert messages == ["it is enabled and does not listen", left]


@pytest.mark.parametrize("switch", ["", "resident"])
def test_the_shipped_units_are_clean(machine: Machine, switch: str) -> None:
    """With a stand-in for the server that is not installed here."""
    machine.shell("useradd --system qmaild; ln -s /bin/true /usr/bin/stunnel", check=False)
    shipped = sorted(path.stem for path in (TREE / "units").glob("*.socket"))
    assert len(shipped) >= 6
    for name in shipped:
        text = f"[Socket]\n{NOT_ACCEPTING if switch else ''}"
        machine.write(f"/etc/systemd/system/{name}.socket.d/engine.conf", text)
    machine.systemctl("daemon-reload")
    machine.systemctl("start", "smtp.socket", "imap.socket", "pop3.socket")
    done = machine.run("sockgatectl", "check", *shipped, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
    machine.systemctl("stop", "smtp.socket", "imap.socket", "pop3.socket")
