"""From nothing to a served SMTP session, by the commands of README.md, on a Debian that has only systemd."""

from collections.abc import Iterator

import pytest

from tests.packaging import build
from tests.system import packages
from tests.system.machine import TREE, Machine

HEADING = "## From nothing to a mail server"


@pytest.fixture(scope="module")
def stranger(release: str) -> Iterator[Machine]:
    with Machine(release, "clean", bare=True) as machine:
        packages.bring(machine, build.deb(build.shared()))
        # Quicker, and with less to lean on.
        machine.write("/etc/apt/apt.conf.d/90quick", 'APT::Install-Recommends "false";\n')
        machine.write("/etc/dpkg/dpkg.cfg.d/90quick", "force-unsafe-io\n")
        yield machine


def commands() -> list[str]:
    """What README.md says to type."""
    text = (TREE / "README.md").read_text()
    lines = text[text.index(HEADING) :].partition("\n## ")[0].splitlines()
    return [line.strip() for line in lines if line.startswith("    ") and not line.startswith("     ")]


def run(machine: Machine, command: str) -> str:
    script = f"cd /var/tmp; export DEBIAN_FRONTEND=noninteractive; {command} 2>&1"
    return machine.shell(script, timeout=600).stdout


@pytest.mark.timeout(900)  # with the root, and with all that apt installs
def test_three_commands_lead_to_a_served_session(stranger: Machine) -> None:
    typed = commands()
    assert len(typed) == 3
    shown = [run(stranger, command) for command in typed]
    print("\n".join(f"# {command}\n{output}" for command, output in zip(typed, shown, strict=True)))
    assert shown[-2].endswith("Switched over. Next: sockgatectl check\n")
    assert "(250, " in shown[-1]
    stranger.wait_for(lambda: " allow " in stranger.run("sockgatectl", "log", "esmtpd").stdout, "the session's record")
    log = stranger.run("sockgatectl", "log", "esmtpd").stdout
    print(f"# sockgatectl log\n{log}")
    found = stranger.run("sockgatectl", "check", "esmtpd", check=False)
    assert found.stdout + found.stderr == "", "Courier's other services have no part of the port"
    for question, answers in (("is-active", ["active", "inactive"]), ("is-enabled", ["enabled", "disabled"])):
        assert stranger.systemctl(question, "esmtpd.socket", "courier-mta", check=False).stdout.split() == answers
    stranger.shell("! test -e /bin/kill; systemctl reload esmtpd.service")
