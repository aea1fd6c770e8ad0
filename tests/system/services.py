"""What the tests of a scenario set up in a machine: addresses, accounts, servers, drop-ins, options."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.system.machine import TREE, WAIT_SECONDS, Machine

HERE = Path(__file__).parent
CLIENTS = HERE / "clients"
SERVERS = HERE / "servers"

INSIDE = "192.168.0.1"  # the machine's inner address; the scenario's network is 192.168.0.0/24
LOCAL_DOMAIN = "local.test"

COURIER_DROP_IN = """
[Service]
User=courier
ReadWritePaths=/var/lib/courier
EnvironmentFile=/run/sockgate/%p.env
EnvironmentFile=-/etc/default/sockgate-%p
"""


def drop_in(machine: Machine, unit: str, text: str) -> None:
    """What `systemctl edit UNIT` does."""
    machine.write(f"/etc/systemd/system/{unit}.d/override.conf", text)
    machine.systemctl("daemon-reload")


ENGINES = {"sockgate": "yes", "sockgated": "no"}  # who serves a socket, by its Accept=


def switch(machine: Machine, engine: str, *names: str) -> None:
    """Have these services served by `sockgate` or `sockgated`, by nothing but the drop-in that sockgated(8) shows."""
    for name in names:
        machine.write(f"/etc/systemd/system/{name}.socket.d/accept.conf", f"[Socket]\nAccept={ENGINES[engine]}\n")
    machine.systemctl("daemon-reload")
    for name in names:
        if machine.systemctl("is-active", f"{name}.socket", check=False).stdout == "active\n":
            machine.systemctl("reset-failed", f"{name}.socket")  # else systemd allows few starts in ten seconds
            machine.systemctl("restart", f"{name}.socket")


def unit_pattern(engine: str, name: str) -> str:
    """The units under which the journal has what is said about this service's clients."""
    return f"{name}@*" if engine == "sockgate" else f"{name}.service"


def status_text(machine: Machine, name: str) -> str:
    """What `systemctl status` shows of a resident service."""
    return machine.systemctl("show", "--property=StatusText", "--value", f"{name}.service").stdout.strip()


def set_options(machine: Machine, service: str, options: str, server: str = "") -> None:
    """The environment file of a service, as an administrator writes it."""
    text = f"SOCKGATE_OPTIONS={options}\n" + (f"SOCKGATE_SERVER={server}\n" if server else "")
    machine.write(f"/etc/default/sockgate-{service}", text)


def install_server(machine: Machine, name: str) -> str:
    """Put a stand-in server into the machine, where every sandbox lets it run."""
    path = f"/usr/local/bin/{name}"
    machine.write(path, (SERVERS / name).read_text(), mode=0o755)
    return path


def client(machine: Machine, name: str, *args: str, check: bool = True, seconds: float = 120) -> str:
    """Run one of clients/ in the machine: what it printed."""
    return machine.python((CLIENTS / f"{name}.py").read_text(), *args, check=check, timeout=seconds).stdout


def converse(
    machine: Machine, clients: Sequence[tuple[str, str, int]], recipients: Sequence[str], message: str | None = None
) -> list[list[int | str]]:
    """SMTP, all clients (source, destination, port) at once: the reply codes of each."""
    wishes = {"clients": clients, "recipients": recipients, "message": message}
    codes: list[list[int | str]] = json.loads(client(machine, "smtp", json.dumps(wishes)))
    return codes


def listen(
    machine: Machine, port: int, source: str = "127.0.0.1", destination: str = "127.0.0.1", times: int = 1
) -> list[tuple[int, str]]:
    """What a client that says nothing receives to the end of its connection: its own port, and the text."""
    received: list[tuple[int, str]] = json.loads(client(machine, "listen", source, destination, str(port), str(times)))
    return [(own_port, text) for own_port, text in received]


def add_addresses(machine: Machine, *addresses: str) -> None:
    for address in addresses:
        machine.add_address(f"{address}/128" if ":" in address else f"{address}/32")


def courier_smtp(machine: Machine) -> None:
    """Debian's courieresmtpd behind smtp@.service, mail for LOCAL_DOMAIN being its own."""
    courier_smtp_settings(machine)
    machine.shell("sockgatectl courier-environment esmtpd --output /run/sockgate/smtp.env")
    for unit in ("smtp@.service", "smtp.service"):
        drop_in(machine, unit, COURIER_DROP_IN)


def courier_smtp_settings(machine: Machine) -> None:
    machine.shell(f"""
        echo BOFHCHECKDNS=0 >> /etc/courier/esmtpd  # there is no DNS
        echo TARPIT=0 >> /etc/courier/esmtpd
        echo {LOCAL_DOMAIN} >> /etc/courier/locals
        echo {LOCAL_DOMAIN} > /etc/courier/esmtpacceptmailfor.dir/local
        touch /etc/courier/aliases/system
        makeacceptmailfor
        makealiases
    """)


def courier_accounts(machine: Machine) -> None:
    """A user with a Maildir and a password, known to PAM."""
    machine.shell("""
        useradd --create-home alice
        install -d -o alice -g alice -m 700 /home/alice
        runuser -u alice -- maildirmake.courier /home/alice/Maildir
        echo alice:secret | chpasswd
        sed -i 's/^authmodulelist=.*/authmodulelist="authpam"/' /etc/courier/authdaemonrc
    """)


def add_qmail_users(machine: Machine) -> None:
    machine.shell("""
        groupadd nofiles
        groupadd qmail
        useradd --no-create-home --gid nofiles --home-dir /var/qmail qmaild
        useradd --no-create-home --gid qmail --home-dir /var/qmail qmailq
    """)


def qmail_stand_in(machine: Machine, build: Path) -> None:
    """Stand-ins for qmail-smtpd and for its setuid qmail-queue, where qmail has them."""
    add_qmail_users(machine)
    machine.shell("""
        mkdir -p /var/qmail/bin /var/qmail/lib
        install -d -o qmailq -g qmail -m 700 /var/qmail/queue
    """)
    subprocess.run(["cp", "-r", TREE / "src/sockgate", machine.path("/var/qmail/lib")], check=True)
    machine.write("/var/qmail/bin/qmail-smtpd", (SERVERS / "qmail-smtpd").read_text(), mode=0o755)
    compile_static(SERVERS / "qmail-queue.c", build / "qmail-queue")
    machine.path("/var/qmail/bin/qmail-queue").write_bytes((build / "qmail-queue").read_bytes())
    machine.run("chown", "qmailq:qmail", "/var/qmail/bin/qmail-queue")
    machine.run("chmod", "4711", "/var/qmail/bin/qmail-queue")


def compile_static(source: Path, program: Path) -> None:
    """For any release: it needs no library of the machine."""
    subprocess.run(["gcc", "-static", "-O1", "-Wall", "-Werror", "-o", program, source], check=True)


def instances(machine: Machine, service: str) -> list[str]:
    """The units that systemd has for connections of this service, in any state."""
    pattern = f"{service}@*.service"
    lines = machine.systemctl("list-units", "--all", "--plain", "--no-legend", pattern).stdout.splitlines()
    return [line.split()[0] for line in lines]


def processes(machine: Machine, service: str) -> list[str]:
    """The processes that serve its clients: all in the control groups of these units but the resident gate's own.

    And but for what Courier's imapd leaves behind for half a minute, in case that its user comes again.
    """
    return machine.shell(f"""
        cd /sys/fs/cgroup/system.slice
        for pid in $(cat $(find system-{service}.slice {service}.service -name cgroup.procs 2> /dev/null) /dev/null); do
            [ ! -e /proc/$pid ] || grep -Eqs 'sockgated|gam_server' /proc/$pid/cmdline || echo $pid
        done
    """).stdout.split()


def failed_units(machine: Machine) -> str:
    return machine.systemctl("list-units", "--failed", "--plain", "--no-legend").stdout


@contextmanager
def reloads(machine: Machine) -> Iterator[list[str]]:
    """The reloads of systemd meanwhile."""
    found: list[str] = []
    cursor = machine.journal("--lines=1")[-1]["__CURSOR"]
    yield found
    records = machine.journal(f"--after-cursor={cursor}", "_PID=1", count=0)
    found += [one["MESSAGE"] for one in records if re.fullmatch(r"Reloading\.(\.\.)?", one["MESSAGE"])]


def wait_until_idle(machine: Machine, service: str, seconds: float = WAIT_SECONDS) -> None:
    machine.wait_for(
        lambda: not instances(machine, service) and not processes(machine, service),
        f"no connection of {service} to be left", seconds,
    )  # fmt: skip
