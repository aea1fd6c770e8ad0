"""Stopping, draining and leaving when no client comes."""

import contextlib
import os
import signal
import socket
import threading
import time
from pathlib import Path

from sockgate.dispatch.accepting.accepting import listen
from sockgate.dispatch.deciding.reloading_gate import ReloadingGate
from sockgate.dispatch.dispatcher import Dispatcher, Inherited
from sockgate.dispatch.options import parse, read_options
from sockgate.dispatch.poller import Timer
from sockgate.dispatch.records.buffered_log import BufferedLog
from sockgate.dispatch.records.records import Records
from sockgate.dispatch.session_table import SessionTable
from sockgate.dispatch.sessions import Session
from sockgate.dispatch.signals import Signals
from sockgate.dispatch.systemd import Notifier
from tests.core import clients as peers
from tests.dispatch.conftest import Start
from tests.dispatch.gated import SECONDS, Gated, wait_until

ECHO = ["/bin/sh", "-c", "echo in; read -r line; echo $line"]


def enter(one: Gated) -> socket.socket:
    client = one.connect()
    assert client.recv(100) == b"in\n"
    return client


def finish(client: socket.socket) -> None:
    client.sendall(b"bye\n")
    assert client.recv(100) == b"bye\n"
    client.close()


def test_sessions_outlive_it(gated: Start) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        one = gated(*ECHO)
        clients = [enter(one) for _ in range(3)]
        assert one.stop(number) == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        for client in clients:
            finish(client)


def test_every_client_that_was_accepted_is_served(gated: Start) -> None:
    """It stops only between two clients: each is served, or still in the queue, which goes with the last listener."""
    for _ in range(5):
        one = gated("/bin/echo", "hello")
        answers: list[bytes] = []

        def keep_coming(one: Gated = one, answers: list[bytes] = answers) -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    answers.append(one.talk())

        threads = [threading.Thread(target=keep_coming) for _ in range(4)]
        for thread in threads:
            thread.start()
        one.wait_for("ended", 20)
        assert one.stop() == 0
        for thread in threads:
            thread.join()
        assert answers.count(b"hello\n") == len(one.lines("accepted"))
        assert set(answers) <= {b"hello\n", b""}


def test_a_log_that_is_not_read_holds_up_neither_clients_nor_the_end(gated: Start, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    prelude = f'exec "$@" 2<>"{fifo}"'  # opened for both directions: neither is waited for
    listen = f"{address[0]}:{address[1]}"
    one = gated("--log-format", "tcpserver", "/bin/echo", "hello", prelude=prelude, listen=listen)
    wait_until(lambda: connects(address), lambda: "it does not listen")
    for _ in range(800):  # 200 bytes each, into 64 kB
        with socket.create_connection(address, timeout=SECONDS) as client:
            assert client.recv(100) == b"hello\n"
    one.process.terminate()
    assert one.process.wait(60) == 0, "a gate that waits for the reader never ends"


def connects(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address).close()
    except ConnectionRefusedError:
        return False
    return True


def test_draining_waits_for_the_sessions_and_accepts_no_client(gated: Start) -> None:
    one = gated("--drain", "60", *ECHO)
    client = enter(one)
    one.process.send_signal(signal.SIGTERM)
    one.wait_for("draining for at most 60 s")
    late = one.connect()
    late.settimeout(0.2)
    time.sleep(0.1)
    assert one.process.poll() is None
    assert len(one.lines("accepted")) == 1
    finish(client)
    assert one.process.wait(SECONDS) == 0
    assert len(one.lines("ended")) == 1
    late.close()


def test_draining_ends_when_its_time_is_over(gated: Start) -> None:
    one = gated("--drain", "1", *ECHO)
    client = enter(one)
    start = time.monotonic()
    assert one.stop() == 0
    assert time.monotonic() - start > 0.9
    finish(client)


def test_draining_ends_at_the_second_word(gated: Start) -> None:
    one = gated("--drain", "60", *ECHO)
    client = enter(one)
    one.process.send_signal(signal.SIGTERM)
    one.wait_for("draining")
    assert one.stop() == 0
    finish(client)


def test_draining_without_a_session_is_over_at_once(gated: Start) -> None:
    one = gated("--drain", "60", *ECHO)
    one.wait_for("listening")
    assert one.stop() == 0


def test_it_leaves_when_no_client_came_for_so_long(gated: Start) -> None:
    start = time.monotonic()
    one = gated("--idle-exit", "1", *ECHO)
    assert one.process.wait(SECONDS) == 0
    assert time.monotonic() - start > 1


def test_it_stays_as_long_as_a_client_is_there_or_comes(gated: Start) -> None:
    one = gated("--idle-exit", "3", "--deny", "127.0.0.2", *ECHO)
    client = enter(one)
    time.sleep(3.3)
    finish(client)
    start = time.monotonic()
    for _ in range(4):
        time.sleep(0.8)
        start = time.monotonic()
        assert one.talk("127.0.0.2") == b""
    assert one.process.wait(SECONDS) == 0
    assert time.monotonic() - start > 2.9


def test_it_stays_until_the_pause_of_a_rate_is_over(gated: Start) -> None:
    """A new gate would not know of the pause."""
    one = gated("--idle-exit", "1", "--cps", "1/4", "--at-limit", "refuse", "/bin/echo", "hello")
    start = time.monotonic()
    assert [one.talk(), one.talk()] == [b"hello\n", b""]
    assert one.process.wait(SECONDS) == 0
    assert time.monotonic() - start > 3


def test_the_end_of_the_time_without_a_client_does_not_end_a_gate_that_has_just_accepted_one() -> None:
    settings = parse(["--idle-exit", "1", "/bin/true"])
    records = Records(BufferedLog("sockgated", "", b""))
    gate, options = ReloadingGate(settings, {}), read_options(settings)
    listener = listen("127.0.0.1:0")
    one = Dispatcher(Inherited([listener], SessionTable(10)), gate, options, Signals(()), records, Notifier({}))
    signal.set_wakeup_fd(-1)

    def code_when_the_time_is_over() -> int | None:
        one._later_work[Timer.LEAVE_UNUSED]()
        return one._leaving.exit_code

    session = one._sessions.begin(peers.client("192.0.2.1"))
    assert isinstance(session, Session)
    assert code_when_the_time_is_over() is None
    one._sessions.end(session)
    assert code_when_the_time_is_over() == 0
    listener._socket.close()


def test_the_end_is_logged_with_what_was_done(gated: Start) -> None:
    one = gated("--deny", "127.0.0.2", "/bin/true")
    one.talk()
    one.talk("127.0.0.2")
    one.wait_for("ended")
    one.stop()
    assert one.lines("stopped")[0].endswith("stopped: 0 of 40 connections, 1 served, 1 refused")
