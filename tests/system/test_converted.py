"""What the converter and the generator write, on a running machine: verified, started, and asked."""

import json
import shutil
from pathlib import Path

import pytest

from tests.system.machine import Machine

pytestmark = pytest.mark.oldest_and_newest("the units have no setting that is younger than 252")

GOLDEN = Path(__file__).parents[1] / "convert/golden"
# Each folder is converted as its `command` says, into a folder of its own, and verified in one go.
CONVERT_ALL = """
for folder in /root/golden/*; do
    cd "$folder"
    units="/root/units/${folder##*/}"
    sockgatectl convert $(cat command) --output "$units" > /dev/null 2> /root/error || [ $? = 1 ]
    cat /root/error
    set -- "$units"/*.s*
    [ ! -e "$1" ] || systemd-analyze verify "$@" 2>&1
done
"""
UDP = """
service echo
{
	type = INTERNAL
	socket_type = dgram
	wait = yes
	only_from = 192.168.0.0
}
service daytime
{
	type = INTERNAL
	socket_type = stream
	wait = no
}
service upper
{
	type = UNLISTED
	port = 7001
	protocol = udp
	socket_type = dgram
	wait = yes
	user = daemon
	server = /opt/upper
	only_from = 192.168.0.0
}
service forward
{
	type = UNLISTED
	port = 7002
	protocol = tcp
	socket_type = stream
	wait = no
	user = nobody
	redirect = 127.0.0.1 13
	no_access = 10.0.0.0
}
"""
UPPER = """#!/usr/bin/python3
import socket

client = socket.socket(fileno=0)
data, sender = client.recvfrom(100)
client.sendto(data.upper(), sender)
"""
ASK = """
import socket, sys

source, port, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
client.bind((source, 0))
client.settimeout(4)
if kind == "udp":  # not connected: the answer comes from another address of the machine
    client.sendto(b"hello", ("127.0.0.1", port))
else:
    client.connect(("127.0.0.1", port))
try:
    print(b"".join(iter(lambda: client.recv(4000), b"")).decode().strip() if kind == "tcp"
          else client.recv(100).decode())
except TimeoutError:
    print("silence")
"""


def ask(machine: Machine, source: str, port: int, kind: str = "tcp") -> str:
    return machine.python(ASK, source, str(port), kind).stdout.strip()


def convert(machine: Machine, text: str) -> list[str]:
    """Convert this xinetd.conf into /etc/systemd/system and start its sockets."""
    machine.write("/root/xinetd.conf", text)
    done = machine.run(
        "sockgatectl",
        "convert",
        "xinetd",
        "/root/xinetd.conf",
        "--output",
        "/etc/systemd/system",
        "--json",
        check=False,
    )
    sockets = [unit for unit in json.loads(done.stdout)["units"] if unit.endswith(".socket")]
    machine.systemctl("daemon-reload")
    machine.systemctl("start", *sockets)
    return sockets


def test_systemd_has_nothing_to_say_about_what_the_golden_folders_become(machine: Machine) -> None:
    shutil.copytree(GOLDEN, machine.path("/root/golden"))
    assert machine.shell(CONVERT_ALL, timeout=300).stdout == ""
    sockets = int(machine.shell("ls /root/units/*/*.socket | wc -l").stdout)
    assert sockets >= len([*GOLDEN.glob("*/expected/*.socket")])


def test_udp_internal_and_redirected_services_answer_the_clients_of_xinetd(machine: Machine) -> None:
    machine.write("/opt/upper", UPPER, 0o755)
    for address in ("192.168.0.5/32", "10.0.0.1/32"):
        machine.add_address(address)
    convert(machine, UDP)
    for port, answer in ((7, "hello"), (7001, "HELLO")):
        assert ask(machine, "192.168.0.5", port, "udp") == answer
        assert ask(machine, "10.0.0.1", port, "udp") == "silence"
        assert ask(machine, "192.168.0.5", port, "udp") == answer, "a refused datagram costs the others nothing"
    time_of_day = ask(machine, "127.0.0.1", 13)
    assert time_of_day.count(":") == 2
    assert ask(machine, "192.168.0.5", 7002)[:11] == time_of_day[:11]
    assert ask(machine, "10.0.0.1", 7002) == ""


def test_a_file_dropped_into_xinetd_d_serves_after_a_daemon_reload(machine: Machine) -> None:
    machine.shell("systemctl disable xinetd || true; rm -f /etc/rc?.d/S??xinetd")
    machine.write("/etc/xinetd.conf", "includedir /etc/xinetd.d\n")
    machine.write("/etc/xinetd.d/aaa-broken", "service broken\n{\n\twait=no\n")
    machine.write("/etc/xinetd.d/rpc", "service rstatd\n{\n\ttype = RPC\n\twait = yes\n\tsocket_type = dgram\n}\n")
    machine.write("/etc/xinetd.d/dropped", (
        "service dropped\n{\n\ttype = UNLISTED\n\tport = 7003\n\tsocket_type = stream\n\tprotocol = tcp\n\twait = no\n"
        "\tuser = nobody\n\tserver = /bin/echo\n\tserver_args = hello\n\tonly_from = 127.0.0.0\n}\n"
    ))  # fmt: skip
    machine.systemctl("daemon-reload")
    machine.systemctl("start", "dropped.socket")
    assert ask(machine, "127.0.0.1", 7003) == "hello"
    assert machine.systemctl("show", "--value", "-p", "FragmentPath", "dropped.socket").stdout.startswith(
        "/run/systemd/gen"
    )
    assert "dropped.socket" in machine.systemctl("show", "--value", "-p", "Wants", "sockets.target").stdout
    messages = [record["MESSAGE"] for record in machine.journal("SYSLOG_IDENTIFIER=sockgate-inetd-generator")]
    assert any("/etc/xinetd.d/rpc:3: rstatd: refused: type = RPC" in message for message in messages), messages


def test_the_generator_leaves_everything_to_an_xinetd_that_is_enabled(machine: Machine) -> None:
    machine.shell("update-rc.d -f xinetd remove; update-rc.d xinetd defaults; systemctl enable xinetd")
    machine.systemctl("daemon-reload")
    assert machine.shell("ls /run/systemd/generator | grep -c dropped || true").stdout.strip() == "0"
    machine.shell("systemctl disable xinetd; update-rc.d -f xinetd remove")


HOWTO = """
service smtp
{
	flags = NAMEINARGS NODELAY
	socket_type = stream
	protocol = tcp
	wait = no
	user = daemon
	passenv =
	env = KEPT=yes
	server = /var/qmail/bin/tcp-env
	server_args = tcp-env -R /usr/local/bin/relaycheck 127.0.0.1,192.168.0. /opt/show
	log_type = FILE /var/log/smtp
	log_on_success = PID HOST EXIT DURATION
	log_on_failure = HOST ATTEMPT
}
service imap
{
	socket_type = stream
	wait = no
	user = root
	only_from = 192.168.0.0/24
	bind = 192.168.0.1
	server = /opt/show
}
"""
SHOW = "#!/bin/sh\nexec /usr/bin/env | /usr/bin/sort | /usr/bin/tr '\\n' ' '\n"


def test_the_two_services_of_the_howto_relay_and_refuse_as_before(machine: Machine) -> None:
    machine.write("/opt/show", SHOW, 0o755)
    for address in ("192.168.0.1/32", "192.168.0.5/32", "10.0.0.1/32"):
        machine.add_address(address)
    assert "smtp.socket" in convert(machine, HOWTO)
    for source, relays in (("127.0.0.1", True), ("192.168.0.5", True), ("10.0.0.1", False), ("127.0.0.10", False)):
        variables = ask(machine, source, 25)
        assert f"TCPREMOTEIP={source} " in variables
        assert "PROTO=TCP " in variables
        assert "KEPT=yes" in variables
        assert ("RELAYCLIENT= " in variables) == relays
    imap = ASK.replace("127.0.0.1", "192.168.0.1")
    assert "TCPREMOTEIP=192.168.0.5 " in machine.python(imap, "192.168.0.5", "143", "tcp").stdout
    assert machine.python(imap, "10.0.0.1", "143", "tcp").stdout == "\n"
    assert "192.168.0.1:143" in machine.run("ss", "-Hltn", "sport", "=", ":143").stdout
