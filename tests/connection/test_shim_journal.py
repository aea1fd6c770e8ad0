"""Records of a real sockgate whose standard error is the journal, as systemd arranges it."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connection.launch import PLAIN, Launcher, add_to_launcher, internet


class Journal:
    """Standard error for a service, and the socket that takes its records."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._records = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._records.bind(self.path)
        self._records.setblocking(False)
        self.stderr, self._stream = socket.socketpair()
        self._stream.setblocking(False)
        status = os.fstat(self.stderr.fileno())
        self.environment = PLAIN | {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}

    def record(self) -> dict[str, str]:
        lines = self._records.recv(65536).decode("ascii").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def text(self) -> bytes:
        """What was written to standard error."""
        try:
            return self._stream.recv(65536)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        for end in (self._records, self.stderr, self._stream):
            end.close()


@pytest.fixture
def journal(tmp_path: Path, launcher: Launcher) -> Iterator[Journal]:
    result = Journal(tmp_path / "journal")
    add_to_launcher(launcher, f"import sockgate.connection.log as log; log.JOURNAL_SOCKET = {result.path!r}")
    yield result
    result.close()


def test_a_decision_is_one_record_and_no_line(launcher: Launcher, journal: Journal) -> None:
    words = ["--name", "smtp", "--relay", "127.0.0.1", "/bin/sh", "-c", "echo from the server >&2"]
    launcher.run(internet(), words, journal.environment, stderr=journal.stderr)
    record = journal.record()
    assert record["MESSAGE"].startswith("smtp: accepted 127.0.0.1:")
    assert record["MESSAGE"].endswith(": relay (127.0.0.1)")
    assert (record["SOCKGATE_VERDICT"], record["SOCKGATE_REMOTE_ADDR"], record["PRIORITY"]) == (
        "allow",
        "127.0.0.1",
        "6",
    )
    assert journal.text() == b"from the server\n"


def test_a_failed_exec_is_still_recorded_and_not_told_to_the_client(launcher: Launcher, journal: Journal) -> None:
    words = ["--name", "smtp", "--stderr", "socket", "/missing/server"]
    outcome = launcher.run(internet(), words, journal.environment, stderr=journal.stderr)
    assert (outcome.code, outcome.said, journal.text()) == (127, b"", b"")
    assert journal.record()["SOCKGATE_VERDICT"] == "allow"
    failure = journal.record()
    assert failure["MESSAGE"].endswith(": unable to run '/missing/server': No such file or directory")
    assert (failure["SOCKGATE_VERDICT"], failure["SOCKGATE_STATUS"]) == ("error", "127")


def test_a_client_that_has_gone_is_a_record_for_debugging(launcher: Launcher, journal: Journal) -> None:
    near, far = internet()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    far.close()
    outcome = launcher.run((near, socket.socket()), ["/bin/echo"], journal.environment, stderr=journal.stderr)
    assert (outcome.code, journal.text()) == (0, b"")
    record = journal.record()
    assert (record["PRIORITY"], record["SOCKGATE_VERDICT"], record["SOCKGATE_SERVICE"]) == ("7", "gone", "echo")


def test_a_stream_that_was_another_processs_is_not_the_journal(launcher: Launcher, journal: Journal) -> None:
    environment = PLAIN | {"JOURNAL_STREAM": "8:4711"}
    launcher.run(internet(), ["--name", "smtp", "/bin/true"], environment, stderr=journal.stderr)
    assert journal.text().startswith(b"sockgate: smtp: accepted 127.0.0.1:")


def test_a_record_says_which_run_of_the_unit_it_is_from(launcher: Launcher, journal: Journal) -> None:
    """journald itself finds that out only while the sender lives, and a fast server does not live long."""
    environment = journal.environment | {"INVOCATION_ID": "5" * 32}
    launcher.run(internet(), ["--name", "smtp", "/missing/server"], environment, stderr=journal.stderr)
    assert journal.record()["INVOCATION_ID"] == "5" * 32
    failure = journal.record()
    assert failure["INVOCATION_ID"] == "5" * 32
    assert failure["SOCKGATE_REASON"] == "unable to run '/missing/server': No such file or directory"
