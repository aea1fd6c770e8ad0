"""Debian packages in a machine."""

from pathlib import Path

from tests.system.machine import Machine


def bring(machine: Machine, package: Path) -> str:
    """Put it into the machine: its path there."""
    path = f"/var/tmp/{package.name}"
    machine.path(path).write_bytes(package.read_bytes())
    return path


def apt_get(machine: Machine, *words: str) -> str:
    """What it printed. There is no network: what the package needs is installed already."""
    command = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--quiet", *words)
    done = machine.run(*command, timeout=240)
    return done.stdout + done.stderr
