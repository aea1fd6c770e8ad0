"""The log that is not waited for."""

import contextlib
import fcntl
import os
import socket
import threading
import time
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
    assert (before, waiting, after, log.waiting) == ([], 3, ["one", "two", "three"], 0)


def test_a_child_sends_no_record_that_waits_in_its_parent(journald: socket.socket, log: BufferedLog) -> None:
    record(log, "of the gate")
    child = os.fork()
    if not child:
        try:
            log.forget()
            record(log, "of the child")
            log.send()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    log.send()
    assert received(journald) == ["of the child", "of the gate"]


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
        assert (received(other), log.waiting) == (["two"], 0)


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
    assert received(journald) == [*map(str, range(10)), "5 records were lost: the journal took no more"]
    record(log, "later")
    log.send()
    assert received(journald) == ["later"]
    assert not log.waiting


Pair = tuple[int, int]


@pytest.fixture(params=["socket", "pipe"])
def stalled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """Both ends of a standard error that takes some kB and has no reader yet."""
    if request.param == "socket":
        near, far = socket.socketpair()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ends = near.detach(), far.detach()
    else:
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        ends = writer, reader
    monkeypatch.setattr(buffered_log, "STDERR", ends[0])
    yield ends
    os.close(ends[1])


def everything_in(descriptor: int) -> bytes:
    """What can be read now."""
    os.set_blocking(descriptor, False)
    text = b""
    with contextlib.suppress(BlockingIOError):
        while part := os.read(descriptor, 1 << 16):
            text += part
    return text


def test_a_reader_of_standard_error_that_stalls_is_not_waited_for_and_misses_nothing(stalled: Pair) -> None:
    log = BufferedLog("sockgated", "smtp", b"")
    written = [f"line {number} {'x' * 100}" for number in range(500)]
    for line in written:
        log.write_line(line)
    read, waited = b"", log.waiting
    while log.waiting:
        read += everything_in(stalled[1])
        log.send()
    assert waited
    assert (read + everything_in(stalled[1])).decode().splitlines() == written
    assert os.get_blocking(stalled[0])  # servers have it as well


def test_memory_for_standard_error_that_is_never_read_is_bounded_and_the_loss_is_told(
    stalled: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffered_log, "MOST_WAITING", 10)
    log = BufferedLog("sockgated", "smtp", b"")
    count = 0
    while len(log._lines.records) < 10:
        log.write_line(f"line {count} {'x' * 100}")
        count += 1
    for _ in range(7):
        log.write_line("lost")
    read = everything_in(stalled[1])
    log.send()
    log.write_line("later")
    while log.waiting:
        read += everything_in(stalled[1])
        log.send()
    lines = (read + everything_in(stalled[1])).decode().splitlines()
    assert len(lines) == count + 2
    assert lines[-2:] == ["sockgated: smtp: 7 lines were lost: standard error took no more", "later"]


def test_the_end_waits_a_moment_for_a_reader_and_not_for_ever(stalled: Pair) -> None:
    log = BufferedLog("sockgated", "smtp", b"")
    for number in range(500):
        log.write_line(f"line {number} {'x' * 100}")
    start = time.monotonic()
    log.flush()
    assert 0.4 < time.monotonic() - start < 30


def test_standard_error_of_another_user_is_asked_before_each_line(
    stalled: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be opened anew."""

    def fail(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr("sockgate.dispatch.descriptors.os.open", fail)
    log = BufferedLog("sockgated", "smtp", b"")
    for number in range(500):
        log.write_line(f"line {number} {'x' * 100}")
    assert log.waiting


@pytest.mark.parametrize("of_another_user", [False, True])
def test_a_line_that_is_longer_than_the_room_for_it_is_not_waited_for_and_comes_once(
    stalled: Pair, monkeypatch: pytest.MonkeyPatch, of_another_user: bool
) -> None:
    def fail(*_: object) -> int:
        raise PermissionError

    line, read = b"".join(b"%6d " % number for number in range(20_000)), bytearray()
    written, waited = threading.Event(), []

    def read_late() -> None:
        waited.append(not written.wait(30))
        while len(read) <= len(line):
            read.extend(os.read(stalled[1], 1 << 16))

    if of_another_user:
        monkeypatch.setattr("sockgate.dispatch.descriptors.os.open", fail)
    log = BufferedLog("sockgated", "smtp", b"")
    reader = threading.Thread(target=read_late)
    reader.start()
    log.write_line(line.decode())
    written.set()
    while reader.is_alive():
        log.send()
    assert (waited, log.waiting) == ([False], False)
    assert bytes(read) + everything_in(stalled[1]) == line + b"\n"


def test_standard_error_without_a_reader_costs_nothing(stalled: Pair) -> None:
    log = BufferedLog("sockgated", "smtp", b"")
    os.dup2(os.open("/dev/null", os.O_RDONLY), stalled[1])
    log.write_line("line")
    assert not log.waiting
