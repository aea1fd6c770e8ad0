"""Log records: what they say, where they go, and that nothing foreign can forge one."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sockgate.connection import log as log_module
from sockgate.connection.log import INFO, NOTICE, Log, clean, identity
from sockgate.core import ALLOW, DENY, Cause, Verdict
from sockgate.core.peer import Peer, internet_peer, pack
from tests.connection.launch import fill_queue

# A Log is never closed: it lives as long as its process.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

HOSTILE = "a\nPRIORITY=0\x1b[2J\0<0>\x7f\x9b\xff\udcff é\u202e"


def client(address: str = "192.0.2.7") -> Peer:
    return internet_peer(pack(address), 4711, pack("192.0.2.1"), 25)


def stderr_of(capfd: pytest.CaptureFixture[str]) -> str:
    return capfd.readouterr().err


def test_every_record_about_a_client_behind_a_proxy_names_the_proxy(capfd: pytest.CaptureFixture[str]) -> None:
    log, peer = Log("sockgate", "smtp", b""), client()
    peer.via = "10.0.0.9:999"
    log.verdict(peer, Verdict(ALLOW), allowed=True)
    log.verdict(peer, Verdict(DENY, Cause("--deny", "any"), "in --deny any"), allowed=False)
    log.failure("no such rule", peer, 100)
    assert stderr_of(capfd).splitlines() == [
        "sockgate: smtp: accepted 192.0.2.7:4711 on 192.0.2.1:25 via 10.0.0.9:999",
        "sockgate: smtp: refused 192.0.2.7:4711 on 192.0.2.1:25 via 10.0.0.9:999: in --deny any",
        "sockgate: smtp: refused 192.0.2.7:4711 on 192.0.2.1:25 via 10.0.0.9:999: no such rule",
    ]


def test_one_line_per_decision_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    log = Log("sockgate", "smtp", b"")
    allowed, denied = (
        Verdict(ALLOW, Cause("--allow any"), "in --allow any"),
        Verdict(DENY, Cause("r"), "not in --allow ::1"),
    )
    unix = Peer("UNIX")
    unix.credentials, unix.local_path = (1, 1000, 1000), "/run/s"
    log.verdict(client(), allowed, allowed=True)
    log.verdict(client(), allowed, allowed=True, note="relay (any)")
    log.verdict(client("fd00::1"), denied, allowed=False)
    log.verdict(unix, denied, allowed=False)
    log.failure("no server given")
    log.failure("no such rule", client(), 100)
    log.gone()  # nothing that an administrator would act on
    assert stderr_of(capfd).splitlines() == [
        "sockgate: smtp: accepted 192.0.2.7:4711 on 192.0.2.1:25",
        "sockgate: smtp: accepted 192.0.2.7:4711 on 192.0.2.1:25: relay (any)",
        "sockgate: smtp: refused [fd00::1]:4711 on 192.0.2.1:25: not in --allow ::1",
        "sockgate: smtp: refused uid 1000 on /run/s: not in --allow ::1",
        "sockgate: smtp: no server given",
        "sockgate: smtp: refused 192.0.2.7:4711 on 192.0.2.1:25: no such rule",
    ]


def test_without_a_service_the_program_speaks_for_itself(capfd: pytest.CaptureFixture[str]) -> None:
    Log("sockgate", "", b"").failure("unknown option '--x'")
    assert stderr_of(capfd) == "sockgate: unknown option '--x'\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ~ text", "plain ~ text"),
        ("", ""),
        ("a\nb\rc\td\0e\x1bf\x7fg", "a?b?c?d?e?f?g"),
        ("é\udcff\u202e\u2028\x85", "?????"),
        ("x" * 1000, "x" * 1000),
        ("x" * 1001, "x" * 1000 + "..."),
        ("\n" * 65536, "?" * 1000 + "..."),
    ],
)
def test_foreign_text_is_printable_ascii_and_short(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_no_text_makes_a_second_line_or_begins_one(capfd: pytest.CaptureFixture[str]) -> None:
    for text in (HOSTILE, "\n<0>forged", "<0>", "\x1b]0;title\a", "x" * 65536):
        Log("sockgate", text, b"").verdict(client(), Verdict(DENY, Cause(text), text), allowed=False)
        Log("sockgate", text, b"").failure(text, client())
        for line in stderr_of(capfd).splitlines():
            assert line.startswith("sockgate: ")
            assert len(line) <= len("sockgate: ") + 1003
            assert line.isascii()
            assert line.isprintable()


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A journal, and a standard error that goes to it."""
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(tmp_path / "journal"))
    receiver.setblocking(False)
    stream, _other = socket.socketpair()
    monkeypatch.setattr(log_module, "JOURNAL_SOCKET", str(tmp_path / "journal"))
    monkeypatch.setattr(log_module, "STDERR", stream.fileno())
    with receiver, stream, _other:
        yield receiver


def journal_log(service: str = "smtp") -> Log:
    stream = identity(log_module.STDERR)
    assert stream is not None
    return Log("sockgate", service, b"%d:%d" % stream)


def received(journal: socket.socket) -> list[tuple[str, str]]:
    """The fields of the next record, in order; a name may come twice."""
    text = journal.recv(1 << 20).decode("ascii")
    assert text.endswith("\n")
    return [(name, value) for name, _, value in (line.partition("=") for line in text.splitlines())]


def test_the_journal_gets_a_record_with_fields(journal: socket.socket) -> None:
    verdict = Verdict(DENY, Cause(file="/etc/rules", line=7), "denied by /etc/rules:7")
    journal_log().verdict(client(), verdict, allowed=False)
    assert received(journal) == [
        ("MESSAGE", "smtp: refused 192.0.2.7:4711 on 192.0.2.1:25: denied by /etc/rules:7"),
        ("PRIORITY", str(NOTICE)),
        ("MESSAGE_ID", log_module.REFUSED),
        ("SYSLOG_IDENTIFIER", "sockgate"),
        ("SOCKGATE_SERVICE", "smtp"),
        ("SOCKGATE_VERDICT", "deny"),
        ("SOCKGATE_REASON", "denied by /etc/rules:7"),
        ("SOCKGATE_RULE", "/etc/rules:7"),
        ("SOCKGATE_PROTO", "TCP"),
        ("SOCKGATE_REMOTE_ADDR", "192.0.2.7"),
        ("SOCKGATE_REMOTE_PORT", "4711"),
        ("SOCKGATE_LOCAL_ADDR", "192.0.2.1"),
        ("SOCKGATE_LOCAL_PORT", "25"),
    ]


def test_each_kind_of_record_has_its_priority_and_its_id(journal: socket.socket) -> None:
    log = journal_log()
    log.verdict(client(), Verdict(ALLOW), allowed=True)
    log.failure("broken", client(), 111)
    log.gone()
    seen = [dict(received(journal)) for _ in range(3)]
    assert [fields["PRIORITY"] for fields in seen] == [str(INFO), "3", "7"]
    assert [fields["SOCKGATE_VERDICT"] for fields in seen] == ["allow", "error", "gone"]
    ids = [log_module.ACCEPTED, log_module.FAILED, log_module.GONE]
    assert [fields["MESSAGE_ID"] for fields in seen] == ids
    assert seen[1]["SOCKGATE_STATUS"] == "111"
    assert len({*ids, log_module.REFUSED}) == 4
    assert all(len(bytes.fromhex(one)) == 16 for one in ids)
    assert "SOCKGATE_RULE" not in seen[0]  # nothing to say, so no field


def test_no_text_adds_a_field_or_changes_one(journal: socket.socket) -> None:
    journal_log(HOSTILE).verdict(client(), Verdict(DENY, Cause(HOSTILE), HOSTILE), allowed=False)
    fields = received(journal)
    names = [name for name, _ in fields]
    assert len(names) == len(set(names)) == 13
    seen = dict(fields)
    assert seen["PRIORITY"] == str(NOTICE)
    assert seen["SOCKGATE_SERVICE"] == seen["SOCKGATE_RULE"] == seen["SOCKGATE_REASON"] == clean(HOSTILE)
    with pytest.raises(BlockingIOError):
        journal.recv(1)


def test_a_record_with_the_longest_values_fits_a_datagram(journal: socket.socket) -> None:
    long = "x" * 65536
    journal_log(long).verdict(client(), Verdict(DENY, Cause(long), long), allowed=False, note=long)
    assert dict(received(journal))["SOCKGATE_RULE"] == "x" * 1000 + "..."


def test_without_the_journal_the_record_goes_to_standard_error(
    journal: socket.socket, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = journal_log()
    os.unlink(log_module.JOURNAL_SOCKET)
    monkeypatch.setattr(log_module, "STDERR", 2)
    log.failure("broken")
    log.flush()
    assert stderr_of(capfd) == "sockgate: smtp: broken\n"


def test_a_journal_that_does_not_read_delays_no_client(
    journal: socket.socket, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "JOURNAL_TIMEOUT", 20_000)
    log = journal_log()
    fill_queue(log_module.JOURNAL_SOCKET)
    monkeypatch.setattr(log_module, "STDERR", 2)
    start = time.monotonic()
    log.failure("broken")
    log.flush()
    assert 0.01 < time.monotonic() - start < 30
    assert stderr_of(capfd) == "sockgate: smtp: broken\n"


def test_standard_error_that_is_the_client_is_never_written_to(
    journal: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = socket.socketpair()
    monkeypatch.setattr(log_module, "STDERR", near.fileno())
    log = Log("sockgate", "smtp", b"", connection=near.fileno())
    log.failure("to the journal")
    assert dict(received(journal))["MESSAGE"] == "smtp: to the journal"
    os.unlink(log_module.JOURNAL_SOCKET)
    log.failure("to nobody")
    far.setblocking(False)
    with near, far, pytest.raises(BlockingIOError):
        far.recv(1)


def test_standard_error_may_be_closed_or_full(monkeypatch: pytest.MonkeyPatch) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    monkeypatch.setattr(log_module, "STDERR", writes)
    Log("sockgate", "smtp", b"").failure("nobody reads")
    os.close(writes)
    Log("sockgate", "smtp", b"").failure("nobody is there")
    Log("sockgate", "smtp", b"", connection=writes).failure("nobody is there")


def test_only_a_socket_has_an_identity() -> None:
    near, far = socket.socketpair()
    status = os.fstat(near.fileno())
    assert identity(near.fileno()) == (status.st_dev, status.st_ino)
    assert identity(os.open("/dev/null", os.O_RDONLY)) is None
    descriptor = near.fileno()
    near.close()
    far.close()
    assert identity(descriptor) is None
