"""The package of the Fedora and openSUSE families on a booted machine: installed, served, upgraded, erased.

The machine is Debian's, because no other is to be had here: systemd and Python are those of each release. Its settings
are in /etc/sysconfig, as in those families. The tests of one machine are in this order.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging import build
from tests.system import services
from tests.system.machine import TREE, Machine
from tests.system.test_package import session

pytestmark = pytest.mark.oldest_and_newest("its scripts ask systemctl for nothing that is younger than 252")

SOCKETS = tuple(sorted(path.name for path in (TREE / "units").glob("*.socket")))
TALK = "import socket; print(socket.create_connection(('127.0.0.1', 25), 20).makefile().read())"


@pytest.fixture(scope="module")
def machine(release: str) -> Iterator[Machine]:
    with Machine(release, "package", bare=True) as machine:
        services.add_qmail_users(machine)
        yield machine


@pytest.fixture(scope="module")
def built() -> dict[str, Path]:
    """Two versions of the package."""
    return {version: build.rpm(build.shared(), version) for version in (build.VERSION, build.NEXT_VERSION)}


def rpm(machine: Machine, *words: str | Path) -> str:
    """What its scripts print. As in the machine, which has no rpm: its namespaces, and its root for the scripts."""
    rpm = ["rpm", f"--root={machine.root}", "--define=_dbpath /rpmdb", "--nodeps", *words]
    done = subprocess.run(rpm, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "scriptlet failed" not in done.stderr
    return done.stdout


def test_the_installation_compiles_the_modules_and_enables_nothing(machine: Machine, built: dict[str, Path]) -> None:
    assert rpm(machine, "--install", built[build.VERSION]) == ""
    machine.systemctl("daemon-reload")
    states = machine.systemctl("is-enabled", *SOCKETS, check=False).stdout.split()
    assert states == ["disabled"] * len(SOCKETS)
    modules = machine.shell("find /usr/lib/sockgate -name '*.py' | wc -l; find /usr/lib/sockgate -name '*.pyc' | wc -l")
    assert len(set(modules.stdout.split())) == 1
    assert machine.run("sockgatectl", "--version").stdout == f"sockgatectl {build.VERSION}\n"


def test_a_preset_of_all_units_enables_none_of_ours(machine: Machine) -> None:
    """What happens at the first boot of an image."""
    machine.systemctl("preset", *SOCKETS)
    assert machine.systemctl("is-enabled", *SOCKETS, check=False).stdout.split() == ["disabled"] * len(SOCKETS)


@pytest.mark.parametrize("engine", ["sockgate", "sockgated"])
def test_it_serves_with_its_settings_in_sysconfig(machine: Machine, engine: str) -> None:
    machine.write(
        "/etc/sysconfig/sockgate-smtp", "SOCKGATE_OPTIONS=--allow localhost\nSOCKGATE_SERVER=/bin/echo hello\n"
    )
    services.switch(machine, engine, "smtp")
    machine.systemctl("enable", "--now", "smtp.socket")
    assert machine.python(TALK).stdout == "hello\n\n"
    machine.run("sockgatectl", "check", "smtp")


@pytest.mark.parametrize(
    ("engine", "version"),
    [(engine, version) for engine in ("sockgated", "sockgate") for version in (build.NEXT_VERSION, build.VERSION)],
)
def test_another_version_comes_and_the_client_that_is_connected_is_served_to_its_end(
    machine: Machine, built: dict[str, Path], engine: str, version: str
) -> None:
    machine.write("/etc/sysconfig/sockgate-smtp", f"SOCKGATE_SERVER={services.install_server(machine, 'obey')}\n")
    services.switch(machine, engine, "smtp")
    with session(machine) as client:
        told = rpm(machine, "--upgrade", "--oldpackage", built[version])
        newer = version == build.NEXT_VERSION
        assert told == (f"What has changed in sockgate {version}:\n  * {build.CHANGE}\n" if newer else "")
        # rpm runs the scripts outside of the machine's systemd here; in the machine this is the script's work.
        machine.run("/usr/lib/sockgate/restart-gates")
        assert machine.run("sockgatectl", "--version").stdout == f"sockgatectl {version}\n"
        with session(machine) as another:
            assert another.communicate("go\n")[0] == "b''\n"
        assert client.communicate("go\n")[0] == "b''\n"
    assert services.failed_units(machine) == ""


def test_an_upgrade_keeps_the_settings_and_what_is_enabled(machine: Machine, built: dict[str, Path]) -> None:
    changed = "SOCKGATE_SERVER=/bin/echo hello\n"
    machine.write("/etc/sysconfig/sockgate-smtp", changed)
    rpm(machine, "--upgrade", built[build.NEXT_VERSION])
    assert machine.read("/etc/sysconfig/sockgate-smtp") == changed
    assert machine.systemctl("is-enabled", "smtp.socket").stdout == "enabled\n"
    machine.run("/usr/lib/sockgate/restart-gates")
    assert machine.python(TALK).stdout == "hello\n\n"


def test_erased_it_stops_its_sockets_and_leaves_no_module(machine: Machine) -> None:
    machine.run("/usr/lib/sockgate/stop-gates")
    rpm(machine, "--erase", "sockgate")
    assert machine.run("ss", "-Hltn").stdout == ""
    assert not machine.path("/usr/lib/sockgate").exists()
    assert machine.systemctl("is-enabled", "smtp.socket", check=False).returncode != 0
