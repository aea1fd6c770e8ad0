"""The programs that `make bench` compares, and how each is set up in the machine as its manual has it.

All of them decide by an access list and tell the server who is calling, as far as they can; all but the last few are
to serve 300 clients at a time, with a backlog that a burst does not fill.
"""

import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tests.system.machine import Machine

MOST = 300  # clients at a time
# The rules and lists say: every client may come in, and clients of the local network may relay.
RULES = """127.:allow,RELAYCLIENT=""
192.168.0.:allow,RELAYCLIENT=""
10.1.2.3:deny
172.16-31.:deny
{denied}:deny
:allow
"""
DENIED = "127.0.0.66"  # by all of them, for the flood of refused clients
RULES_FILE, CDB, ACCESS = "/etc/bench.rules", "/etc/bench.cdb", "/etc/bench.dat"

# What courieresmtpd needs to know about its client, for programs that know nothing. All clients may relay, as the lists
# have it for 127.0.0.1, gets a longer conversation out of it.
SUBSTITUTE = {"TCPREMOTEIP": "127.0.0.1", "TCPREMOTEPORT": "1", "RELAYCLIENT": ""}

OURS, LIMIT = "sockgated", "limit (C)"
EQUAL = "sockgated, Nice=0"  # as nice as all others: what it gains by its priority is the difference
EARLIER = "sockgated, before"  # that of another tree (--before)
TCPSERVER = "tcpserver -x"
XINETD_DENYING = "xinetd, no_access"  # in the flood alone
C_SERVERS = (TCPSERVER, "couriertcpd", "xinetd", "tcpsvd")
# Those that are several times slower than the others.
SLOW = ("xinetd + tcpd, log", "Accept=yes", "Accept=yes, sockgate")

XINETD = """service bench
{{
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    wait = no
    user = {user}
    port = {port}
    bind = 127.0.0.1
    cps = 0 0
    instances = {most}
    server = {server}
    env = {env}
{more}
}}
"""
# NAMEINARGS must stand before server_args: behind it xinetd starts nothing.
TCPD = """    flags = NAMEINARGS
    server_args = {program}
    only_from = 127.0.0.0/8 192.168.0.0/24
    log_type = FILE /var/log/bench-xinetd.log
    log_on_success = PID HOST EXIT DURATION
"""

SOCKET = """[Socket]
ListenStream=127.0.0.1:{port}
Accept={accept}
MaxConnections={most}
TriggerLimitIntervalSec=0
PollLimitIntervalSec=0
Backlog=4096
"""
RESIDENT = """[Service]
Type=notify
ExecStart={gate} --max-connections {most} --rules {rules} --relay 192.168.0.0/24 -- {program}
StandardError=journal
LogRateLimitIntervalSec=0
KillMode=process
{priority}User={user}
EnvironmentFile={environment}
"""
PRIORITY = """Nice=-11
CPUSchedulingPolicy=other
CPUSchedulingResetOnFork=yes
"""
INSTANCE = """[Unit]
CollectMode=inactive-or-failed
[Service]
ExecStart={command}
StandardInput=socket
StandardError=journal
LogRateLimitIntervalSec=0
User={user}
EnvironmentFile={environment}
{substitute}"""


@dataclass(frozen=True, slots=True)
class Server:
    """What they start, as whom, and the file with the rest of its environment."""

    program: str
    user: str = "root"
    environment: str = "/dev/null"


LINE = Server("/usr/local/bin/line")
SMTP = Server("/usr/sbin/courieresmtpd", "courier", "/run/sockgate/smtp.env")


@dataclass(frozen=True, slots=True)
class Launcher:
    """One that is running.

    unit   the service whose main process it is; "" if PID 1 does the work
    """

    name: str
    port: int
    unit: str


def set_up(machine: Machine) -> None:
    """The lists, in every program's own form."""
    machine.write(RULES_FILE, RULES.format(denied=DENIED))
    access = "127\tallow,RELAYCLIENT\n192.168.0\tallow,RELAYCLIENT\n10.1.2.3\tdeny\n"
    machine.write("/etc/bench.access/local", f"{access}{DENIED}\tdeny\n")
    machine.write("/etc/hosts.allow", "ALL: 127. 192.168.0.\n")
    machine.write("/etc/hosts.deny", "ALL: ALL\n")
    machine.shell(f"""
        tcprules {CDB} /etc/bench.tmp < {RULES_FILE}
        makedat.courier -src=/etc/bench.access -file={ACCESS} -tmp=/etc/bench.dat.tmp -cidr
    """)


def install_before(machine: Machine, tree: Path) -> None:
    """sockgated of another tree of sockgate, beside the one that is measured."""
    make = ["make", "--no-print-directory", "-C", str(tree), "install", f"DESTDIR={machine.root}", "PREFIX=/opt/before"]
    subprocess.run([*make, "BYTECODE=no"], stdout=subprocess.DEVNULL, check=True)
    machine.run("python3", "-m", "compileall", "-q", "/opt/before/lib/sockgate")


def start_all(machine: Machine, server: Server, first_port: int, names: Collection[str]) -> list[Launcher]:
    """What can serve this program and is named, each on a port of its own, ready for clients."""
    launchers = []
    for port, name in enumerate(names, first_port):
        unit = f"bench-{port}"
        STARTERS[name](machine, unit, port, server)
        launchers.append(Launcher(name, port, "" if name.startswith("Accept=yes") else f"{unit}.service"))
    for launcher in launchers:
        machine.wait_for(lambda port=launcher.port: answers(machine, port), f"{launcher.name} to answer")  # type: ignore[misc]
    return launchers


def answers(machine: Machine, port: int) -> bool:
    script = f"import socket; assert socket.create_connection(('127.0.0.1', {port}), 5).recv(100)"
    return machine.python(script, check=False).returncode == 0


def resident(
    machine: Machine, unit: str, port: int, server: Server, gate: str = "/usr/sbin/sockgated", priority: str = PRIORITY
) -> None:  # fmt: skip
    machine.write(f"/run/systemd/system/{unit}.socket", SOCKET.format(port=port, accept="no", most=MOST))
    machine.write(
        f"/run/systemd/system/{unit}.service",
        RESIDENT.format(
            gate=gate, most=MOST, rules=RULES_FILE, program=server.program, priority=priority, user=server.user,
            environment=server.environment,
        ),
    )  # fmt: skip
    machine.systemctl("daemon-reload")
    machine.systemctl("start", f"{unit}.socket", f"{unit}.service")


def resident_before(machine: Machine, unit: str, port: int, server: Server) -> None:
    resident(machine, unit, port, server, "/opt/before/sbin/sockgated")


def resident_as_nice_as_others(machine: Machine, unit: str, port: int, server: Server) -> None:
    resident(machine, unit, port, server, priority="")


def per_connection(machine: Machine, unit: str, port: int, server: Server, gate: str = "") -> None:
    substitute = "".join(f"Environment={name}={value}\n" for name, value in SUBSTITUTE.items())
    machine.write(f"/run/systemd/system/{unit}.socket", SOCKET.format(port=port, accept="yes", most=MOST))
    machine.write(
        f"/run/systemd/system/{unit}@.service",
        INSTANCE.format(
            command=gate + server.program, user=server.user, environment=server.environment, substitute=substitute
        ),
    )
    machine.systemctl("daemon-reload")
    machine.systemctl("start", f"{unit}.socket")


def per_connection_gated(machine: Machine, unit: str, port: int, server: Server) -> None:
    per_connection(machine, unit, port, server, f"/usr/sbin/sockgate --rules {RULES_FILE} --relay 192.168.0.0/24 -- ")


def run_service(machine: Machine, unit: str, server: Server, *command: str, user: str = "") -> None:
    properties = [f"--property=User={user or server.user}", f"--property=EnvironmentFile={server.environment}"]
    environment = [f"--setenv={name}={value}" for name, value in SUBSTITUTE.items()]
    machine.run("systemd-run", "--quiet", f"--unit={unit}", *properties, *environment, *command)


def tcpserver(machine: Machine, unit: str, port: int, server: Server) -> None:
    options = ["-HRl0", "-x", CDB, "-c", str(MOST), "-b", "4096"]
    run_service(machine, unit, server, "tcpserver", *options, "127.0.0.1", str(port), server.program)


def couriertcpd(machine: Machine, unit: str, port: int, server: Server) -> None:
    most = [f"-{limit}={MOST}" for limit in ("maxprocs", "maxperip", "maxperc")]
    options = ["-address=127.0.0.1", "-nodnslookup", "-noidentlookup", f"-access={ACCESS}", *most]
    run_service(machine, unit, server, "/usr/sbin/couriertcpd", *options, str(port), server.program)


def xinetd(machine: Machine, unit: str, port: int, server: Server, wrapper: str = "", more: str = "") -> None:
    env = " ".join(f"{name}={value}" for name, value in SUBSTITUTE.items())
    text = XINETD.format(
        port=port, most=MOST, server=wrapper or server.program, user=server.user, env=env, more=more
    )  # fmt: skip
    machine.write(f"/etc/{unit}.conf", text)
    command = ["xinetd", "-dontfork", "-f", f"/etc/{unit}.conf", "-pidfile", f"/run/{unit}.pid"]
    run_service(machine, unit, server, *command, user="root")


def xinetd_tcpd(machine: Machine, unit: str, port: int, server: Server) -> None:
    xinetd(machine, unit, port, server, wrapper="/usr/sbin/tcpd", more=TCPD.format(program=server.program))


def xinetd_denying(machine: Machine, unit: str, port: int, server: Server) -> None:
    xinetd(machine, unit, port, server, more=f"    no_access = {DENIED}\n    log_on_failure = HOST\n")


def tcpsvd(machine: Machine, unit: str, port: int, server: Server) -> None:
    run_service(
        machine,
        unit,
        server,
        "tcpsvd",
        "-l",
        "x",
        "-c",
        str(MOST),
        "-b",
        "4096",
        "127.0.0.1",
        str(port),
        server.program,
    )


def limit(machine: Machine, unit: str, port: int, server: Server) -> None:
    run_service(machine, unit, server, "/usr/local/bin/limit", str(port), server.program)


STARTERS = {
    OURS: resident,
    EQUAL: resident_as_nice_as_others,
    EARLIER: resident_before,
    TCPSERVER: tcpserver,
    "couriertcpd": couriertcpd,
    "xinetd": xinetd,
    "xinetd + tcpd, log": xinetd_tcpd,
    XINETD_DENYING: xinetd_denying,
    "tcpsvd": tcpsvd,
    LIMIT: limit,
    "Accept=yes": per_connection,
    "Accept=yes, sockgate": per_connection_gated,
}
