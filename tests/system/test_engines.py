"""Both engines of a converted service: one drop-in switches, sessions go on, and --now changes all or nothing."""

import json

from tests.system import services
from tests.system.machine import Machine

CONFIGURATION = """service {name}
{{
	type = UNLISTED
	port = {port}
	socket_type = stream
	protocol = tcp
	wait = no
	user = daemon
	server = /bin/cat
	only_from = 127.0.0.0
	instances = 60
}}
"""
ECHO, GONE = 7001, 7002
# 40 sessions are opened. A line on standard input is the word for the next round: each session must still answer.
SESSIONS = """
import itertools, socket, sys

sessions = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60) for _ in range(40)]
for line in itertools.chain(["begin\\n"], sys.stdin):
    for session in sessions:
        session.sendall(line.encode())
    lost = 0
    for session in sessions:
        try:
            lost += session.recv(100) != line.encode()
        except OSError:
            lost += 1
    print(lost, flush=True)
"""


def convert(machine: Machine, *words: str, files: dict[str, int] | None = None) -> str:
    text = "".join(CONFIGURATION.format(name=name, port=port) for name, port in (files or {"echoes": ECHO}).items())
    machine.write("/etc/xinetd.conf", text)
    done = machine.run("sockgatectl", "convert", "xinetd", "/etc/xinetd.conf", *words, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def restart(machine: Machine) -> None:
    """An administrator does not do it six times in ten seconds, which systemd would refuse."""
    machine.systemctl("daemon-reload")
    machine.systemctl("reset-failed", "echoes.socket")
    machine.systemctl("restart", "echoes.socket")


def answers(machine: Machine, port: int) -> bool:
    script = f"import socket; c = socket.create_connection(('127.0.0.1', {port}), 20); c.send(b'x'); assert c.recv(9)"
    return machine.python(script, check=False).returncode == 0


def engine(machine: Machine) -> str:
    """The engine by what `status` says of it."""
    (service,) = json.loads(machine.run("sockgatectl", "status", "echoes", "--json").stdout)
    return str(service["engine"])


def test_without_xinetd_there_is_nothing_to_stop_and_now_goes_on(machine: Machine) -> None:
    machine.run("ip", "link", "set", "lo", "up")
    machine.shell("rm -f /etc/init.d/xinetd /lib/systemd/system/xinetd.service; systemctl daemon-reload")
    shown = convert(machine, "--install", "--now", files={"echoes": ECHO, "gone": GONE})
    _, heading, commands = shown.partition("Switching over:")
    assert heading
    assert "xinetd" not in commands
    assert answers(machine, ECHO)
    assert answers(machine, GONE)
    assert engine(machine) == "sockgated"


def test_one_drop_in_switches_and_back_with_clients_connected(machine: Machine) -> None:
    with machine.popen("python3", "-c", SESSIONS, str(ECHO)) as sessions:
        assert sessions.stdin is not None
        assert sessions.stdout is not None
        assert sessions.stdout.readline() == "0\n"
        drop_in = "/etc/systemd/system/echoes.socket.d/engine.conf"
        for accept, program in (("yes", "sockgate"), ("no", "sockgated"), ("yes", "sockgate")):
            machine.write(drop_in, f"[Socket]\nAccept={accept}\n")
            restart(machine)
            assert answers(machine, ECHO)
            assert engine(machine) == program
            sessions.stdin.write(f"{accept}\n")
            sessions.stdin.flush()
            assert sessions.stdout.readline() == "0\n", "no session is lost"
            checked = machine.run("sockgatectl", "check", "--level", "error", "echoes", check=False)
            assert (checked.returncode, checked.stdout) == (0, "")
        sessions.stdin.close()
    machine.path(drop_in).unlink()
    restart(machine)
    machine.systemctl("reset-failed", "echoes.socket")
    services.wait_until_idle(machine, "echoes", 60)
    assert services.failed_units(machine) == ""


def test_converted_again_it_has_the_new_engine_and_what_is_gone_is_gone(machine: Machine) -> None:
    shown = convert(machine, "--install", "--now", "--engine", "connection")
    assert "is taken" not in shown, "its own socket is no other program"
    assert engine(machine) == "sockgate"
    assert answers(machine, ECHO)
    assert not answers(machine, GONE)
    assert machine.shell("ls /etc/systemd/system | grep gone || true").stdout == ""
    assert services.failed_units(machine) == ""


def test_a_port_of_another_program_stops_everything_before_it_begins(machine: Machine) -> None:
    before = machine.shell("cat /etc/systemd/system/echoes.socket").stdout
    listen = "import socket; s = socket.create_server(('', 7003)); print(1, flush=True); input()"
    with machine.popen("python3", "-c", listen) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "1\n"
        machine.write("/etc/xinetd.conf", CONFIGURATION.format(name="other", port=7003))
        done = machine.run("sockgatectl", "convert", "xinetd", "/etc/xinetd.conf", "--install", "--now", check=False)
        assert done.returncode == 1
        assert "unable to switch over: Port 7003/tcp of other is taken by python3" in done.stderr
        other.communicate("\n")
    assert machine.shell("cat /etc/systemd/system/echoes.socket").stdout == before
    assert not machine.path("/etc/systemd/system/other.socket").exists()
