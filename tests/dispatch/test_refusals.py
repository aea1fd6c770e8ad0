"""Clients that are slow to read what they are told."""

import signal
import socket
import time
from pathlib import Path

import pytest

from sockgate.core import DENY, Verdict
from sockgate.dispatch.accepting import refusals
from sockgate.dispatch.accepting.refusals import Refusals, SlowReader
from sockgate.dispatch.guardian import SERVED, Guardian
from sockgate.dispatch.options import Limits
from sockgate.dispatch.poller import Poller, Timers
from sockgate.dispatch.records.buffered_log import BufferedLog
from sockgate.dispatch.records.log_formats import make_records
from sockgate.dispatch.session_table import SessionTable
from sockgate.dispatch.sessions import Sessions
from tests.connection.launch import everything_from
from tests.core.clients import local_user
from tests.dispatch.conftest import Start
from tests.dispatch.faults import be_impatient, injected

LONG = b"421 " + b"x" * 60_000 + b"\r\n"


@pytest.fixture
def banner(tmp_path: Path) -> str:
    (tmp_path / "banner").write_bytes(LONG)
    return str(tmp_path / "banner")


def pair() -> tuple[socket.socket, socket.socket]:
    """A client, and the gate's end of a connection that takes 4 kB at a time."""
    client, connection = socket.socketpair()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    client.settimeout(60)
    return client, connection


class Gate:
    """What there is of a gate for those that it refuses."""

    def __init__(self) -> None:
        self._poller, self._timers = Poller(), Timers()
        records = make_records("journal", BufferedLog("sockgated", "smtp", b""))
        self.guardian = Guardian()
        self.refusals = Refusals(
            self._poller, self._timers, Sessions(Limits(), SessionTable(10)), records, self.guardian
        )

    def run(self, seconds: float = 0.0) -> None:
        """Everything that can be done now, and in so long a time."""
        end = time.monotonic() + seconds
        source, is_over = None, False
        while source or not is_over:
            is_over = time.monotonic() >= end
            source = self._poller.wait(time.monotonic() + 0.01)
            if isinstance(source, SlowReader):
                self.refusals.go_on(source)
            if self._timers.take_due():
                self.refusals.give_up_late()


def test_a_client_that_reads_slowly_gets_all_of_it() -> None:
    gate = Gate()
    client, connection = pair()
    gate.refusals.send(connection, LONG)
    received = b""
    while len(received) < len(LONG):
        gate.run()
        received += client.recv(1 << 17)
    gate.run()
    assert received == LONG
    assert client.recv(1) == b""
    assert connection.fileno() == -1
    client.close()


def test_a_client_that_never_reads_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "SECONDS", 0.05)
    gate = Gate()
    clients = []
    for _ in range(2):
        clients.append(pair())
        gate.refusals.send(clients[-1][1], LONG)
        time.sleep(0.02)  # each has its own time
    assert [connection.fileno() == -1 for _, connection in clients] == [False, False]
    gate.run(0.15)
    assert [connection.fileno() for _, connection in clients] == [-1, -1]
    for client, _ in clients:
        client.close()


def test_of_too_many_slow_clients_the_first_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "MOST", 2)
    gate = Gate()
    pairs = [pair() for _ in range(4)]
    for _, connection in pairs:
        gate.refusals.send(connection, LONG)
    assert [connection.fileno() == -1 for _, connection in pairs] == [True, True, False, False]
    for ends in pairs:
        for end in ends:
            end.close()


def test_the_guardian_does_not_serve_a_client_that_is_still_reading_why_it_is_refused() -> None:
    gate = Gate()
    client, connection = pair()
    gate.guardian.keep(connection)
    gate.refusals.refuse(connection, local_user(), Verdict(DENY), LONG)
    assert gate.guardian._marks[connection.fileno()] == SERVED
    client.close()
    gate.run()


def test_a_client_that_leaves_meanwhile_is_forgotten() -> None:
    gate = Gate()
    client, connection = pair()
    gate.refusals.send(connection, LONG)
    client.close()
    gate.run()
    assert connection.fileno() == -1


def test_silent_readers_hold_no_client_up(gated: Start, banner: str) -> None:
    patient = injected(be_impatient, "accepting.refusals", SECONDS=60.0)
    one = gated("--deny", "127.0.0.2", "--banner-fail", banner, "/bin/echo", "hello", code=patient)
    slow = []
    for _ in range(20):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.bind(("127.0.0.2", 0))
        host, _, port = one.addresses[0].rpartition(":")
        client.connect((host, int(port)))
        slow.append(client)
    start = time.monotonic()
    assert one.talk() == b"hello\n"
    assert time.monotonic() - start < 50, "a slow reader is given 60 s"
    slow[0].settimeout(60)
    assert everything_from(slow[0]) == LONG
    for client in slow:
        client.close()


def test_a_long_banner_before_the_server_reaches_a_slow_reader_whole(gated: Start, banner: str) -> None:
    one = gated("--banner-success", banner, "/bin/echo", "hello")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        host, _, port = one.addresses[0].rpartition(":")
        client.connect((host, int(port)))
        client.settimeout(60)
        time.sleep(0.1)
        assert everything_from(client) == LONG + b"hello\n"


def test_a_refused_client_that_has_said_something_still_hears_why(gated: Start) -> None:
    one = gated("--deny", "any", "--deny-message", "554 no", "/bin/true")
    for _ in range(50):
        assert one.talk(say=b"EHLO\r\n" * 100) == b"554 no\r\n"


def test_a_client_that_has_spoken_reads_its_message_also_where_its_server_is_missing(gated: Start) -> None:
    one = gated("--deny-message", "421 no", "/no/such/server")
    one.wait_for("listening")
    one.process.send_signal(signal.SIGSTOP)  # so that the words of the client are there first
    with one.connect() as client:
        client.sendall(b"hello\r\n")
        one.process.send_signal(signal.SIGCONT)
        assert [client.recv(100), client.recv(100)] == [b"421 no\r\n", b""], "else the kernel resets the connection"
