"""Foreign bytes in all that a gate logs: one record each, of the same priority, with nothing in it that they chose.

On a real journald, since it is that which splits, forges and judges what it is sent.
"""

import json
import time

import pytest

from sockgate.connection.log import FAILED, REFUSED
from tests.system.machine import Machine
from tests.system.services import install_server, listen

pytestmark = pytest.mark.oldest_and_newest("journald takes a record as it did in 252")

HOSTILE = {
    "newline": b"a\nMESSAGE=forged\nPRIORITY=0", "return": b"a\rb", "nul": b"a\0b", "escape": b"\x1b[2Ja",
    "level": b"<0>a", "not UTF-8": b"\xff\xfe\xc3(", "bidi": "\u202ea".encode(), "long": b"x" * 65536,
    "field": b"\nSOCKGATE_VERDICT=forged\n", "length": b"\nMESSAGE\n\5\0\0\0\0\0\0\0wrong\n\n",
    "shell": b"() { :;}; echo forged", "format": b"%s%n%p$(id)`id`",
}  # fmt: skip
# Everything that a record is made of, each filled with the hostile text in turn: what a rule says, what a look-up
# found, a server's name, a path. Both gates write their records themselves.
WRITE = """
import json, os, sys
sys.path[:0] = ["/usr/lib/sockgate"]
from sockgate.core import ALLOW, DENY, Cause, ConfigError, Verdict
from sockgate.connection import Gate
from sockgate.connection.log import Log
from sockgate.core.options import parse
from sockgate.core.peer import Peer, internet_peer
from sockgate.dispatch.deciding.decision import Decision
from sockgate.dispatch.records.buffered_log import BufferedLog
from sockgate.dispatch.records.records import JournalRecords
from sockgate.dispatch.sessions import Session

def peer(**changed):
    made = internet_peer(bytes((192, 0, 2, 7)), 4711, bytes((192, 0, 2, 1)), 25)
    for name, value in changed.items():
        setattr(made, name, value)
    return made

gate = Gate(parse(["/usr/bin/server"]))
stream = os.environb[b"JOURNAL_STREAM"]
for text in json.load(open("/root/hostile")):
    text = bytes.fromhex(text).decode("utf-8", "surrogateescape")
    log, named = Log("sockgate", "plain", stream), Log("sockgate", text, stream)
    for changed in ({}, {"host": text}, {"info": text}, {"via": text}, {"local_ip": text}, {"protocol": text}):
        log.verdict(peer(**changed), Verdict(DENY, Cause(text), text), allowed=False)
    log.verdict(peer(), Verdict(ALLOW, Cause(text), text), allowed=True, note=text)
    log.failure(text, peer(), 111)
    named.failure("plain")
    log.flush()
    for service in ("plain", text):
        resident = BufferedLog("sockgated", service, stream)
        records = JournalRecords(resident)
        session = Session(peer(host=text, info=text))
        decision = Decision(gate, {}, session.peer, Verdict(ALLOW, Cause(text), text))
        decision.note = text
        records.accepted(session, decision)
        records.write_starts()
        records.ended(session, 9)
        records.accepted(session, decision)
        records.ended(session, 9)
        records.refused(peer(host=text), Verdict(DENY, Cause(text), text))
        records.failed(peer(), ConfigError(text, text))
        records.event(3, "5c1d8a2f0f7d4e0f9a3c6b7e21d40a07", text)
        records.send()
        records.flush()
"""
BROKEN = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a07"
PRIORITIES = [5] * 6 + [6, 3, 3] + [6, 6, 6, 5, 3, 3] * 2


def assert_harmless(record: dict[str, str]) -> None:
    for field, value in record.items():
        if field.startswith(("MESSAGE", "SOCKGATE_", "PRIORITY", "SYSLOG_")):
            assert value.isascii(), (field, value)
            assert value.isprintable(), (field, value)
            assert len(value) <= 2100, field
    assert not record["MESSAGE"].startswith(("forged", "wrong"))
    assert record.get("SOCKGATE_VERDICT") != "forged"


def test_every_part_of_a_record_is_cleaned(machine: Machine) -> None:
    machine.write("/root/write.py", WRITE)
    machine.write("/root/hostile", json.dumps([text.hex() for text in HOSTILE.values()]))
    command = ("systemd-run", "--quiet", "--wait", "--unit=hostile", "-p", "StandardError=journal")
    machine.run(*command, "/usr/bin/python3", "/root/write.py")
    records = machine.journal("_SYSTEMD_UNIT=hostile.service", count=len(PRIORITIES * len(HOSTILE)))
    assert [int(record["PRIORITY"]) for record in records] == PRIORITIES * len(HOSTILE)
    for record in records:
        assert_harmless(record)


SOCKET = "[Socket]\nListenStream=127.0.0.1:{}\nAccept={}\nTriggerLimitIntervalSec=0\n"
COMMON = "StandardError=journal\nSyslogLevelPrefix=no\n"
RESIDENT = "Type=notify\nKillMode=process\n[Unit]\nStartLimitIntervalSec=0\n"
# Port, Accept=, what the service is called behind its name, and what it has beside COMMON.
GATES = {
    "sockgate": (7201, "yes", "@.service", "StandardInput=socket\n"),
    "sockgated": (7202, "no", ".service", RESIDENT),
}


def serve(machine: Machine, engine: str, arguments: str) -> int:
    """A service that runs this gate with these arguments; the port that it listens on."""
    port, accept, kind, more = GATES[engine]
    name = f"hostile-{engine}"
    machine.systemctl("stop", f"{name}.socket", f"{name}.service", check=False)
    machine.write(f"/etc/systemd/system/{name}.socket", SOCKET.format(port, accept))
    text = f"[Service]\nExecStart=/usr/sbin/{engine} {arguments}\n{COMMON}{more}"
    machine.write(f"/etc/systemd/system/{name}{kind}", text)
    machine.systemctl("daemon-reload")
    machine.systemctl("start", f"{name}.socket")
    return port


def logged(machine: Machine, since: float, *messages: str, least: int = 1) -> list[dict[str, str]]:
    """The records of the clients that came since then. sockgated writes them a moment after the client has left."""
    kinds = [f"MESSAGE_ID={message}" for message in messages or (REFUSED, FAILED)]
    return machine.journal(f"--since=@{since:.6f}", *kinds, count=least)


SEND = """
import json, socket, sys
port, headers = int(sys.argv[1]), json.load(open("/root/headers"))
for number, header in enumerate(headers, 1):  # each from a source of its own: sockgated sums those of one source
    with socket.create_connection(("127.0.0.1", port), source_address=(f"127.0.0.{number}", 0)) as client:
        client.settimeout(20)
        try:
            client.sendall(b"PROXY TCP4 " + bytes.fromhex(header) + b" 192.0.2.1 4711 25\\r\\n")
            while client.recv(1000):
                pass
        except OSError:
            pass
"""


@pytest.mark.parametrize("engine", GATES)
def test_a_proxy_header_makes_one_record(machine: Machine, engine: str) -> None:
    port = serve(machine, engine, "--name proxied --proxy-protocol 127.0.0.0/8 -- /bin/true")
    machine.write("/root/headers", json.dumps([text.hex() for text in HOSTILE.values()]))
    begin = time.time()
    machine.python(SEND, str(port))
    records = logged(machine, begin, least=len(HOSTILE))
    assert [record["PRIORITY"] for record in records] == ["5"] * len(HOSTILE)
    for record in records:
        assert_harmless(record)


@pytest.mark.parametrize("engine", GATES)
def test_rules_that_are_no_rules_make_one_record_for_each_client(machine: Machine, engine: str) -> None:
    """The refusal quotes the line that is wrong."""
    machine.write("/root/rules", ":allow\n")
    port = serve(machine, engine, "--name ruled --rules /root/rules -- /bin/true")
    listen(machine, port)
    for name, text in HOSTILE.items():
        rule = text.replace(b"\n", b" ") + b"\n:allow\n"
        machine.path("/root/rules").write_bytes(rule)
        begin = time.time()
        listen(machine, port)
        # sockgated keeps to the rules from before, and says so once.
        records = logged(machine, begin, REFUSED, FAILED, BROKEN)
        assert [record["PRIORITY"] for record in records] == ["3"], name
        assert_harmless(records[0])
        assert "/root/rules" in records[0]["MESSAGE"]


@pytest.mark.parametrize("engine", GATES)
def test_a_server_by_a_strange_name_makes_one_record(machine: Machine, engine: str) -> None:
    """Without --name the service is called after its server."""
    install_server(machine, "greet")
    for name in ("newline", "return", "escape", "level", "not UTF-8", "field", "shell"):
        escaped = "".join(f"\\x{byte:02x}" for byte in HOSTILE[name].replace(b"%", b"").replace(b"$", b""))
        port = serve(machine, engine, f'--deny localhost -- "/usr/local/bin/{escaped}"')
        begin = time.time()
        listen(machine, port)
        records = logged(machine, begin)
        assert [record["PRIORITY"] for record in records] == ["5"], name
        assert_harmless(records[0])
