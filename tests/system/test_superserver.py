"""Debian's packages behind sockgate-inetd: served once they are installed, by apt alone, and switched by update-inetd.

The tests of one machine are in this order. No test calls sockgatectl before a client.
"""

import re
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.packaging import build
from tests.system import packages, services
from tests.system.machine import Machine

PROFILE = "superserver"
FAMILIES = ("127.0.0.1", "::1")
# From argv: address, port, what is said. What is answered until the end, or the first line; "refused".
CLIENT = """
import socket, sys
try:
    client = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20)
    client.sendall(sys.argv[3].encode().decode("unicode_escape").encode())
    print(client.recv(2000))
except ConnectionRefusedError:
    print("refused")
except OSError as error:
    print(type(error).__name__)
"""
XINETD_CONF = """service own
{
    type = UNLISTED
    port = 7780
    socket_type = stream
    protocol = tcp
    wait = no
    user = nobody
    server = /bin/echo
    server_args = of xinetd.conf
}
includedir /etc/xinetd.d
"""
FINGER, IDENT, SKK, TANG = 79, 113, 1178, 8888
OF_LINES, OF_FILES = range(7800, 7820), range(7820, 7840)
# From argv: a command. Prints the CPU time of it and of its children in milliseconds, the least of three runs.
CPU = """
import resource, subprocess, sys
def spent():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
def run():
    before = spent()
    subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
    return spent() - before
print(round(min(run() for _ in range(int(sys.argv[1]))) * 1000))
"""
SYNC = ("sockgatectl", "sync")
# Behind `sync`, while systemd does not look: what a test wants changed then.
LATE = """[Service]
ExecStartPost=-/bin/sh -c 'mv /root/late /root/now && sh /root/now'
"""
# What a client says to each, and a part of the answer.
TALKS = {
    FINGER: ("root\\r\\n", "root"),
    IDENT: ("1,1\\r\\n", "1"),
    TANG: ("GET /adv HTTP/1.0\\r\\n\\r\\n", "HTTP"),
    SKK: ("2", "dbskkd"),
}


@pytest.fixture(scope="module")
def machine(release: str) -> Iterator[Machine]:
    with Machine(release, PROFILE, bare=True) as machine:
        yield machine


@pytest.fixture(scope="module")
def ours(machine: Machine) -> list[str]:
    """The paths of both packages in the machine."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        built = (build.deb(Path(folder)), build.deb_inetd(Path(folder)))
        return [packages.bring(machine, package) for package in built]


def answer(machine: Machine, port: int, address: str = "127.0.0.1", said: str = "") -> str:
    return machine.python(CLIENT, address, str(port), said or TALKS.get(port, ("", ""))[0]).stdout.strip()


def install(machine: Machine, *names: str) -> str:
    return packages.apt_get(machine, "install", "--no-install-recommends", *names)


def is_served(machine: Machine, port: int) -> bool:
    return all(TALKS[port][1] in answer(machine, port, address) for address in FAMILIES)


def is_refused(machine: Machine, port: int) -> bool:
    return all(answer(machine, port, address) == "refused" for address in FAMILIES)


def sockets(machine: Machine) -> list[str]:
    """The sockets that our generator made, or that were left behind by it."""
    listed = machine.systemctl("list-units", "--all", "--type=socket", "--plain", "--no-legend").stdout.splitlines()
    generated = machine.shell("ls /run/systemd/generator").stdout.split()
    names = [line.split() for line in listed if not line.startswith("systemd-")]
    return [name for name, state, *_ in names if state == "not-found" or name in generated]


def test_installed_it_makes_the_file_that_update_inetd_needs_and_serves_nothing(
    machine: Machine, ours: list[str]
) -> None:
    listening = machine.run("ss", "-Hltnu").stdout
    install(machine, *ours)
    groups = re.findall("^#:([A-Z-]+):", machine.read("/etc/inetd.conf"), re.MULTILINE)
    assert groups == ["INTERNAL", "STANDARD", "BSD", "MAIL", "INFO", "BOOT", "RPC", "HAM-RADIO", "OTHER"]
    assert machine.run("ss", "-Hltnu").stdout == listening
    assert services.failed_units(machine) == ""


def test_a_package_is_served_as_soon_as_it_is_installed(machine: Machine) -> None:
    install(machine, "efingerd")
    assert "sockgate-inetd" in machine.run("dpkg-query", "--show", "sockgate-inetd").stdout, "it was not replaced"
    assert is_served(machine, FINGER)


def test_update_inetd_switches_it_off_and_on_at_once(machine: Machine) -> None:
    for _ in range(2):
        machine.run("update-inetd", "--disable", "finger")
        assert is_refused(machine, FINGER)
        assert sockets(machine) == []
        machine.run("update-inetd", "--enable", "finger")
        assert is_served(machine, FINGER)
    assert services.failed_units(machine) == ""


def test_packages_with_a_line_and_with_a_file_are_served(machine: Machine) -> None:
    install(machine, "ident2", "dbskkd-cdb", "tang-xinetd")
    for port in (IDENT, SKK, TANG):
        assert is_served(machine, port), port
    assert services.failed_units(machine) == ""


def test_an_rpc_service_is_refused_by_name_and_costs_no_other(machine: Machine) -> None:
    install(machine, "rusersd")
    told = [record["MESSAGE"] for record in machine.journal("SYSLOG_IDENTIFIER=sockgate-inetd-generator")]
    assert any("rusersd/2-3: refused: rusersd/2-3 rpc/udp: RPC" in message for message in told), told
    assert is_served(machine, FINGER)


def test_a_line_that_is_written_by_hand_is_served_too(machine: Machine) -> None:
    machine.shell("echo '7777 stream tcp nowait nobody /bin/echo echo by hand' >> /etc/inetd.conf")
    machine.wait_for(lambda: "by hand" in answer(machine, 7777), "the path unit", 120)
    machine.shell("sed -i 's|by hand|by another hand|' /etc/inetd.conf")
    machine.wait_for(lambda: "another" in answer(machine, 7777), "the path unit", 120)
    machine.shell("sed -i /^7777/d /etc/inetd.conf")
    machine.wait_for(lambda: is_refused(machine, 7777), "the path unit", 120)


def test_a_line_that_is_converted_stays_served_by_its_own_units(machine: Machine) -> None:
    machine.write("/etc/inetd.d/own", "7782 stream tcp nowait nobody /bin/echo echo of a line\n")
    machine.run("sockgatectl", "sync")
    machine.run("sockgatectl", "convert", "inetd", "/etc/inetd.d/own", "--install", "--now")
    machine.run("sockgatectl", "sync")
    shown = machine.systemctl("show", "--property=FragmentPath,ActiveState", "port-7782.socket").stdout.split()
    assert sorted(shown) == ["ActiveState=active", "FragmentPath=/etc/systemd/system/port-7782.socket"]
    assert "of a line" in answer(machine, 7782)
    machine.systemctl("disable", "--now", "port-7782.socket")
    machine.shell("rm -r /etc/inetd.d /etc/systemd/system/port-7782*; systemctl daemon-reload; sockgatectl sync")


def test_a_masked_socket_ends_with_sync_also_where_its_gate_goes_on(machine: Machine) -> None:
    gated = XINETD_CONF.partition("include")[0].replace("7780", "7783").replace("service own", "service gated")
    machine.write(
        "/etc/xinetd.d/gated", gated.replace("wait = no", "wait = no\n    only_from = 127.0.0.1\n    cps = 50 9")
    )
    machine.run(*SYNC)
    for how in ("--now", "--no-reload"):
        assert "of xinetd.conf" in answer(machine, 7783)
        machine.systemctl("mask", how, "gated.socket")
        machine.run(*SYNC)
        assert is_refused(machine, 7783)
        machine.systemctl("unmask", "gated.socket")
        machine.run(*SYNC)
    machine.shell("rm /etc/xinetd.d/gated; sockgatectl sync")
    assert is_refused(machine, 7783)


def test_a_file_from_the_future_does_not_start_the_service_again_and_again(machine: Machine) -> None:
    machine.shell("echo '7778 stream tcp nowait nobody /bin/echo echo tomorrow' >> /etc/inetd.conf")
    machine.shell("touch --date=tomorrow /etc/inetd.conf")
    machine.wait_for(lambda: "tomorrow" in answer(machine, 7778), "the path unit", 120)
    time.sleep(3)
    start = machine.systemctl("show", "--property=InvocationID", "sockgate-inetd.service").stdout
    time.sleep(3)
    assert machine.systemctl("show", "--property=InvocationID", "sockgate-inetd.service").stdout == start
    machine.shell("sed -i /^7778/d /etc/inetd.conf")
    machine.wait_for(lambda: is_refused(machine, 7778), "the path unit", 120)


@pytest.fixture
def late(machine: Machine) -> Iterator[Path]:
    """A script that is run once, when `sync` has ended and the path units do not look yet."""
    drop_in = "/run/systemd/system/sockgate-inetd.service.d/late.conf"
    machine.write(drop_in, LATE)
    machine.systemctl("daemon-reload")
    yield machine.path("/root/late")
    machine.path(drop_in).unlink()
    machine.systemctl("daemon-reload")


def test_a_change_while_the_path_units_do_not_look_is_seen(machine: Machine, late: Path) -> None:
    machine.shell("cd /root; cp /etc/inetd.conf with; grep -v ^finger with > without; touch --date=yesterday with*")
    for change, seen in (
        ("mv /root/without /etc/inetd.conf", is_refused),  # an older file
        ("mv /root/with /etc/inetd.conf", is_served),
        ("mv /etc/inetd.conf /root/with", is_refused),
        ("cp /root/with /etc/inetd.conf", is_served),
    ):
        late.write_text(change)
        machine.shell("touch /etc/inetd.conf")
        machine.wait_for(partial(seen, machine, FINGER), change, 120)
        assert not late.exists()


def test_a_folder_that_did_not_exist_before_is_seen_with_all_edits(machine: Machine) -> None:
    machine.shell("mv /etc/xinetd.d /root")
    machine.wait_for(lambda: is_refused(machine, TANG), "the path unit", 120)
    machine.write("/root/quick", XINETD_CONF.partition("include")[0])
    edits = "for n in 1 2 3; do sed s/xinetd.conf/edit-$n/ /root/quick > /etc/xinetd.d/quick; sleep 0.$n; done"
    machine.shell(f"mkdir /etc/xinetd.d; {edits}")
    machine.wait_for(lambda: "of edit-3" in answer(machine, 7780), "the path unit", 120)
    machine.shell("rm -r /etc/xinetd.d; mv /root/xinetd.d /etc")
    machine.wait_for(lambda: is_served(machine, TANG) and is_refused(machine, 7780), "the path unit", 120)


def test_a_file_that_did_not_exist_before_is_seen(machine: Machine) -> None:
    for missing in ("inetd.d", "xinetd.conf"):
        assert not machine.path(f"/etc/{missing}").exists()
    machine.write("/etc/inetd.d/own", "7779 stream tcp nowait nobody /bin/echo echo in a folder\n")
    machine.wait_for(lambda: "in a folder" in answer(machine, 7779), "the path unit", 120)
    machine.write("/etc/xinetd.conf", XINETD_CONF)
    machine.wait_for(lambda: "of xinetd.conf" in answer(machine, 7780), "the path unit", 120)
    assert is_served(machine, TANG)


def test_the_first_rule_in_hosts_allow_or_deny_holds_for_what_xinetd_would_ask_it(machine: Machine) -> None:
    for table, rule in (("allow", "echo: ALL: deny\n"), ("deny", "echo: ALL\n")):
        machine.write(f"/etc/hosts.{table}", rule)
        machine.wait_for(lambda: answer(machine, 7780) in ("b''", "ConnectionResetError"), "the path unit", 120)
        assert "in a folder" in answer(machine, 7779), "openbsd-inetd asks it for no service"
        machine.write(f"/etc/hosts.{table}", "")
        machine.wait_for(lambda: "of xinetd.conf" in answer(machine, 7780), "the path unit", 120)
    machine.shell("rm -r /etc/hosts.allow /etc/hosts.deny /etc/xinetd.conf /etc/inetd.d")
    machine.wait_for(lambda: is_refused(machine, 7779) and is_refused(machine, 7780), "the path unit", 120)


def test_apt_that_waits_for_an_answer_holds_nothing_up(machine: Machine) -> None:
    with machine.popen("apt-get", "install", "csync2") as apt:
        assert apt.stdout is not None
        told = ""
        while "[Y/n]" not in told:
            told += apt.stdout.read(1) or pytest.fail(told)
        machine.run("update-inetd", "--disable", "finger")
        assert is_refused(machine, FINGER)
        machine.run("update-inetd", "--enable", "finger")
        assert is_served(machine, FINGER)
        apt.communicate("n\n")


def test_sync_leaves_alone_what_did_not_change(machine: Machine) -> None:
    with services.reloads(machine) as found:
        assert "started" not in machine.run("sockgatectl", "sync").stdout
    assert found == []


def cpu(machine: Machine, times: int, *command: str) -> int:
    """Milliseconds of CPU of this command and what it runs, the least of so many times."""
    return int(machine.python(CPU, str(times), *command).stdout)


def test_forty_services_are_served_by_one_sync_and_end_by_another(machine: Machine) -> None:
    """It prints what the generator and `sync` cost, with the `systemctl` that `sync` runs: `make bench-inetd`."""
    machine.systemctl("stop", "sockgate-inetd.path")
    machine.shell("mkdir -p /etc/xinetd.d; cp /etc/inetd.conf /root; cp --recursive /etc/xinetd.d /root")
    lines = "".join(f"{port} stream tcp nowait root /usr/sbin/tcpd /bin/echo {port}\n" for port in OF_LINES)
    machine.write("/etc/inetd.conf", machine.read("/etc/inetd.conf") + lines)
    for port in OF_FILES:
        text = XINETD_CONF.partition("include")[0].replace("7780", str(port)).replace("own", f"own-{port}")
        machine.write(f"/etc/xinetd.d/own-{port}", text.replace("of xinetd.conf", str(port)))
    before = machine.cpu_seconds()
    starts = cpu(machine, 1, *SYNC)
    systemd = round((machine.cpu_seconds() - before) * 1000)
    assert all(str(port) in answer(machine, port) for port in (*OF_LINES, *OF_FILES))
    generator = "/usr/lib/systemd/system-generators/sockgate-inetd-generator"
    folders = machine.shell("mkdir -p /run/out/1 /run/out/2 /run/out/3; echo /run/out/*").stdout.split()
    makes, idles = cpu(machine, 3, generator, *folders), cpu(machine, 3, *SYNC)
    machine.shell("mv /root/inetd.conf /etc; rm -r /etc/xinetd.d; mv /root/xinetd.d /etc")
    stops = cpu(machine, 1, *SYNC)
    print(
        f"{machine.release}, ms of CPU with 20 more services of each file: generator {makes},"
        f" sync that starts them {starts} and {systemd} of systemd, with nothing to do {idles}, that stops them {stops}"
    )
    assert {answer(machine, port) for port in (*OF_LINES, *OF_FILES)} == {"refused"}
    machine.systemctl("start", "sockgate-inetd.path")


def test_a_reboot_changes_nothing(machine: Machine) -> None:
    before = sockets(machine)
    machine.reboot()
    assert sockets(machine) == before
    for port in (FINGER, IDENT, SKK):
        assert is_served(machine, port)
    assert services.failed_units(machine) == ""


def test_a_reload_between_two_changes_costs_no_service(machine: Machine) -> None:
    """As when one package takes the place of another, and the scripts of a third reload systemd in between."""
    machine.systemctl("stop", "sockgate-inetd.path")
    for step in ("sed -i.kept /^finger/d", "mv /etc/inetd.conf.kept"):
        machine.shell(f"{step} /etc/inetd.conf; systemctl daemon-reload")
    assert not is_served(machine, FINGER), "systemd has closed it"
    machine.systemctl("start", "sockgate-inetd.service")
    assert is_served(machine, FINGER)
    machine.systemctl("start", "sockgate-inetd.path")


def test_policy_rc_d_is_obeyed(machine: Machine) -> None:
    machine.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
    machine.run("update-inetd", "--disable", "finger")
    assert is_served(machine, FINGER)
    machine.path("/usr/sbin/policy-rc.d").unlink()
    machine.run("sockgatectl", "sync")
    assert is_refused(machine, FINGER)
    machine.run("update-inetd", "--enable", "finger")
    assert is_served(machine, FINGER)


def checksums(machine: Machine, *patterns: str) -> str:
    return machine.shell(f"find {' '.join(patterns)} -type f | sort | xargs sha256sum").stdout


def test_another_inetd_takes_over_and_gives_back(machine: Machine, ours: list[str]) -> None:
    before = checksums(machine, "/etc/inetd.conf", "/etc/xinetd.d")
    install(machine, "openbsd-inetd")
    theirs = checksums(machine, "/etc/*/*openbsd-inetd*")
    for port in (FINGER, IDENT, SKK):
        assert is_served(machine, port), port
        assert '"inetd"' in machine.run("ss", "-Hltnp", f"sport = :{port}").stdout
    assert sockets(machine) == []
    machine.systemctl("daemon-reload")
    assert sockets(machine) == [], "the generator is gone with the package"
    assert checksums(machine, "/etc/inetd.conf", "/etc/xinetd.d") == before
    install(machine, *ours)
    assert checksums(machine, "/etc/*/*openbsd-inetd*") == theirs
    for port in (FINGER, IDENT, SKK):
        assert is_served(machine, port), port
        assert '"systemd"' in machine.run("ss", "-Hltnp", f"sport = :{port}").stdout
    found = machine.run("sockgatectl", "check", "finger", check=False)
    assert found.stdout + found.stderr == "", "what openbsd-inetd left behind starts nothing"
    machine.run("update-inetd", "--disable", "finger")  # it calls the init script that openbsd-inetd left behind
    assert is_refused(machine, FINGER)
    machine.run("update-inetd", "--enable", "finger")
    assert is_served(machine, FINGER)
    assert services.failed_units(machine) == ""


def test_xinetd_takes_over_and_gives_back(machine: Machine, ours: list[str]) -> None:
    """Each of the two serves a file of xinetd's also where update-inetd has switched off the line of that name."""
    twin = XINETD_CONF.partition("include")[0].replace("7780", "7783").replace("of xinetd.conf", "of its file")
    machine.write("/etc/xinetd.d/own", twin)
    machine.shell("echo '#<off># own stream tcp nowait nobody /bin/echo echo of its line' >> /etc/inetd.conf")
    before = checksums(machine, "/etc/inetd.conf", "/etc/xinetd.d/tangdx")
    install(machine, "xinetd", "tang-xinetd")  # openbsd-inetd drove the latter out
    theirs = checksums(machine, "/etc/*xinetd*", "/etc/*/xinetd")
    assert TALKS[TANG][1] in answer(machine, TANG)
    assert "of its file" in answer(machine, 7783)
    assert "xinetd" in machine.run("ss", "-Hltnp", f"sport = :{TANG}").stdout
    assert sockets(machine) == []
    assert checksums(machine, "/etc/inetd.conf", "/etc/xinetd.d/tangdx") == before
    install(machine, *ours)
    assert checksums(machine, "/etc/*xinetd*", "/etc/*/xinetd") == theirs
    for port in (FINGER, IDENT, SKK, TANG):
        assert is_served(machine, port), port
    assert "of its file" in answer(machine, 7783)
    told = machine.journal("SYSLOG_IDENTIFIER=sockgate-inetd-generator")
    assert any("own: ignored: #<off>#: /etc/xinetd.d/own:1 serves it" in record["MESSAGE"] for record in told), told
    machine.shell("rm /etc/xinetd.d/own; sed -i '/^#<off># own/d' /etc/inetd.conf")
    machine.wait_for(lambda: answer(machine, 7783) == "refused", "the path unit", 120)
    packages.apt_get(machine, "purge", "xinetd")
    for port in (FINGER, IDENT, SKK, TANG):
        assert is_served(machine, port), port
    assert services.failed_units(machine) == ""


def test_the_first_boot_of_an_image_enables_none_of_our_sockets(machine: Machine) -> None:
    # One would ask at the console, the other wait for a network.
    machine.systemctl("mask", "systemd-firstboot.service", "systemd-networkd-wait-online.service")
    machine.reboot(is_first=True)
    names = [path.name for path in (build.TREE / "units").glob("*.socket")]
    states = machine.systemctl("is-enabled", *names, check=False).stdout.split()
    assert states == ["disabled"] * len(names)
    assert machine.systemctl("is-enabled", "sockgate-inetd.path").stdout == "enabled\n"
    for port in (FINGER, IDENT, SKK, TANG):
        assert is_served(machine, port), port


def test_a_package_that_is_removed_is_refused_and_leaves_nothing(machine: Machine) -> None:
    packages.apt_get(machine, "remove", "efingerd", "tang-xinetd", "ident2")
    for port in (FINGER, IDENT):
        assert is_refused(machine, port)
    assert not [name for name in sockets(machine) if re.match("finger|ident|auth|tang", name)]
    packages.apt_get(machine, "purge", "efingerd", "tang-xinetd", "ident2")
    assert services.failed_units(machine) == ""


def test_removed_it_serves_nothing_and_purged_it_leaves_the_lines_of_others(machine: Machine) -> None:
    assert is_served(machine, SKK)
    machine.run("dpkg", "--force-depends", "--purge", "sockgate-inetd")  # apt would install another inetd
    assert is_refused(machine, SKK)
    assert sockets(machine) == []
    assert services.failed_units(machine) == ""
    assert "skkserv" in machine.read("/etc/inetd.conf")
    assert not machine.path("/etc/init.d/sockgate-inetd").exists()
