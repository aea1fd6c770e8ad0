"""Run scripts of tcpsvd, udpsvd, socat and ncat: what their clients get, and then what they get from the units."""

import json
import re
import socket

import pytest

from tests.system.convert import oracle
from tests.system.convert.scripts import start_all, stop_all
from tests.system.machine import Machine

PROFILE = "more"
FIRST_PORT = 22000
# 192.168.0.5 gets variables, 10.0.0.0/8 is refused, but not 10.0.0.1.
PEERS = """
mkdir peers
echo '+NOTE=a "b" $HOME' > peers/192.168.0
echo '+RELAYCLIENT=' > peers/10.0.0.1
touch peers/10
chmod 0 peers/10
ipsvd-cdb peers.cdb peers.tmp peers
"""
SCRIPTS = {
    "plain": "exec tcpsvd -l me 0 PORT /opt/probe",
    "tcpsvd-folder": "exec tcpsvd -l me -i peers 0 PORT /opt/probe",
    "tcpsvd-cdb": "exec tcpsvd -l me -x ./peers.cdb 0 PORT /opt/probe a 'b c'",
    "tcpsvd-counts": "exec tcpsvd -l me -c 9 -C 5 -u prober:games 0 PORT /opt/probe",
    "socat-exec": "exec socat TCP4-LISTEN:PORT,fork,reuseaddr EXEC:'/opt/probe a \"b  c\"'",
    "socat-system": "exec socat TCP4-LISTEN:PORT,fork,reuseaddr SYSTEM:'exec /opt/probe \"$SOCAT_SOCKPORT\"'",
    "socat-range": "exec socat TCP4-LISTEN:PORT,fork,reuseaddr,range=10.0.0.0/8 EXEC:/opt/probe,nofork",
    "socat-user": "exec socat TCP4-LISTEN:PORT,fork,reuseaddr EXEC:/opt/probe,su=prober",
    "socat-six": "exec socat TCP6-LISTEN:PORT,fork,reuseaddr,ipv6only=1 EXEC:/opt/probe",
    "socat-bind": "exec socat TCP4-LISTEN:PORT,fork,reuseaddr,bind=192.168.0.1 EXEC:/opt/probe",
    "ncat-exec": "exec ncat -l -k -e '/opt/probe a b\\ c' PORT",
    "ncat-shell": "exec ncat -4lk --sh-exec 'exec /opt/probe \"$NCAT_PROTO\"' PORT",
    "ncat-allow": "exec ncat -l -k -e /opt/probe --allow 10.0.0.0/8,192.168.0.5,fd00:1::/64 --deny 10.1.0.0/16 PORT",
    "ncat-deny": "exec ncat -l -k -e /opt/probe --deny 10.0.0.0/8 -m 50 PORT",
}  # fmt: skip
PORTS = {name: FIRST_PORT + number for number, name in enumerate(SCRIPTS)}
UDP_PORT = FIRST_PORT + 99
SOME, OTHER = "192.168.0.5", "10.1.2.3"
UPPER = (
    "#!/usr/bin/python3\n"
    + """
import socket
sock = socket.socket(fileno=0)
sock.settimeout(1)
data, source = sock.recvfrom(100)
sock.sendto(data.upper(), source)
"""
)
# What the servers of socat are no longer told, and how socat writes an IPv6 address: sockgate-migrating(7) says so.
UNTOLD = re.compile(r"^SOCAT_(PID|PPID|VERSION|PEERPORT)=.*\n|^NCAT_REMOTE_PORT=.*\n", re.MULTILINE)
BESIDE = re.compile(r"^(PROTO|TCP6?(LOCAL|REMOTE)(IP|PORT))=.*\n", re.MULTILINE)
COUNTS = re.compile(r"^TCPCON\w+=.*\n", re.MULTILINE)  # how many clients of an address there are just now
LONG_ADDRESS = re.compile(r"\[([0-9a-f:]+)\]")
LISTENING = "ss -Hlntu | grep -c :22"
Outcome = tuple[oracle.Answers, oracle.Answers, dict[str, list[dict[str, str]]]]


def comparable(answer: str | None, *, is_told: bool) -> str | None:
    """Without what is known to differ. is_told: whether the old program set the variables that the gate sets."""
    if answer is None:
        return None
    answer = COUNTS.sub("", answer if is_told else BESIDE.sub("", answer))
    return LONG_ADDRESS.sub(lambda match: short(match[1]), UNTOLD.sub("", answer))


def short(address: str) -> str:
    return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address))


def ask(machine: Machine) -> oracle.Answers:
    answers = oracle.ask(machine, PORTS.values(), oracle.MIXED_CLIENTS)
    told = {str(port) for name, port in PORTS.items() if not name.startswith(("socat", "ncat"))}
    return {key: comparable(answer, is_told=key.split()[0] in told) for key, answer in answers.items()}


@pytest.fixture(scope="module")
def converted(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    oracle.prepare(machine, tmp_path_factory.mktemp("build"))
    machine.write("/opt/upper", UPPER, 0o755)
    for name, line in (SCRIPTS | {"udpsvd": "exec udpsvd -l me -i peers 0 PORT /opt/upper"}).items():
        text = line.replace("PORT", str(PORTS.get(name, UDP_PORT)))
        machine.write(f"/service/{name}/run", f"#!/bin/sh\n{text}\n", 0o755)
        machine.shell(f"cd /service/{name}\n{PEERS}")
    start_all(machine)
    sockets = machine.shell("ls /service | wc -l").stdout.strip()
    machine.wait_for(lambda: int(machine.shell(LISTENING, check=False).stdout) >= int(sockets), "the old servers")
    before = ask(machine) | datagrams(machine)
    stop_all(machine)
    machine.wait_for(lambda: machine.shell(LISTENING, check=False).stdout.strip() == "0", "the old servers to end")
    report = oracle.convert(machine, "tcpserver", *(f"/service/{name}/run" for name in (*SCRIPTS, "udpsvd")))
    return before, ask(machine) | datagrams(machine), report


def datagrams(machine: Machine) -> oracle.Answers:
    """What two clients of the datagram service get: one that its instructions let in, and one that they refuse."""
    machine.wait_for(lambda: ask_by_datagram(machine, SOME) == "X", "an answer to a datagram")
    return {f"udp {source}": ask_by_datagram(machine, source) for source in (OTHER, SOME)}


def ask_by_datagram(machine: Machine, source: str) -> str | None:
    question = json.dumps([[], {}, [UDP_PORT], [source], oracle.TARGETS])
    answers: oracle.Answers = json.loads(machine.python(oracle.CLIENT, question).stdout)
    return answers[f"{UDP_PORT} {source}"]


def test_every_script_is_converted(converted: Outcome) -> None:
    services = {str(service["name"]) for service in converted[2]["services"]}
    assert services == {*SCRIPTS, "udpsvd"}


def test_clients_get_from_the_converted_services_what_the_scripts_gave(converted: Outcome) -> None:
    before, after, _ = converted
    streams = {key: answer for key, answer in before.items() if not key.startswith("udp")}
    assert len(oracle.admitted(streams)) > len(streams) / 3, "the comparison is worth something"
    names = {str(port): name for name, port in PORTS.items()}
    plain = f"{PORTS['plain']} 10.0.0.1"
    found = [f"{names[line.split()[0]]} {line}" for line in oracle.differences(streams, after, plain)]
    assert not found, "\n".join(found)


def test_no_client_gets_in_that_was_refused(converted: Outcome) -> None:
    before, after, _ = converted
    assert oracle.admitted(after) == oracle.admitted(before)
    for name in ("tcpsvd-folder", "tcpsvd-cdb", "socat-range", "ncat-allow", "ncat-deny"):
        answers = {key: answer for key, answer in before.items() if key.startswith(f"{PORTS[name]} ")}
        assert 0 < len(oracle.admitted(answers)) < len(answers), name


def test_a_datagram_service_refuses_whom_its_instructions_refuse(converted: Outcome) -> None:
    """Whether the other client is answered was awaited, before and after."""
    before, after, _ = converted
    assert before[f"udp {OTHER}"] is after[f"udp {OTHER}"] is None


def test_systemd_has_nothing_to_say_about_the_units(machine: Machine, converted: Outcome) -> None:
    assert converted
    assert oracle.verify(machine) == ""
