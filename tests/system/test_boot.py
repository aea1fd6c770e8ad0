"""The machines themselves, and this tree installed in them."""

import pytest

from sockgate import __version__
from tests.system.machine import TREE, Machine

UNITS = sorted(path.name for path in TREE.glob("units/*.*") if path.suffix in (".socket", ".service"))


def test_it_runs_the_systemd_it_stands_for(machine: Machine) -> None:
    first = machine.systemctl("--version").stdout.split()
    assert first[:2] == ["systemd", str(machine.systemd_version)]


def test_nothing_failed_at_boot(machine: Machine) -> None:
    assert machine.systemctl("list-units", "--failed", "--plain", "--no-legend").stdout == ""


def test_nothing_listens_after_boot(machine: Machine) -> None:
    assert machine.run("ss", "-Hltun").stdout == ""


@pytest.mark.parametrize("program", ["sockgate", "sockgatectl"])
def test_the_installed_programs_run(machine: Machine, program: str) -> None:
    assert machine.run(program, "--version").stdout == f"{program} {__version__}\n"


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_to_say_about_a_shipped_unit(machine: Machine, unit: str) -> None:
    result = machine.run("systemd-analyze", "verify", unit, check=False)
    assert (result.stdout + result.stderr, result.returncode) == ("", 0)


@pytest.mark.parametrize(("address", "local"), [("192.168.0.5/32", "192.168.0.5"), ("fd00:1::5/128", "fd00:1::5")])
def test_a_client_can_connect_from_an_address_that_was_added(machine: Machine, address: str, local: str) -> None:
    machine.add_address(address)
    machine.add_address(address)  # again is no error
    peer = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], 0), family=family) as server:
    with socket.create_connection(server.getsockname()[:2], source_address=(sys.argv[1], 0)):
        connection, address = server.accept()
        connection.close()
print(address[0])
"""
    assert machine.python(peer, local).stdout == f"{local}\n"


def test_a_command_that_is_terminated_ends_inside(machine: Machine) -> None:
    def runs() -> bool:
        return machine.run("pgrep", "--full", "--exact", "sleep 4711", check=False).returncode == 0

    with machine.popen("sleep", "4711") as sleep:
        machine.wait_for(runs, "sleep to start")
        sleep.terminate()
    machine.wait_for(lambda: not runs(), "sleep to end")


def test_the_journal_is_read_as_records(machine: Machine) -> None:
    machine.run("systemd-cat", "--identifier=test", "--priority=notice", "echo", "hello")
    (record,) = machine.journal("SYSLOG_IDENTIFIER=test")
    assert (record["MESSAGE"], record["PRIORITY"]) == ("hello", "5")


def test_it_shares_no_control_group_with_another_machine(machine: Machine) -> None:
    init = machine.path("/").parent
    (unified,) = [line for line in (init / "cgroup").read_text().splitlines() if line.startswith("0::")]
    assert unified.startswith(f"0::/sockgate-{machine.root.parent.name}/")
