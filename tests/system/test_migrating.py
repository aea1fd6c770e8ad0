"""sockgate-migrating(7), followed to the letter: `--install`, the commands that it prints, clients, and back again."""

import pytest

from tests.system import services
from tests.system.machine import Machine

pytestmark = pytest.mark.oldest_and_newest("the commands are the same from 252 on")

CLIENT = "127.0.0.1"
Commands = tuple[list[str], list[str]]


def install(machine: Machine, program: str, *files: str) -> Commands:
    """The commands that switch over and back, as they are printed for a person who copies them."""
    done = machine.run("sockgatectl", "convert", program, *files, "--install", check=False)
    assert done.returncode in (0, 1), done.stderr
    _, _, rest = done.stdout.partition("To switch over:\n")
    over, _, back = rest.partition("To switch back:\n")
    assert over
    assert back
    return over.strip().splitlines(), back.strip().splitlines()


def run(machine: Machine, commands: list[str]) -> None:
    for command in commands:
        machine.shell(command.strip())


def enable(machine: Machine, *names: str) -> None:
    """As after the installation of the package: the roots of these tests have no links to init scripts."""
    for name in names:
        machine.shell(f"""
            if [ -e /etc/init.d/{name} ]; then update-rc.d -f {name} remove; update-rc.d {name} defaults; fi
            systemctl enable {name}
        """)
        machine.systemctl("start", name)


def listener(machine: Machine, port: int) -> str:
    """The name of the program that listens: systemd, or the old one."""
    shown = machine.run("ss", "-Hltnp", f"sport = :{port}").stdout
    return shown.partition('(("')[2].partition('"')[0]


def wait_for_listener(machine: Machine, port: int, program: str) -> None:
    machine.wait_for(lambda: listener(machine, port) == program, f"{program} to listen")


def follow(machine: Machine, port: int, old: str, commands: Commands) -> tuple[str, str, str]:
    """What a client is told before, after, and back again; each by whom it should be."""
    over, back = commands
    answers = []
    for step, program in ((None, old), (over, "systemd"), (back, old)):
        if step:
            run(machine, step)
        wait_for_listener(machine, port, program)
        answers.append(services.listen(machine, port)[0][1])
    assert services.failed_units(machine) == ""
    left = machine.shell("grep -l '^# Converted from' /etc/systemd/system/* || true").stdout
    assert left == "", "nothing is left of it"
    return answers[0], answers[1], answers[2]


def test_from_tcpserver(release: str) -> None:
    with Machine(release, "more") as machine:
        machine.run("ip", "link", "set", "lo", "up")
        machine.write("/service/greeter/run", (
            "#!/bin/sh\nexec 2>&1\nMAX=`cat max`\n"
            "exec softlimit -m 50000000 tcpserver -RHl0 -c $MAX -x rules.cdb 0 7001 setuidgid daemon /usr/bin/id -un\n"
        ), 0o755)  # fmt: skip
        machine.write("/service/greeter/max", "5\n")
        machine.write("/service/greeter/rules", "127.:allow\n:deny\n")
        machine.shell("cd /service/greeter; tcprules rules.cdb tmp < rules; chmod 755 .")
        with machine.popen("svscan", "/service") as svscan:
            try:
                wait_for_listener(machine, 7001, "tcpserver")
                answers = follow(machine, 7001, "tcpserver", install(machine, "tcpserver", "/service/greeter"))
            finally:
                svscan.terminate()
    assert answers == ("daemon\n",) * 3


@pytest.mark.parametrize("inetd", ["openbsd-inetd", "inetutils-inetd"])
def test_from_inetd(release: str, inetd: str) -> None:
    with Machine(release, inetd) as machine:
        machine.run("ip", "link", "set", "lo", "up")
        machine.write("/etc/inetd.conf", (
            "7001 stream tcp nowait daemon /usr/sbin/tcpd /usr/bin/id -un\n"
            "rstatd/2 dgram rpc/udp wait root /usr/sbin/rpc.rstatd rpc.rstatd\n"
        ))  # fmt: skip
        machine.write("/etc/hosts.deny", "id: ALL EXCEPT 127.\n")
        name = "inetd" if inetd == "openbsd-inetd" else inetd
        enable(machine, name)
        process = "inetd" if inetd == "openbsd-inetd" else "inetutils-inetd"
        wait_for_listener(machine, 7001, process)
        answers = follow(machine, 7001, process, install(machine, "inetd", "/etc/inetd.conf"))
    assert answers == ("daemon\n",) * 3


def test_from_courier(release: str) -> None:
    with Machine(release) as machine:
        machine.run("ip", "link", "set", "lo", "up")
        machine.write("/etc/courier/imapaccess/default", "127.0.0.1\tallow\n*\tdeny\n")
        machine.run("makeimapaccess")
        enable(machine, "courier-authdaemon", "courier-imap")
        services.courier_accounts(machine)
        machine.systemctl("restart", "courier-authdaemon")
        commands = install(machine, "couriertcpd", "/etc/courier/imapd")
        run(machine, commands[0])
        wait_for_listener(machine, 143, "systemd")
        assert services.client(machine, "mailbox", "imap", CLIENT, CLIENT).split()[-1] == "hello"
        run(machine, commands[1])
        wait_for_listener(machine, 143, "couriertcpd")
        assert services.client(machine, "mailbox", "imap", CLIENT, CLIENT).split()[-1] == "hello"
        assert services.failed_units(machine) == ""
