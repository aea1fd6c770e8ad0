"""Debian's packages with a service for an inetd, each installed by apt, asked, switched, rebooted, removed and purged.

No test calls sockgatectl. The tests of one machine are in this order.
"""

import json
from collections.abc import Iterator, Sequence
from functools import partial

import pytest

from tests.packaging import build
from tests.system import inetd_clients, inetd_packages, packages, roots, services
from tests.system.inetd_packages import FIRST, SECOND, THIRD, Package, Question
from tests.system.machine import Machine

PROFILE = "superserver"
EVERY = (*FIRST, *SECOND, *THIRD)
SERVED, REST = FIRST[:3], FIRST[3:]  # clients of the one are served while apt installs ten of the other
SESSIONS = """
import json, socket, sys
questions = json.loads(sys.argv[1])
clients = [socket.create_connection((address, port)) for _, address, port, *_ in questions]
print("connected", flush=True)
input()
for client, (*_, said, expected) in zip(clients, questions):
    client.sendall(said.encode())
    answer = b""
    while expected.encode() not in answer and (more := client.recv(2000)):
        answer += more
    print(json.dumps(expected.encode() in answer))
"""
OWN = "micro-httpd.socket"  # of that package, which leaves it behind
# Debian 12 brings no line for those of inetutils: an administrator wrote the one that Debian 13 brings.
LINES = {
    "inetutils-ftpd": "#<off># ftp stream tcp nowait root /usr/sbin/tcpd /usr/sbin/ftpd",
    "inetutils-telnetd": "#<off># telnet stream tcp nowait root /usr/sbin/tcpd /usr/sbin/telnetd",
    "inetutils-talkd": "#<off># ntalk dgram udp4 wait root /usr/sbin/tcpd /usr/sbin/talkd",
}


@pytest.fixture(scope="module")
def machine(release: str) -> Iterator[Machine]:
    with Machine(release, PROFILE, bare=True) as machine:
        machine.shell(inetd_clients.PREPARE)
        machine.write(inetd_clients.TALKING, (services.CLIENTS / "talking.py").read_text(), mode=0o755)
        machine.run("debconf-set-selections", input=inetd_packages.ANSWERS)
        built = (build.deb(build.shared()), build.deb_inetd(build.shared()))
        ours = [packages.bring(machine, package) for package in built]
        packages.apt_get(machine, "install", "--no-install-recommends", *ours)
        yield machine


@pytest.fixture(scope="module")
def first_file(machine: Machine) -> str:
    return machine.read("/etc/inetd.conf")


def there(machine: Machine, wanted: Sequence[Package]) -> list[Package]:
    """Those that this release has."""
    names = roots.there(machine.release, (one.name for one in wanted))
    return [one for one in wanted if one.name in names]


def install(machine: Machine, wanted: Sequence[Package]) -> None:
    packages.apt_get(machine, "install", "--no-install-recommends", *(one.name for one in wanted))
    for one in wanted:
        if one.name in LINES and machine.release == "bookworm":
            machine.run("update-inetd", "--add", LINES[one.name])


def answers(machine: Machine, asked: dict[str, list[Question]]) -> dict[str, list[str]]:
    """What each package answers to its questions."""
    questions = [question for each in asked.values() for question in each]
    told = iter(json.loads(services.client(machine, "debian_services", json.dumps(questions))))
    return {name: [next(told) for _ in each] for name, each in asked.items()}


def unserved(machine: Machine, wanted: Sequence[Package]) -> dict[str, list[str]]:
    """The packages whose own clients are not answered as they should, with what these say."""
    asked = {one.name: inetd_clients.questions(one, machine.release) for one in wanted}
    found = answers(machine, asked)
    return {
        name: found[name] for name, each in asked.items()
        if not all(question.expected in said for question, said in zip(each, found[name], strict=True))
    }  # fmt: skip


def is_served(machine: Machine, one: Package) -> bool:
    return unserved(machine, [one]) == {}


def accepting(machine: Machine, wanted: Sequence[Package]) -> dict[str, list[str]]:
    """The packages that do not refuse, with what they answer."""
    told = answers(machine, {one.name: one.questions for one in wanted})
    return {name: each for name, each in told.items() if set(each) != {"refused"}}


def switch_on(machine: Machine, wanted: Sequence[Package]) -> None:
    """What an administrator does for the packages that bring their service switched off, or without an answer."""
    for one in wanted:
        if one.on:
            machine.shell(one.on)
        client = inetd_clients.client_of(one, machine.release)
        if client and client.ready:
            machine.shell(client.ready)
        if one.on and not one.service:
            machine.wait_for(partial(is_served, machine, one), "the path unit", 120)


def switch(machine: Machine, one: Package, on: bool) -> None:
    """update-inetd is done when it returns. An edit of a file in xinetd.d is seen by the path unit."""
    if one.service:
        machine.run("update-inetd", "--enable" if on else "--disable", one.service)
        return
    words = ("yes", "no") if on else ("no", "yes")
    machine.shell(f"sed -i 's/disable\\( *\\)= {words[0]}/disable\\1= {words[1]}/' /etc/xinetd.d/*")
    machine.wait_for(lambda: bool(accepting(machine, [one])) is on, "the path unit", 120)


def units(machine: Machine) -> list[str]:
    """What the generator made, and sockets without a unit file."""
    listed = machine.systemctl("list-units", "--all", "--type=socket", "--plain", "--no-legend").stdout.splitlines()
    gone = [line.split()[0] for line in listed if " not-found " in line and not line.startswith(OWN)]
    generated = machine.shell("ls /run/systemd/generator").stdout.split()
    return [name for name in generated if name.endswith((".socket", ".service"))] + gone


def switch_each(machine: Machine, wanted: Sequence[Package]) -> None:
    """Each is off at once, and on again; the others are served all the time."""
    for one in wanted:
        switch(machine, one, on=False)
        assert accepting(machine, [one]) == {}
        switch(machine, one, on=True)
    assert unserved(machine, wanted) == {}
    assert services.failed_units(machine) == ""


def reboot(machine: Machine, wanted: Sequence[Package]) -> None:
    before = units(machine)
    for _ in range(2):
        machine.reboot()
        assert units(machine) == before
        assert unserved(machine, wanted) == {}
        assert services.failed_units(machine) == ""


def has_sessions(machine: Machine, count: int) -> bool:
    listed = machine.systemctl("list-units", "--state=running", "--plain", "--no-legend", "*@*:*.service").stdout
    return len(listed.splitlines()) == count


def test_ten_packages_in_one_run_mean_three_reloads_at_most_and_no_session_ends(
    machine: Machine, first_file: str
) -> None:
    before, ten = there(machine, SERVED), there(machine, REST)[:10]
    assert len(ten) == 10
    install(machine, before)
    questions = [question for one in before for question in one.questions]
    with machine.popen("python3", "-c", SESSIONS, json.dumps(questions)) as clients:
        assert clients.stdout is not None
        assert clients.stdout.readline() == "connected\n"
        machine.wait_for(partial(has_sessions, machine, len(questions)), "every client to have its server", 60)
        with services.reloads(machine) as found:
            install(machine, ten)
        told = clients.communicate("\n")[0]
    switch_on(machine, ten)  # before what may fail: the next tests need it
    assert told.split() == ["true"] * len(questions)
    assert len(found) <= 3, found
    assert unserved(machine, [*before, *ten]) == {}
    assert services.failed_units(machine) == ""


def test_more_packages_are_served_once_they_are_installed_and_switched_on(machine: Machine) -> None:
    more = there(machine, REST)[10:]
    install(machine, more)
    switch_on(machine, more)
    assert unserved(machine, more) == {}
    assert services.failed_units(machine) == ""


def test_each_is_switched_off_and_on_at_once(machine: Machine) -> None:
    switch_each(machine, there(machine, FIRST))


def test_two_reboots_change_nothing(machine: Machine) -> None:
    reboot(machine, there(machine, FIRST))


# Removed, these would keep lines that those which take their place look for. Some lines stay when they are purged: that
# of ftp is ours on Debian 12, and cfingerd and efingerd switch off theirs.
@pytest.mark.parametrize(
    ("gone", "left", "wanted"),
    [
        pytest.param(("telnetd-ssl", "talkd", "popa3d", "inetutils-ftpd"), "ftp", SECOND, id="second"),
        pytest.param(("cfingerd", "pure-ftpd", "ftpd-ssl"), "finger", THIRD, id="third"),
    ],
)
def test_a_package_that_takes_the_place_of_another_is_served(
    machine: Machine, gone: Sequence[str], left: str, wanted: Sequence[Package]
) -> None:
    new = there(machine, wanted)
    packages.apt_get(machine, "purge", *roots.there(machine.release, gone))
    machine.run("update-inetd", "--multi", "--remove", left)
    install(machine, new)
    switch_on(machine, new)
    assert unserved(machine, new) == {}
    switch_each(machine, new)
    reboot(machine, new)


def test_removed_they_refuse_and_leave_no_unit(machine: Machine) -> None:
    everything = there(machine, EVERY)
    packages.apt_get(machine, "remove", *(one.name for one in everything))
    assert accepting(machine, everything) == {}
    assert units(machine) == []
    assert services.failed_units(machine) == ""


def test_purged_they_leave_no_trace(machine: Machine, first_file: str) -> None:
    packages.apt_get(machine, "purge", *(one.name for one in there(machine, EVERY)))
    left = set(machine.read("/etc/inetd.conf").splitlines()) - set(first_file.splitlines())
    # The scripts of some look for their line in another form.
    servers = {word for line in left for word in line.split() if word.startswith("/usr/")} - {"/usr/sbin/tcpd"}
    assert not [server for server in servers if machine.path(server).exists()], left
    assert units(machine) == []
    assert services.failed_units(machine) == ""
