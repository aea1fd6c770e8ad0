"""What a server behind sockgated is given: the same as behind sockgate."""

import os
import re
import socket
from pathlib import Path

import pytest

from sockgate.rulefile.compiler import compile_rules
from tests.connection.launch import (
    THREADING_SIGNALS,
    Launcher,
    Outcome,
    Server,
    everything_from,
    internet,
    make_launcher,
)  # fmt: skip
from tests.dispatch.conftest import Start
from tests.dispatch.faults import accept_together, block_signals, injected
from tests.dispatch.gated import EVERY_START

RULES = '127.:allow,RELAYCLIENT="",X="from a rule"\n:deny\n'
# Beside what sockgate says, sockgated tells how many connections of this source there are.
COUNTS = {b"TCPCONNNUM": b"1", b"TCPCONCURRENCY": b"1"}

# Options, and the address that the client comes from; {rules} is the file with RULES.
MATRIX = [
    ([], "127.0.0.1"),
    ([], "::1"),
    (["--allow", "127.0.0.1"], "127.0.0.1"),
    (["--allow", "127.0.0.1"], "127.0.0.2"),
    (["--deny", "127.0.0.0/8", "--allow", "127.0.0.5"], "127.0.0.5"),
    (["--deny", "127.0.0.0/8", "--allow", "127.0.0.5"], "127.0.0.6"),
    (["--deny", "any", "--deny-message", "421 not here"], "127.0.0.1"),
    (["--relay", "127.0.0."], "127.0.0.9"),
    (["--relay", "127.0.0."], "127.1.0.9"),
    (["--rules", "{rules}"], "127.0.0.1"),
    (["--rules", "{rules}"], "::1"),
    (["--only-from", "127.0.0.{{1,3}}", "--no-access", "127.0.0.3"], "127.0.0.1"),
    (["--only-from", "127.0.0.{{1,3}}", "--no-access", "127.0.0.3"], "127.0.0.3"),
    (["--env", "A=b", "--env", "PATH=/bin", "--pass-env", "LANG PLANTED"], "127.0.0.1"),
    (["--rules", "{rules}", "--env", "X=from the options"], "127.0.0.1"),
    (["--argv0", "other", "--stderr", "socket"], "127.0.0.1"),
    (["--rlimit", "nofile=77", "--rlimit", "core=0", "--rlimit", "cpu=1000"], "127.0.0.1"),
    (["--rlimit", "nofile=77:", "--rlimit", "as=9G:", "--rlimit", "data=1G:", "--rlimit", "stack=4M:"], "127.0.0.1"),
    (["--rlimit", "core=0", "--rlimit", "core=0"], "127.0.0.1"),
    (["--rlimit", "nofile=77:", "--argv0", "other", "--stderr", "socket"], "127.0.0.1"),
    (["--banner", "{rules}", "--banner-success", "{rules}"], "127.0.0.1"),
    (["--deny", "any", "--banner", "{rules}", "--banner-fail", "{rules}"], "127.0.0.1"),
]  # fmt: skip


@pytest.fixture
def rules(tmp_path: Path) -> str:
    (tmp_path / "rules").write_text(RULES)
    return str(tmp_path / "rules")


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    return make_launcher(tmp_path)


def same_way(launcher: Launcher, gated: Start, options: list[str], source: str) -> tuple[Outcome, list[Outcome]]:
    """How it ended for a client with sockgate; and with sockgated, when it came first and when it came again."""
    address = "::" if ":" in source else "127.0.0.1"
    words = [*options, *launcher.dumper()]
    alone = launcher.run(internet(address, source), words, prelude=f'{PLANT} exec "$@"')
    listen = "[::]:0" if ":" in source else "127.0.0.1:0"
    one = gated(*map(str, words), prelude=f'{PLANT} exec "$@"', listen=listen)
    resident = []
    for number in (1, 2):
        said = one.talk(source)
        lines = one.wait_for(" accepted | refused ", number)
        if alone.server:
            one.wait_for("ended", number)
        resident.append(Outcome(alone.code, lines[-1], said, launcher._take_dump()))
    return alone, resident


# Variables that only the gate may set for a client, and that must be scrubbed.
PLANT = "export PLANTED=1 RELAYCLIENT=x TCPREMOTEIP=6.6.6.6 TCPREMOTEHOST=evil PROTO=SSL LISTEN_FDS=1;"


@pytest.mark.parametrize(("options", "source"), MATRIX)
def test_verdict_and_server_are_those_of_sockgate(
    launcher: Launcher, gated: Start, rules: str, options: list[str], source: str
) -> None:
    alone, both = same_way(launcher, gated, [option.format(rules=rules) for option in options], source)
    for resident in both:
        assert resident.said == alone.said
        assert (resident.server is None) is (alone.server is None)
        assert verdict(resident.log) == verdict(alone.log)
        if alone.server and resident.server:
            assert given(resident.server) == given(alone.server, COUNTS)


def verdict(log: str) -> str:
    """The line about the verdict, without the program's name and the ports."""
    line = next(line for line in log.splitlines() if " accepted " in line or " refused " in line)
    return re.sub(r":\d+( on |:|$)", r"\1", line.partition(": ")[2])


def given(server: Server, more: dict[bytes, bytes] | None = None) -> dict[str, object]:
    """Everything that a server can see of how it was started, without what differs between any two connections."""
    changing = (b"TCPREMOTEPORT", b"TCPLOCALPORT", b"TCP6REMOTEPORT", b"TCP6LOCALPORT", b"PWD", b"_", b"OLDPWD")
    variables = server.environment | (more or {})
    kinds = {number: target.partition(":")[0] for number, target in server.descriptors.items()}
    return {
        "environment": {name: value for name, value in variables.items() if name not in changing},
        "arguments": server.arguments,
        "descriptors": {number: kind for number, kind in kinds.items() if number != 2},
        "limits": server.limits,
        "cwd": server.cwd,
        "blocks": server.blocks,
        "ignored": int(server.status["SigIgn"], 16) & ~THREADING_SIGNALS,
        "status": [server.status[name] for name in ("SigBlk", "Umask", "Uid", "Gid")],
    }


def test_two_is_the_log_and_with_stderr_socket_the_client(launcher: Launcher, gated: Start) -> None:
    for options, expected in (([], "log"), (["--stderr", "socket"], "socket:")):
        one = gated(*options, *map(str, launcher.dumper()))
        one.talk()
        one.wait_for("ended")
        dump = launcher._take_dump()
        assert dump
        assert sorted(dump.descriptors) == [0, 1, 2]
        assert expected in dump.descriptors[2]
        assert dump.descriptors[0] == dump.descriptors[1]


def test_a_server_has_a_process_group_of_its_own(gated: Start) -> None:
    script = "read -r pid _ _ _ group session _ < /proc/self/stat; echo $(($$ == group)) $session"
    for options in EVERY_START:
        one = gated(*options, "/bin/sh", "-c", script)
        assert one.talk() == f"1 {os.getsid(one.pid)}\n".encode()


def test_a_signal_that_was_ignored_reaches_the_server_as_usual(gated: Start) -> None:
    for options in EVERY_START:
        one = gated(*options, "/bin/grep", "SigIgn", "/proc/self/status", prelude='trap "" PIPE INT USR1; exec "$@"')
        name, ignored = one.talk().split()
        assert (name, int(ignored, 16) & ~THREADING_SIGNALS) == (b"SigIgn:", 0)


def test_a_signal_that_was_blocked_reaches_the_server_as_usual(gated: Start) -> None:
    for options in EVERY_START:
        one = gated(
            *options, "/bin/grep", "SigBlk", "/proc/self/status", code=injected(block_signals)
        )  # a shell would unblock them
        assert one.talk().split() == [b"SigBlk:", b"0" * 16]


def test_a_local_client_is_its_user(gated: Start, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    one = gated("/bin/sh", "-c", "env", listen=path)
    one.wait_for("listening")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        lines = client.makefile("rb").read().splitlines()
    assert f"UNIXREMOTEPID={os.getpid()}".encode() in lines
    assert f"UNIXREMOTEEUID={os.geteuid()}".encode() in lines
    assert b"PROTO=UNIX" in lines


def test_several_sockets_are_served_each_under_its_own_address(gated: Start) -> None:
    one = gated("--listen", "127.0.0.2:0", "--listen", "[::1]:0", "/bin/sh", "-c", 'echo "$PROTO $TCPLOCALIP"')
    for address, expected in zip(one.addresses, (b"TCP 127.0.0.1\n", b"TCP 127.0.0.2\n", b"TCP6 ::1\n"), strict=True):
        host, _, port = address.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=60) as client:
            assert client.makefile("rb").read() == expected


def test_the_counts_that_a_server_is_told_are_those_of_its_source(gated: Start) -> None:
    one = gated("/bin/sh", "-c", 'echo "$TCPCONNNUM $TCPCONCURRENCY"; read -r line')
    clients = [one.connect(source) for source in ("127.0.0.1", "127.0.0.1", "127.0.0.2")]
    assert [client.recv(100) for client in clients] == [b"1 1\n", b"2 2\n", b"1 1\n"]
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("listen", "source"), [("127.0.0.1:0", "127.0.0.1"), ("[::]:0", "127.0.0.1"), ("[::]:0", "::1")]
)
def test_each_server_is_told_the_port_of_its_client(gated: Start, listen: str, source: str) -> None:
    one = gated("/bin/sh", "-c", 'echo "$TCPREMOTEPORT"', listen=listen)
    for _ in range(3):
        with one.connect(source) as client:
            assert everything_from(client) == b"%d\n" % client.getsockname()[1]


def test_a_rule_has_the_last_word_on_what_differs_for_each_client(gated: Start, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text('127.:allow,TCPREMOTEPORT="7",TCPCONNNUM="8"\n:deny\n')
    one = gated("--rules", str(rules), "/bin/sh", "-c", 'echo "$TCPREMOTEPORT $TCPCONNNUM $TCPCONCURRENCY"')
    for number in (1, 2):
        assert one.talk() == b"7 8 1\n"
        one.wait_for("ended", number)


def test_a_client_that_came_before_meets_the_rules_as_they_are_now(gated: Start, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text('127.:allow,X="old"\n:deny\n')
    one = gated("--rules", str(rules), "/bin/sh", "-c", 'echo "$X"')
    assert [one.talk() for _ in range(2)] == [b"old\n"] * 2
    rules.write_text('127.:allow,X="new"\n:deny\n')
    assert [one.talk() for _ in range(2)] == [b"new\n"] * 2
    rules.write_text(":deny\n")
    assert [one.talk() for _ in range(2)] == [b""] * 2


def test_a_client_that_came_before_is_refused_when_the_compiled_rules_are_overwritten(
    gated: Start, tmp_path: Path
) -> None:
    """They are read for each client, and what is read now is not what was opened."""
    rules, cdb = tmp_path / "rules", tmp_path / "rules.cdb"
    rules.write_text(":allow\n")
    compile_rules(str(rules), str(cdb))
    one = gated("--rules", str(cdb), "/bin/echo", "hello")
    assert [one.talk() for _ in range(2)] == [b"hello\n"] * 2
    with open(cdb, "r+b") as file:
        file.truncate(100)
    assert [one.talk() for _ in range(2)] == [b""] * 2
    assert len(one.wait_for(" refused ", 2)) == 2


def test_clients_that_come_together_are_told_apart(gated: Start) -> None:
    """Also in the log: the second is another connection of the first, before its server has been started."""
    one = gated(
        "--log-format", "tcpserver", "--local-name", "here", "/bin/sh", "-c", 'echo "$TCPREMOTEPORT $TCPCONNNUM"',
        code=injected(accept_together),
    )  # fmt: skip
    with one.connect() as first, one.connect() as second:
        ports = [client.getsockname()[1] for client in (first, second)]
        assert everything_from(first) == b"%d 1\n" % ports[0]
        assert everything_from(second) == b"%d 2\n" % ports[1]
    address = one.addresses[0]
    assert [line.partition(" ok ")[2].partition(" ")[2] for line in one.wait_for(" ok ", 2)] == [
        f"here:{address} :127.0.0.1::{port}" for port in ports
    ]


def test_a_server_is_found_on_its_own_path(gated: Start, tmp_path: Path) -> None:
    (tmp_path / "greet").write_text("#!/bin/sh\necho hello\n")
    (tmp_path / "greet").chmod(0o755)
    assert gated("--env", f"PATH={tmp_path}:/bin", "greet").talk() == b"hello\n"
