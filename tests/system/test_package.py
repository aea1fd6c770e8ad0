"""The life of the Debian package on a booted machine: installed, used, upgraded under load, removed, purged.

The tests of one machine are in this order, as the package goes through it.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sockgate.connection.log import STARTED
from tests.packaging import build
from tests.system import packages, services
from tests.system.machine import TREE, Machine

SOCKETS = tuple(sorted(path.name for path in (TREE / "units").glob("*.socket")))
GREETING = "/bin/echo 220 hello"

# What is not ours and changes by itself: databases of dpkg and systemd, logs, caches, and what runs.
VOLATILE = (
    r"/(proc|sys|run|dev|tmp|var/tmp|var/log|var/cache|var/lib/(apt|dpkg|systemd/(catalog|timers|timesync)))(/.*)?"
)
# From argv[1], what is said; then argv[2] for `obey`, or a reset.
CLIENT = """
import socket, struct, sys
client = socket.create_connection(("127.0.0.1", 25), 20, (sys.argv[1], 0))
print(client.recv(100).decode().strip())
if sys.argv[2] == "reset":
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
else:
    client.sendall(sys.argv[2].encode() + b"\\n")
    client.recv(100)
"""
SESSIONS = [("127.0.0.1", "status-0"), ("127.0.0.1", "status-3"), ("127.0.0.1", "signal-KILL"), ("127.0.0.1", "reset"),
            ("127.0.0.9", "reset")]  # fmt: skip
ENDS = [("allow", 0), ("allow", 3), ("allow", "SIGKILL"), ("allow", 0), ("deny", 0)]
LOAD = """
while [ ! -e /run/enough ]; do load -p 25 -c 4 -t 1; done
rm /run/enough
"""


@pytest.fixture(scope="module")
def machine(release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Debian alone, with servers for smtp.socket and a load generator."""
    with Machine(release, "package", bare=True) as machine:
        services.add_qmail_users(machine)
        services.install_server(machine, "obey")
        load = tmp_path_factory.mktemp("load") / "load"
        services.compile_static(TREE / "tests/bench/load.c", load)
        machine.path("/usr/local/bin/load").write_bytes(load.read_bytes())
        machine.run("chmod", "755", "/usr/local/bin/load")
        yield machine


@pytest.fixture(scope="module")
def built(machine: Machine) -> dict[str, str]:
    """The paths of two packages in the machine, by version."""
    versions = (build.VERSION, build.NEXT_VERSION)
    return {version: packages.bring(machine, build.deb(build.shared(), version)) for version in versions}


@pytest.fixture(scope="module")
def before(machine: Machine) -> set[str]:
    return everything(machine)


def everything(machine: Machine) -> set[str]:
    """Each file of the machine with its kind and target, and what is in those of /etc."""
    find = rf"find / -xdev -regextype posix-extended -regex '{VOLATILE}' -prune -o"
    names = machine.shell(f"{find} -printf '%y %m %U:%G %p %l\\n'").stdout
    contents = machine.shell("find /etc -type f -exec md5sum {} +").stdout
    return {*names.splitlines(), *contents.splitlines()}


def main_pid(machine: Machine) -> str:
    return machine.systemctl("show", "--property=MainPID", "--value", "smtp.service").stdout.strip()


def test_the_installation_starts_and_enables_nothing(machine: Machine, before: set[str], built: dict[str, str]) -> None:
    listening = machine.run("ss", "-Hltnu").stdout
    packages.apt_get(machine, "install", built[build.VERSION])
    states = machine.systemctl("is-enabled", *SOCKETS, check=False).stdout.split()
    assert states == ["disabled"] * len(SOCKETS)
    assert machine.systemctl("is-active", *SOCKETS, check=False).stdout.split() == ["inactive"] * len(SOCKETS)
    assert machine.run("ss", "-Hltnu").stdout == listening
    assert machine.run("sockgatectl", "--version").stdout == f"sockgatectl {build.VERSION}\n"


def test_what_comes_with_it_works(machine: Machine) -> None:
    for page in ("sockgate", "sockgated", "sockgatectl", "sockgate-builtin", "sockgate-rules", "sockgate-migrating"):
        assert machine.run("man", page).stdout.lower().startswith(page)
    complete = "source /usr/share/bash-completion/bash_completion; _completion_loader {0}; complete -p {0}"
    for program in ("sockgate", "sockgated", "sockgatectl"):
        machine.run("bash", "-c", complete.format(program))
    assert "sockgate" in machine.run("journalctl", "--dump-catalog").stdout  # Debian's systemd sees to that
    modules = machine.shell("find /usr/lib/sockgate -name '*.py' | wc -l; find /usr/lib/sockgate -name '*.pyc' | wc -l")
    assert len(set(modules.stdout.split())) == 1  # compiled, every one


def test_a_systemd_gets_the_settings_that_it_understands(machine: Machine) -> None:
    new = machine.systemd_version >= 255
    for unit in ("smtp.socket", "smtp.service", "smtp@1.service"):
        drop_ins = machine.systemctl("show", "--property=DropInPaths", "--value", unit).stdout
        assert ("-255.conf" in drop_ins) is new, drop_ins
    assert not [record for record in machine.journal("_PID=1") if "Unknown" in record["MESSAGE"]]


@pytest.mark.parametrize("engine", ["sockgate", "sockgated"])
def test_enabled_it_serves_refuses_and_tells(machine: Machine, engine: str) -> None:
    services.set_options(machine, "smtp", "--deny 127.0.0.9", "/usr/local/bin/obey")
    services.switch(machine, engine, "smtp")
    machine.systemctl("enable", "--now", "smtp.socket")
    begin = machine.run("date", "+%s.%6N").stdout.strip()  # a second may hold records of the other engine, too
    told = [machine.python(CLIENT, *words).stdout for words in SESSIONS]
    assert told == ["ready\n", "ready\n", "ready\n", "ready\n", "\n"]

    def logged() -> Counter[tuple[str, str | int]]:
        machine.run("journalctl", "--sync")
        lines = machine.run("sockgatectl", "log", "smtp", f"--since=@{begin}", "--json").stdout.splitlines()
        entries = map(json.loads, lines)
        return Counter((entry["verdict"], entry["signal"] or entry["status"] or 0) for entry in entries)

    machine.wait_for(lambda: logged() == Counter(ENDS), f"{ENDS} in the log")
    machine.run("sockgatectl", "check", "smtp")
    assert services.failed_units(machine) == ""


@contextmanager
def load(machine: Machine) -> Iterator[Counter[str]]:
    """Clients, one after the other on each of four connections, as long as this lasts. Afterwards: their fates."""
    fates: Counter[str] = Counter()
    clients = machine.popen("/bin/sh", "-c", LOAD)
    try:
        yield fates
    finally:
        machine.write("/run/enough", "")
        output = clients.communicate(timeout=60)[0]
    for line in output.splitlines():
        result = json.loads(line)
        fates.update({fate: sum(result[fate]) for fate in ("served", "empty", "reset", "unreachable")})


@contextmanager
def session(machine: Machine) -> "Iterator[subprocess.Popen[str]]":
    """A client that has been greeted and keeps silent; wait() says whether it is served to the end, after `go`."""
    talk = "import socket, sys; c = socket.create_connection(('127.0.0.1', 25)); print(c.recv(9), flush=True); "
    talk += "sys.stdin.readline(); c.settimeout(60); c.send(b'status-0\\n'); print(c.recv(9), flush=True)"
    with machine.popen("python3", "-c", talk) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "b'ready\\n'\n"
        yield client


@pytest.mark.parametrize("engine", ["sockgated", "sockgate"])
@pytest.mark.parametrize("version", [build.NEXT_VERSION, build.VERSION])
def test_another_version_comes_under_load_and_no_client_is_lost(
    machine: Machine, built: dict[str, str], engine: str, version: str
) -> None:
    services.set_options(machine, "smtp", "", "/usr/local/bin/obey")
    services.switch(machine, engine, "smtp")
    with session(machine) as client:
        services.set_options(machine, "smtp", "", f'"{GREETING}"')
        if engine == "sockgated":
            machine.systemctl("restart", "smtp.service")
        old = main_pid(machine)
        with load(machine) as fates:
            packages.apt_get(machine, "install", "--allow-downgrades", built[version])
            installed = machine.run("dpkg-query", "-W", "-f", "${Version}", "sockgate").stdout
        assert installed == build.packaged(version)
        assert client.communicate("go\n")[0] == "b''\n"
    print(f"{machine.release}, {engine}, to {version}: {dict(fates)}")
    assert fates["served"] >= (100 if engine == "sockgated" else 4)  # one after the other on each of four connections
    assert fates["served"] == fates.total()
    if engine == "sockgated":
        assert main_pid(machine) not in ("0", old)
        records = machine.journal("--unit=smtp.service", f"_PID={main_pid(machine)}", f"MESSAGE_ID={STARTED}", count=2)
        assert "listening" in records[1]["MESSAGE"], "behind the session of the gate before, which runs on"
    assert services.failed_units(machine) == ""


def test_removed_it_stops_what_it_served_and_keeps_what_was_configured(machine: Machine) -> None:
    for name, port in (("agent", "6556"), ("idle", "6557")):
        own = ("--listen", port, "--user", "root", "--server", "/bin/echo agent")
        machine.run("sockgatectl", "install", name, *own)
    machine.systemctl("enable", "--now", "agent.socket", "smtp.socket")
    told = packages.apt_get(machine, "remove", "sockgate")
    assert "sockgate: /etc/systemd/system/agent@.service needs its gate: its socket is stopped\n" in told
    assert "sockgate: /etc/systemd/system/idle@.service needs its gate\n" in told  # this one never ran
    assert machine.run("ss", "-Hltn").stdout == ""
    assert machine.systemctl("is-active", "agent.socket", "smtp.socket", check=False).stdout.split() == ["inactive"] * 2
    assert machine.run("ls", "/etc/default/sockgate-smtp", "/etc/systemd/system/agent.socket").returncode == 0
    assert not machine.path("/usr/lib/sockgate").exists()


def test_installed_again_it_is_enabled_as_it_was(machine: Machine, built: dict[str, str]) -> None:
    packages.apt_get(machine, "install", built[build.VERSION])
    states = machine.systemctl("is-enabled", *SOCKETS, check=False).stdout.split()
    assert [socket for socket, state in zip(SOCKETS, states, strict=True) if state == "enabled"] == ["smtp.socket"]


def test_purged_it_leaves_nothing(machine: Machine, before: set[str]) -> None:
    machine.systemctl("disable", "--now", "agent.socket")
    machine.run("sockgatectl", "uninstall", "agent", "idle")
    machine.shell("rm -r /etc/systemd/system/smtp.socket.d")
    assert machine.systemctl("start", "imap.socket", check=False).returncode, "it has no server here"
    packages.apt_get(machine, "purge", "sockgate")
    assert everything(machine) ^ before == set()
    assert not machine.path("/run/sockgate").exists()
    loaded = machine.systemctl("list-units", "--all", "--plain", "--no-legend", "smtp*", "imap*", "pop3*").stdout
    assert loaded == ""
