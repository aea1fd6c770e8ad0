"""Clients that must be asked who they are before anything can be decided: by a child of their own each."""

import os
import re
import resource
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sockgate.core.peer import internet_peer, pack
from sockgate.core.questions import Questions
from sockgate.dispatch.deciding import known_names
from sockgate.dispatch.deciding.known_names import KnownNames
from sockgate.dispatch.servers.child_channel import AskingChild, decode_peer, encode_peer
from sockgate.dispatch.sessions import Session
from tests.connection.launch import everything_from, fill_queue
from tests.core.clients import client, local_user
from tests.dispatch.conftest import Start
from tests.dispatch.faults import (
    accept_together,
    be_impatient,
    fail_to_answer_children,
    fail_to_take_over,
    hear_late_of_starts,
    injected,
    limit_descriptors,
    log_to,
    name_clients_by_process,
)
from tests.dispatch.gated import Gated, wait_until

PROXY = ["--proxy-protocol", "127.0.0.1", "--timeout", "60"]
SHOW = ["/bin/sh", "-c", 'echo "$TCPREMOTEIP $TCPREMOTEPORT $TCPLOCALIP $TCPCONNNUM"; read -r line']


def header(ip: str, port: int = 4711) -> bytes:
    return f"PROXY TCP4 {ip} 198.51.100.1 {port} 25\r\n".encode()


def introduced(one: Gated, ip: str) -> socket.socket:
    client = one.connect()
    client.sendall(header(ip))
    return client


def test_rules_and_variables_follow_the_client_behind_the_proxy(gated: Start) -> None:
    one = gated(*PROXY, "--deny", "192.0.2.66", "--deny-message", "421 no", *SHOW)
    with introduced(one, "192.0.2.1") as good, introduced(one, "192.0.2.66") as bad:
        assert good.recv(100) == b"192.0.2.1 4711 198.51.100.1 1\n"
        assert bad.recv(100) == b"421 no\r\n"
    assert "accepted 192.0.2.1:4711 on 198.51.100.1:25 via 127.0.0.1:" in one.wait_for("accepted")[0]
    assert "refused 192.0.2.66:4711 on 198.51.100.1:25 via" in one.wait_for("refused")[0]
    assert "ended 192.0.2.1:4711 on 198.51.100.1:25 via" in one.wait_for("ended")[0]
    one.stop()
    assert len(one.lines("ended")) == 1
    assert "1 served, 1 refused" in one.lines("stopped")[0]


def test_a_client_that_is_no_proxy_is_refused_at_once_and_takes_no_place(gated: Start) -> None:
    one = gated(*PROXY, "--max-connections", "1", "--at-limit", "refuse", "--deny-message", "421 no", *SHOW)
    with one.connect() as proxy:
        wait_until(one.children, one.log)  # it takes the only place
        assert one.talk("127.0.0.2", header("192.0.2.1")) == b"421 no\r\n"
        assert len(one.children()) == 1
        proxy.sendall(header("192.0.2.1"))
        assert proxy.recv(100).startswith(b"192.0.2.1 ")
    assert one.wait_for("refused 127.0.0.2")[0].endswith(": not a trusted proxy (--proxy-protocol 127.0.0.1)")


def test_limits_count_the_client_not_the_proxy(gated: Start) -> None:
    one = gated(*PROXY, "--max-per-source", "2", "--deny-message", "421 enough", *SHOW)
    mine = [introduced(one, "192.0.2.1") for _ in range(2)]
    assert sorted(each.recv(100)[-2:] for each in mine) == [b"1\n", b"2\n"]
    with introduced(one, "192.0.2.1") as third, introduced(one, "192.0.2.2") as other:
        assert third.recv(100) == b"421 enough\r\n"
        assert other.recv(100) == b"192.0.2.2 4711 198.51.100.1 1\n"
    assert "already 2 connections from this source" in one.wait_for("refused 192.0.2.1")[0]
    mine.pop().close()
    one.wait_for("ended 192.0.2.1")
    with introduced(one, "192.0.2.1") as again:
        assert again.recv(100) == b"192.0.2.1 4711 198.51.100.1 2\n"
    mine.pop().close()


def told_to(one: Gated, *said: bytes) -> list[bytes]:
    """What clients receive who have said this before the gate has a look: it stands still meanwhile."""
    one.wait_for("listening on")
    one.process.send_signal(signal.SIGSTOP)
    clients = []
    for text in said:
        clients.append(one.connect())
        clients[-1].sendall(text)
    one.process.send_signal(signal.SIGCONT)
    return [end_of(client) for client in clients]


def end_of(client: socket.socket) -> bytes:
    with client:
        return everything_from(client)


def test_a_header_that_comes_with_the_connection_takes_no_process_to_read(gated: Start, tmp_path: Path) -> None:
    (tmp_path / "banner").write_text("hello\n")
    # It is there until the last of them has come: who has left does not count.
    answers = ["/bin/sh", "-c", 'echo "$TCPREMOTEIP $TCPCONNNUM"; read -r line; echo "got $line"; sleep 2']
    options = ["--deny", "192.0.2.66", "--max-per-source", "2", "--deny-message", "421 no"]
    one = gated(*PROXY, *options, "--banner", str(tmp_path / "banner"), *answers)
    said = [header("192.0.2.1") + b"EHLO a\r\n"] * 3 + [header("192.0.2.66"), b"EHLO b\r\n", header("127.0.0.1")]
    assert told_to(one, *said) == [
        b"hello\n192.0.2.1 1\ngot EHLO a\r\n",
        b"hello\n192.0.2.1 2\ngot EHLO a\r\n",
        b"hello\n421 no\r\n",
        b"hello\n421 no\r\n",
        b"421 no\r\n",
        b"421 no\r\n",
    ]
    one.wait_for("ended", 2)
    refused = [line.partition("refused ")[2] for line in one.wait_for("refused", 4)]
    assert re.sub(r"127.0.0.1:\d+", "PROXY", "\n".join(refused)).splitlines() == [
        "192.0.2.1:4711 on 198.51.100.1:25 via PROXY: already 2 connections from this source (--max-per-source)",
        "192.0.2.66:4711 on 198.51.100.1:25 via PROXY: in --deny 192.0.2.66",
        "PROXY on PROXY: malformed PROXY header: it starts with neither 'PROXY' nor the signature of version 2",
        "PROXY on PROXY: the PROXY header claims the local address 127.0.0.1",
    ]


def test_the_health_check_of_a_proxy_is_a_client_of_its_own(gated: Start) -> None:
    one = gated(*PROXY, "--allow", "192.0.2.1", "--deny-message", "421 no", *SHOW)
    assert told_to(one, b"PROXY UNKNOWN\r\n") == [b"421 no\r\n"]


def test_silent_clients_hold_no_client_up(gated: Start) -> None:
    one = gated("--proxy-protocol", "127.0.0.1", "--timeout", "60", "--max-connections", "200", *SHOW)
    with introduced(one, "192.0.2.1") as client:
        client.recv(100)
    start = time.monotonic()
    with introduced(one, "192.0.2.1") as client:
        client.recv(100)
    alone = time.monotonic() - start
    silent = [one.connect() for _ in range(100)]
    wait_until(lambda: len(one.children()) >= 100, lambda: str(len(one.children())))
    start = time.monotonic()
    with introduced(one, "192.0.2.1") as client:
        assert client.recv(100).startswith(b"192.0.2.1 ")
    assert time.monotonic() - start < alone + 50, "a silent client is waited for 60 s"
    for client in silent:
        client.close()
    wait_until(lambda: not one.children(), lambda: str(one.children()))


def test_a_child_needs_no_descriptor_to_let_go_of_the_others(gated: Start) -> None:
    one = gated(*PROXY, *SHOW, code=injected(limit_descriptors, 30))
    silent = [one.connect() for _ in range(30)]
    one.wait_for("Too many open files")
    for each in silent:
        each.close()
    one.wait_for("refused")
    with introduced(one, "192.0.2.1") as client:
        assert client.recv(100).startswith(b"192.0.2.1 ")
    one.wait_for("ended")
    wait_until(lambda: not one.children(), one.log)
    one.stop()
    assert one.lines("internal error") == []
    assert "1 served, 30 refused" in one.lines("stopped")[0]


def test_a_refused_client_is_no_end_of_a_server_however_soon_its_child_has_ended(gated: Start) -> None:
    code = injected(hear_late_of_starts, 0.5)
    one = gated(*PROXY, "--deny-message", "421 no", *SHOW, code=code)
    with one.connect() as client:
        wait_until(one.children, one.log)
        client.sendall(b"EHLO client\r\n")
        assert everything_from(client) == b"421 no\r\n"
    one.wait_for("refused")
    time.sleep(0.6)  # until it is known that the child was started
    one.stop()
    assert one.lines("ended") == []
    assert "0 of 40 connections, 0 served, 1 refused" in one.lines("stopped")[0]


def test_a_silent_client_is_given_up_in_time(gated: Start) -> None:
    one = gated("--proxy-protocol", "127.0.0.1", "--timeout", "2", "--max-connections", "1", *SHOW)
    with one.connect() as client:
        assert client.recv(100) == b""
    with introduced(one, "192.0.2.1") as client:
        assert client.recv(100).startswith(b"192.0.2.1 ")


def test_a_client_that_is_still_silent_when_the_gate_stops_is_served_nevertheless(gated: Start) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        one = gated(*PROXY, "--max-per-source", "1", *SHOW)
        with one.connect() as client:
            wait_until(one.children, one.log)
            time.sleep(0.1)
            one.stop(number)
            client.sendall(header("192.0.2.1"))
            assert client.recv(100) == b"192.0.2.1 4711 198.51.100.1 0\n"


def test_a_silent_client_keeps_no_port_open(gated: Start) -> None:
    one = gated(*PROXY, *SHOW)
    with one.connect():
        wait_until(one.children, one.log)
        wait_until(lambda: not listens(one.children()[0]), one.log)
        one.stop()
        with pytest.raises(ConnectionRefusedError):
            one.connect()


def listens(pid: int) -> bool:
    """Whether this process has a listening socket."""
    links = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it has been closed just now
            links.append(os.readlink(path))
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(f"socket:[{fields[9]}]" in links for fields in sockets if fields[3] == "0A")


def test_a_silent_client_keeps_no_other_connection_open(gated: Start) -> None:
    # Both are accepted before its child is started, which so has a copy of the other's.
    one = gated(*PROXY, "/bin/echo", "hello", code=injected(accept_together))
    with one.connect(), introduced(one, "192.0.2.1") as client:
        assert everything_from(client) == b"hello\n"


def test_no_descriptor_is_kept_for_a_client_that_is_served(gated: Start) -> None:
    one = gated(*PROXY, "--max-connections", "50", *SHOW)
    introduced(one, "192.0.2.1").close()
    one.wait_for("ended")
    before = one.descriptors()
    clients = [introduced(one, f"192.0.2.{number}") for number in range(30)]
    for each in clients:
        each.recv(100)
    wait_until(lambda: one.descriptors() <= before, lambda: f"{one.descriptors()} descriptors, not {before}")
    for each in clients:
        each.close()


def test_a_child_that_dies_before_it_is_a_server_is_no_longer_counted(gated: Start) -> None:
    one = gated(*PROXY, "--max-connections", "1", *SHOW)
    with one.connect() as client:
        wait_until(one.children, one.log)
        for child in one.children():
            Path(f"/proc/{child}").stat()
            signal.pidfd_send_signal(descriptor_of(child), signal.SIGKILL)
        assert client.recv(100) == b""
    with introduced(one, "192.0.2.1") as other:
        assert other.recv(100).startswith(b"192.0.2.1 ")


def descriptor_of(pid: int) -> int:
    return os.pidfd_open(pid)


@pytest.mark.parametrize("ip", ["192.0.2.1", "2001:db8::1"])
def test_addresses_arrive_as_they_were_sent(ip: str) -> None:
    peer = internet_peer(pack(ip), 4711, pack(ip), 25)
    peer.via = "10.0.0.1:33"
    copy = decode_peer(encode_peer(peer))
    assert copy is not None
    for name in ("protocol", "remote", "remote_ip", "remote_port", "local", "local_ip", "local_port", "via"):
        assert getattr(copy, name) == getattr(peer, name)


def test_of_a_local_client_and_of_one_without_a_proxy_everything_is_known() -> None:
    assert decode_peer(encode_peer(local_user())) is None
    copy = decode_peer(encode_peer(client("192.0.2.1")))
    assert copy is not None
    assert copy.via is None


def test_a_child_that_has_died_is_no_fault() -> None:
    """Whether it is answered, or read from: a death with unread words resets the connection."""
    for unread in (b"", b"an answer"):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        child = AskingChild(Session(client("192.0.2.1")), KnownNames(), ours)
        if unread:
            ours.send(unread)
        theirs.close()
        assert child.read() == b""
        child.answer("1")
        child.close()


def test_a_client_that_was_waited_for_is_served_also_if_its_child_has_no_descriptor_left(gated: Start) -> None:
    one = gated(*PROXY, "/bin/echo", "served")
    with one.connect() as client:
        wait_until(one.children, one.log)
        (child,) = one.children()
        used = 1 + max(int(name) for name in os.listdir(f"/proc/{child}/fd"))
        resource.prlimit(child, resource.RLIMIT_NOFILE, (used, used))
        client.sendall(header("192.0.2.1"))
        assert everything_from(client) == b"served\n"


def test_a_child_whose_answer_cannot_be_sent_waits_for_none(gated: Start) -> None:
    code = injected(fail_to_answer_children)
    one = gated(*PROXY, "--max-per-source", "1", *SHOW, code=code)
    with one.connect() as first, one.connect() as second:
        wait_until(lambda: len(one.children()) == 2, one.log)
        first.sendall(header("192.0.2.1"))
        assert first.recv(100).startswith(b"192.0.2.1 ")
        second.sendall(header("192.0.2.1"))
        assert everything_from(second) == b"", "it is one too many"
    wait_until(lambda: not one.children(), one.log)


def test_a_child_without_memory_refuses_its_client_and_says_what_is_missing(gated: Start) -> None:
    one = gated(*PROXY, "/bin/cat", code=injected(fail_to_take_over))
    assert one.talk(say=header("192.0.2.1")[:5]) == b""
    (line,) = one.wait_for("unable to start a server")
    assert line.endswith("unable to start a server: Cannot allocate memory")


NAME = ["--hostname", "/bin/sh", "-c", 'echo "$TCPREMOTEHOST"']


def test_the_record_of_a_client_that_was_waited_for_waits_for_a_journal_that_is_busy(
    gated: Start, tmp_path: Path
) -> None:
    path = str(tmp_path / "journal")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(path)
        journald.settimeout(60)
        patient = injected(be_impatient, "records.buffered_log", FLUSH_SECONDS=20.0)
        one = gated(*PROXY, "/bin/echo", "hello", code=injected(log_to, path) + patient)
        host, _, port = message_of(journald, "listening on ").rpartition(" on ")[2].rpartition(":")
        fill_queue(path)
        with socket.create_connection((host, int(port)), timeout=60) as client:
            wait_until(one.children, one.log)
            client.sendall(header("192.0.2.1"))
            time.sleep(0.3)  # in which the server would have begun, and its record be lost
            assert "192.0.2.1:4711" in message_of(journald, "accepted ")
            assert everything_from(client) == b"hello\n"


def message_of(journald: socket.socket, what: str) -> str:
    """The message of the next record that has this in it."""
    while True:
        lines = journald.recv(1 << 17).decode().splitlines()
        for message in (line for line in lines if line.startswith("MESSAGE=") and what in line):
            return message


def test_a_client_that_comes_again_is_not_looked_up_again(gated: Start) -> None:
    one = gated(*NAME, code=injected(name_clients_by_process))
    first = one.talk("127.0.0.1")
    assert re.fullmatch(rb"p[0-9]+\.x1\.example\n", first)
    assert [one.talk("127.0.0.1") for _ in range(3)] == [first] * 3
    assert one.talk("127.0.0.2") != first
    assert "accepted 127.0.0.1" in one.wait_for("accepted 127.0.0.1")[0]


def test_a_name_does_not_answer_what_else_is_asked(gated: Start) -> None:
    one = gated("--ident", *NAME, code=injected(name_clients_by_process))
    assert len({one.talk("127.0.0.1") for _ in range(3)}) == 3


def test_a_client_with_a_known_name_is_decided_about_by_that_name(gated: Start, tmp_path: Path) -> None:
    (tmp_path / "rules").write_text('=p:deny\n=.example:allow,WHO="known"\n:deny\n')
    one = gated("--rules", f"{tmp_path}/rules", "--hostname", "/bin/sh", "-c", 'echo "$WHO"',
                code=injected(name_clients_by_process))  # fmt: skip
    assert [one.talk("127.0.0.1") for _ in range(3)] == [b"known\n"] * 3
    one.stop()
    assert "3 served, 0 refused" in one.lines("stopped")[0]


def test_a_name_is_known_for_a_minute_and_the_oldest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(known_names, "monotonic", lambda: now[0])
    names = KnownNames()

    def ask(address: str) -> str | None:
        questions = Questions(client(address))
        questions.hostname = True
        return questions.peer.host or "" if names.answer(questions) else None

    names.keep(pack("192.0.2.1"), "one.example")
    names.keep(pack("192.0.2.2"), "")
    assert [ask(f"192.0.2.{number}") for number in (1, 2, 3)] == ["one.example", "", None]
    now[0] = 60.1
    assert ask("192.0.2.1") is None
    for number in range(known_names.MOST + 1):
        names.keep(number.to_bytes(4, "big"), "x")
    assert ask("0.0.0.0") is None  # the oldest
    assert ask("0.0.0.1") == "x"
