"""sockgate on a datagram socket: the first sender is checked, then the server reads the datagram itself."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.connection.launch import PLAIN, Launcher

ECHO = ("/bin/sh", "-c", 'dd bs=100 count=1 2>/dev/null | tr a-z A-Z > "$1"; env > "$2"', "sh")


@contextmanager
def bound() -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(("127.0.0.1", 0))
        yield receiver


def send(receiver: socket.socket, source: str, data: bytes) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
        client.bind((source, 0))
        client.sendto(data, receiver.getsockname())


def run(launcher: Launcher, receiver: socket.socket, *options: str) -> tuple[str, str, str]:
    """(what the server read, its environment, the gate's log)."""
    seen, environment = launcher.folder / "seen", launcher.folder / "environment"
    done = subprocess.run(
        [launcher.program, *options, "--", *ECHO, str(seen), str(environment)],
        stdin=receiver.fileno(), stdout=receiver.fileno(), stderr=subprocess.PIPE, env=PLAIN, text=True, timeout=20,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    read = [path.read_text() if path.exists() else "" for path in (seen, environment)]
    return read[0], read[1], done.stderr


def test_the_server_reads_the_datagram_that_was_looked_at(launcher: Launcher) -> None:
    with bound() as receiver:
        send(receiver, "127.0.0.5", b"hello")
        seen, environment, log = run(launcher, receiver, "--allow", "127.0.0.5")
    assert seen == "HELLO"
    assert "accepted a datagram of 127.0.0.5:" in log
    assert "PROTO=UDP" in environment
    assert "TCPREMOTEIP" not in environment, "later datagrams may come from anywhere"


def test_the_record_of_a_sender_has_the_note_that_the_record_of_a_client_has(launcher: Launcher) -> None:
    with bound() as receiver:
        send(receiver, "127.0.0.5", b"hello")
        _, _, log = run(launcher, receiver, "--relay", "127.0.0.5")
    assert log.endswith(": relay (127.0.0.5)\n")


def test_a_refused_datagram_is_thrown_away_and_logged_once(launcher: Launcher) -> None:
    with bound() as receiver, closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
        client.bind(("127.0.0.6", 0))
        for _ in range(3):
            client.sendto(b"no", receiver.getsockname())
        send(receiver, "127.0.0.5", b"yes")
        seen, _, log = run(launcher, receiver, "--allow", "127.0.0.5")
    assert seen == "YES"
    assert log.count("refused a datagram of 127.0.0.6:") == 1


def test_if_every_sender_is_refused_no_server_starts(launcher: Launcher) -> None:
    with bound() as receiver:
        send(receiver, "127.0.0.6", b"no")
        seen, _, log = run(launcher, receiver, "--allow", "127.0.0.5")
        receiver.setblocking(False)
        try:
            left = receiver.recv(10)
        except BlockingIOError:
            left = b""
    assert (seen, left) == ("", b"")
    assert "refused a datagram of 127.0.0.6:" in log


def test_a_flood_of_refused_senders_is_no_flood_of_records(launcher: Launcher) -> None:
    with bound() as receiver:
        for number in range(30):
            send(receiver, f"127.0.1.{number}", b"no")
        _, _, log = run(launcher, receiver, "--allow", "127.0.0.5")
    assert log.count("refused a datagram of 127.0.1.") == 20
    assert "refused 10 more datagrams, without a record for each" in log


@pytest.mark.parametrize("options", [("--proxy-protocol", "127.0.0.0/8"), ("--greet-delay", "5")])
def test_what_needs_a_connection_says_so(launcher: Launcher, options: tuple[str, str]) -> None:
    with bound() as receiver:
        send(receiver, "127.0.0.5", b"hello")
        done = subprocess.run(
            [launcher.program, *options, "--", "/bin/true"],
            stdin=receiver.fileno(), stdout=receiver.fileno(), stderr=subprocess.PIPE, env=PLAIN, text=True, timeout=20,
        )  # fmt: skip
    assert done.returncode == 100
    assert f"{options[0]} needs a connection, and this is a datagram socket" in done.stderr
