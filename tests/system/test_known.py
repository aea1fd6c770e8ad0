"""The settings that we say each systemd knows, against its own list and against what it says to a unit."""

import re

from sockgate.units.known import SECTIONS, VALUES_SINCE, is_known, value_since
from tests.system.machine import Machine

LIST = ("/usr/lib/systemd/systemd", "--dump-configuration-items")
TEMPLATE = "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n"
SOCKET = """\
[Socket]
ListenStream=127.0.0.1:9
Accept=yes
Acept=no
freebind=yes
User=daemon
Wants=network.target
X-Mine=1
[Sokcet]
Accept=no
[X-Mine]
Mine=1
"""


def dumped(machine: Machine) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    section = ""
    for line in machine.run(*LIST).stdout.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line:
            found.setdefault(section, set()).add(line.partition("=")[0])
    return found


def test_the_table_is_that_of_this_systemd(machine: Machine) -> None:
    theirs = dumped(machine)
    for section, keys in SECTIONS.items():
        assert {key for key in keys if is_known(section, key, machine.systemd_version)} == theirs[section], section


def test_the_values_are_those_of_this_systemd(machine: Machine) -> None:
    """systemd-analyze names the line of each value that this systemd cannot parse."""
    version = machine.systemd_version
    given = [key for key in VALUES_SINCE if is_known("Service", key[0], version)]
    head = "[Service]\nExecStart=/bin/cat\n"
    machine.write("/etc/systemd/system/values.service", head + "".join(f"{key}={value}\n" for key, value in given))
    said = machine.run("systemd-analyze", "verify", "values.service", check=False).stderr
    theirs = {int(line) for line in re.findall(r"values\.service:(\d+): ", said)}
    ours = {line for line, (key, value) in enumerate(given, 3) if value_since(key, value) > version}
    assert ours == theirs, said


def test_check_names_what_systemd_says_that_it_ignores(machine: Machine) -> None:
    machine.write("/etc/systemd/system/slip@.service", TEMPLATE)
    machine.write("/etc/systemd/system/slip.socket", SOCKET)
    said = machine.run("systemd-analyze", "verify", "slip.socket", check=False).stderr.splitlines()
    theirs = {line.rpartition("slip.socket:")[2].partition(":")[0] for line in said if "slip.socket:" in line}
    machine.write(
        "/etc/systemd/system/slip@.service", TEMPLATE.replace("/bin/cat", "/usr/sbin/sockgate --name slip /bin/cat")
    )
    found = machine.run("sockgatectl", "check", "slip", check=False).stdout.splitlines()
    ours = {line.partition("slip.socket:")[2].partition(":")[0] for line in found if "systemd ignores" in line}
    # systemd says at the header of a section what we say at its first setting.
    assert theirs == {"4", "5", "7", "9"}
    assert ours == {"4", "5", "7", "10"}
