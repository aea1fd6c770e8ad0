"""The log that is not waited for."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sockgate.connection.log import INFO
from sockgate.dispatch.records import buffered_log
from sockgate.dispatch.records.buffered_log import BufferedLog

KIND = "0" * 32


@pytest.fixture
def journald(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A stand-in that reads nothing by itself."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "socket"))
        receiver.setblocking(False)
        monkeypatch.setattr(buffered_log, "JOURNAL_SOCKET", str(tmp_path / "socket"))
        yield receiver


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[BufferedLog]:
    """One whose standard error is the journal."""
    monkeypatch.setattr("sockgate.connection.log.identity", lambda descriptor: (1, 2))
    log = BufferedLog("sockgated", "smtp", b"1:2")
    yield log
    assert log._journal
    log._journal.close()


def record(log: BufferedLog, message: str) -> None:
    log.record(INFO, KIND, message)


def received(journald: socket.socket) -> list[str]:
    """The messages, one of each datagram."""
    messages = []
    try:
        while True:
            messages.append(journald.recv(1 << 17).decode().partition("\n")[0].removeprefix("MESSAGE=smtp: "))
    except BlockingIOError:
        return messages


def test_records_wait_until_they_are_sent(log: BufferedLog, journald: socket.socket) -> None:
    for message in ("one", "two", "three"):
        record(log, message)
    before, waiting = received(journald), log.waiting
    log.send()
    after = received(journald)
    assert (before, waiting, after, log.waiting) == ([], True, ["one", "two", "three"], False)


def test_a_journal_that_does_not_read_is_not_waited_for_and_misses_nothing(
    log: BufferedLog, journald: socket.socket
) -> None:
    for number in range(1000):
        record(log, str(number))
        log.send()
    messages: list[str] = []
    while log.waiting:
        messages += received(journald)
        log.send()
    assert len(messages) > 500
    assert messages + received(journald) == list(map(str, range(1000)))


def test_a_journal_that_has_another_socket_gets_the_next_record_at_once(
    log: BufferedLog, journald: socket.socket, tmp_path: Path
) -> None:  # fmt: skip
    record(log, "one")
    log.send()
    (tmp_path / "socket").unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(tmp_path / "socket"))
        other.setblocking(False)
        journald.shutdown(socket.SHUT_RDWR)
        record(log, "two")
        log.send()
        assert (received(other), log.waiting) == (["two"], False)


def test_a_journal_that_is_being_restarted_gets_its_records_afterwards(
    log: BufferedLog, monkeypatch: pytest.MonkeyPatch, journald: socket.socket, tmp_path: Path
) -> None:
    monkeypatch.setattr(buffered_log, "JOURNAL_SOCKET", str(tmp_path / "not yet"))
    record(log, "one")
    log.send()
    assert log.waiting
    monkeypatch.setattr(buffered_log, "JOURNAL_SOCKET", str(tmp_path / "socket"))
    log.send()
    assert received(journald) == ["one"]


def test_memory_for_a_journal_that_never_reads_is_bounded_and_the_loss_is_told(
    log: BufferedLog, journald: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffered_log, "MOST_WAITING", 10)
    for number in range(15):
        record(log, str(number))
    log.send()
    assert received(journald) == [*map(str, range(10))]
    record(log, "later")
    log.send()
    assert received(journald) == ["5 records were lost: the journal took no more", "later"]
