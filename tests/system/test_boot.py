"""The machines themselves, and this tree installed in them."""

from sockgate import __version__
from tests.system.machine import Machine


def test_it_runs_the_systemd_it_stands_for(machine: Machine) -> None:
    first = machine.systemctl("--version").stdout.split()
    assert first[:2] == ["systemd", str(machine.systemd_version)]


def test_nothing_failed_at_boot(machine: Machine) -> None:
    assert machine.systemctl("list-units", "--failed", "--plain", "--no-legend").stdout == ""


def test_nothing_listens_after_boot(machine: Machine) -> None:
    assert machine.run("ss", "-Hltun").stdout == ""


def test_the_installed_programs_run(machine: Machine) -> None:
    assert machine.run("sockgate", "--version").stdout == f"sockgate {__version__}\n"
