"""A server that shuts standard error down, which it shares with all others, takes it from none of them for long."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connection.launch import everything_from
from tests.dispatch.conftest import Start
from tests.dispatch.gated import Gated, wait_until

# Does what its client says; a word on standard error that is shut down would end it by SIGPIPE.
SERVER = (
    "/usr/bin/python3", "-IS", "-c",
    "import os, signal, socket, sys\n"
    "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
    "word = sys.stdin.readline().strip()\n"
    "stream = socket.socket(fileno=os.dup(2))\n"
    "stream.shutdown(getattr(socket, word)) if word.startswith('SHUT') else os.write(2, word.encode())\n"
    "print('done ' + word)",
)  # fmt: skip
# Standard error is a stream of the journal, as systemd makes it.
WITH_JOURNAL = """
import os, socket
from sockgate.connection import log, server
server.JOURNAL_STDOUT, log.JOURNAL_SOCKET = {folder!r} + "/stdout", {folder!r} + "/socket"
stream = socket.socket(socket.AF_UNIX)
stream.connect(server.JOURNAL_STDOUT)
stream.shutdown(socket.SHUT_RD)
os.dup2(stream.fileno(), 2)
stream.close()
os.environb[b"JOURNAL_STREAM"] = b"%d:%d" % (os.fstat(2).st_dev, os.fstat(2).st_ino)
"""


class Journal:
    """Where streams of the journal lead."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.records.bind(str(folder / "socket"))
        self.listening = socket.create_server(str(folder / "stdout"), family=socket.AF_UNIX)
        self.listening.settimeout(60)

    def stream(self) -> socket.socket:
        """The next stream that is opened."""
        stream = self.listening.accept()[0]
        stream.settimeout(60)
        return stream


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    with journal.records, journal.listening:
        yield journal


def started(gated: Start, journal: Journal) -> Gated:
    listen = str(journal.folder / "port")
    one = gated("--name", "smtp", *SERVER, listen=listen, code=WITH_JOURNAL.format(folder=str(journal.folder)))
    wait_until(lambda: Path(listen).exists(), lambda: "it does not listen")
    return one


def talk(journal: Journal, word: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        wait_until(lambda: client.connect_ex(str(journal.folder / "port")) == 0, lambda: "no gate")
        client.sendall(f"{word}\n".encode())
        return everything_from(client)


@pytest.mark.parametrize("how", ["SHUT_WR", "SHUT_RDWR"])
def test_what_a_server_has_shut_down_is_open_for_the_next_servers(gated: Start, journal: Journal, how: str) -> None:
    started(gated, journal)
    with journal.stream() as first:
        assert talk(journal, "one") == b"done one\n"
        assert first.recv(100) == b"one"
        assert talk(journal, how) == f"done {how}\n".encode()
        assert first.recv(100) == b"", "for the journal, the stream has ended"
    with journal.stream() as second:
        assert second.recv(100) == b"smtp\n\n6\n0\n0\n0\n0\n"
        assert talk(journal, "two") == b"done two\n"
        assert second.recv(100) == b"two"
        talk(journal, how)
    with journal.stream() as third:
        assert third.recv(100).startswith(b"smtp\n")
        assert talk(journal, "three") == b"done three\n"


def test_a_stream_that_the_journal_has_lost_is_opened_again_when_the_journal_is_back(
    gated: Start, journal: Journal
) -> None:
    one = started(gated, journal)
    first = journal.stream()
    assert talk(journal, "one") == b"done one\n"
    path = journal.folder / "stdout"
    path.rename(path.with_name("away"))
    first.close()
    sleeps = one.sleeps()
    wait_until(lambda: one.sleeps() > sleeps + 1, lambda: "it spins")
    path.with_name("away").rename(path)
    with journal.stream() as second:
        assert second.recv(100).startswith(b"smtp\n")
        assert talk(journal, "two") == b"done two\n"
        assert second.recv(100) == b"two"
