"""What is logged, in each of the formats."""

import os
import signal

import pytest

from sockgate.connection import Gate
from sockgate.connection.log import ACCEPTED, ENDED, journal_record, peer_fields
from sockgate.core import ALLOW, DENY, Cause, ServerMissing, Verdict
from sockgate.core.options import parse
from sockgate.dispatch.deciding.decision import Decision, RecordText
from sockgate.dispatch.records import records
from sockgate.dispatch.records.buffered_log import BufferedLog
from sockgate.dispatch.records.log_formats import make_records
from sockgate.dispatch.records.records import JournalRecords, Records
from sockgate.dispatch.sessions import Session
from sockgate.dispatch.usage import Usage
from tests.core.clients import client, local_user

FAILED_WITH_3, KILLED = 3 << 8, int(signal.SIGKILL)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was written to standard error."""
    written: list[str] = []
    monkeypatch.setattr(BufferedLog, "write_line", lambda _, text: written.append(text))
    return written


@pytest.fixture
def session() -> Session:
    session = Session(client("192.0.2.1"))
    session.pid, session.number = 4242, 1
    session.seconds = 12.5
    return session


def make(log_format: str) -> Records:
    return make_records(log_format, BufferedLog("sockgated", "smtp", b""))


def decided(session: Session, verdict: Verdict, *options: str) -> Decision:
    """By a gate with these options."""
    return Decision(Gate(parse([*options, "/usr/bin/server"])), {}, session.peer, verdict)


def everything(records: Records, session: Session) -> None:
    verdict = Verdict(ALLOW, Cause(file="rules", line=3), "rules:3: 192.0.2.:allow")
    records.accepted(session, decided(session, verdict, "--relay", "192.0.2.0/24"))
    records.counted(1, 40)
    records.ended(session, FAILED_WITH_3)
    records.ended(session, KILLED)
    records.refused(
        session.peer, Verdict(DENY, Cause("--max-per-source", "4"), "already 4 connections from this source")
    )
    records.failed(session.peer, ServerMissing("unable to run '/bin/no': No such file or directory"))


def test_without_a_journal_each_event_is_a_line_of_ours(lines: list[str], session: Session) -> None:
    everything(make("journal"), session)
    ends = "192.0.2.1:4711 on 127.0.0.1:25"
    assert lines == [
        f"sockgated: smtp: accepted {ends}: relay (192.0.2.0/24)",
        f"sockgated: smtp: ended {ends} after 12.500 s: status 3",
        f"sockgated: smtp: ended {ends} after 12.500 s: signal 9",
        f"sockgated: smtp: refused {ends}: already 4 connections from this source",
        f"sockgated: smtp: refused {ends}: unable to run '/bin/no': No such file or directory",
    ]


def test_the_format_of_xinetd(lines: list[str], session: Session) -> None:
    everything(make("xinetd"), session)
    assert lines[:-1] == [
        "START: smtp pid=4242 from=192.0.2.1",
        "EXIT: smtp status=3 pid=4242 duration=12(sec)",
        "EXIT: smtp signal=9 pid=4242 duration=12(sec)",
        "FAIL: smtp per_source_limit from=192.0.2.1",
        "FAIL: smtp fork from=192.0.2.1",
    ]
    assert "unable to run" in lines[-1]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("--max-connections 40", "service_limit"),
        ("--max-per-network 4", "per_source_limit"),
        ("--rate 10/5", "connections per second"),
        ("--access-times 8:00-18:00", "time"),
        ("--max-load 5", "load"),
        ("--deny 192.0.2.0/24", "address"),
        ("/etc/rules:7", "address"),
    ],
)
def test_the_reasons_of_xinetd(lines: list[str], session: Session, rule: str, reason: str) -> None:
    make("xinetd").refused(session.peer, Verdict(DENY, Cause(*rule.split(" "))))
    assert lines == [f"FAIL: smtp {reason} from=192.0.2.1"]


def test_xinetd_has_no_address_for_a_local_client(lines: list[str]) -> None:
    make("xinetd").refused(local_user(), Verdict(DENY))
    assert lines == ["FAIL: smtp address from=<no address>"]


def test_the_format_of_tcpserver(lines: list[str], session: Session) -> None:
    session.peer.host, session.peer.info = "mail.example.org", "joe"
    everything(make("tcpserver"), session)
    ends = ":127.0.0.1:25 mail.example.org:192.0.2.1:joe:4711"
    assert lines[:-1] == [
        "tcpserver: pid 4242 from 192.0.2.1",
        f"tcpserver: ok 4242 {ends}",
        "tcpserver: status: 1/40",
        "tcpserver: end 4242 status 768",
        "tcpserver: end 4242 status 9",
        f"tcpserver: deny {os.getpid()} {ends}",
    ]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The fields of each record for the journal."""
    found: list[dict[str, str]] = []

    def add(_: BufferedLog, record: bytes) -> None:
        assert record.endswith(b"\n")
        found.append(dict(line.split("=", 1) for line in record.decode().splitlines()))
        assert len(found[-1]) == record.count(b"\n")

    monkeypatch.setattr(BufferedLog, "add", add)
    return found


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch, sent: list[dict[str, str]]) -> JournalRecords:
    monkeypatch.setattr(BufferedLog, "is_journal", True)
    made = make("journal")
    assert isinstance(made, JournalRecords)
    return made


def test_the_records_of_the_journal(
    journal: JournalRecords, sent: list[dict[str, str]], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "monotonic", lambda: session.since)
    verdict = Verdict(ALLOW, Cause(file="rules", line=3), "rules:3: 192.0.2.:allow")
    journal.accepted(session, decided(session, verdict, "--relay", "192.0.2.0/24"))
    assert journal.write_starts(8) == pytest.approx(records.BRIEF_SECONDS)  # later
    assert journal.write_starts() is None
    journal.ended(session, FAILED_WITH_3)
    journal.ended(session, KILLED)
    common = {
        "PRIORITY": "6", "SYSLOG_IDENTIFIER": "sockgated", "SOCKGATE_SERVICE": "smtp", "SOCKGATE_PID": "4242",
        "SOCKGATE_PROTO": "TCP", "SOCKGATE_REMOTE_ADDR": "192.0.2.1", "SOCKGATE_REMOTE_PORT": "4711",
        "SOCKGATE_LOCAL_ADDR": "127.0.0.1", "SOCKGATE_LOCAL_PORT": "25",
    }  # fmt: skip
    ends = "192.0.2.1:4711 on 127.0.0.1:25"
    ended = {"MESSAGE_ID": ENDED, "SOCKGATE_DURATION": "12.500"}
    assert sent == [
        common | {
            "MESSAGE": f"smtp: accepted {ends}: relay (192.0.2.0/24)", "MESSAGE_ID": ACCEPTED,
            "SOCKGATE_VERDICT": "allow", "SOCKGATE_REASON": "rules:3: 192.0.2.:allow", "SOCKGATE_RULE": "rules:3",
        },
        common | ended | {"MESSAGE": f"smtp: ended {ends} after 12.500 s: status 3", "SOCKGATE_STATUS": "3"},
        common | ended | {"MESSAGE": f"smtp: ended {ends} after 12.500 s: signal 9", "SOCKGATE_SIGNAL": "SIGKILL"},
    ]  # fmt: skip


CPU = ", 0.013 s of CPU time", {"SOCKGATE_CPU_USEC": "12500"}
MEMORY = f"{CPU[0]}, 3.1 MB of memory", {**CPU[1], "SOCKGATE_MEMORY_PEAK": "3300000"}


@pytest.mark.parametrize(("usage", "shown"), [(Usage(12_500), CPU), (Usage(12_500, 3_300_000), MEMORY)])
def test_the_record_of_an_end_says_what_the_session_has_used(
    journal: JournalRecords, sent: list[dict[str, str]], session: Session, usage: Usage,
    shown: tuple[str, dict[str, str]],
) -> None:  # fmt: skip
    session.usage = usage
    journal.ended(session, FAILED_WITH_3)
    [record] = sent
    text, fields = shown
    assert record["MESSAGE"] == f"smtp: ended 192.0.2.1:4711 on 127.0.0.1:25 after 12.500 s: status 3{text}"
    assert {name: record[name] for name in record if "CPU" in name or "MEMORY" in name} == fields


def test_a_session_that_is_over_at_once_has_one_record(
    journal: JournalRecords, sent: list[dict[str, str]], session: Session
) -> None:
    journal.accepted(session, decided(session, Verdict(ALLOW, Cause(file="rules", line=3)), "--relay", "any"))
    journal.ended(session, FAILED_WITH_3)
    assert journal.write_starts() is None
    [record] = sent
    assert record["MESSAGE_ID"] == ACCEPTED
    assert record["MESSAGE"] == (
        "smtp: accepted 192.0.2.1:4711 on 127.0.0.1:25: relay (any); ended after 12.500 s: status 3"
    )  # fmt: skip
    assert record["SOCKGATE_VERDICT"] == "allow"
    assert (record["SOCKGATE_STATUS"], record["SOCKGATE_DURATION"]) == ("3", "12.500")


def test_a_start_is_written_when_the_session_has_lasted(
    journal: JournalRecords, sent: list[dict[str, str]], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [session.since]
    monkeypatch.setattr(records, "monotonic", lambda: now[0])
    journal.accepted(session, decided(session, Verdict(ALLOW)))
    assert journal.write_starts(8) == pytest.approx(records.BRIEF_SECONDS)
    assert sent == []
    now[0] += records.BRIEF_SECONDS
    assert journal.write_starts(8) is None
    assert [record["MESSAGE_ID"] for record in sent] == [ACCEPTED]
    journal.ended(session, 0)
    assert [record["MESSAGE_ID"] for record in sent] == [ACCEPTED, ENDED]


def test_starts_are_written_in_portions(
    journal: JournalRecords, sent: list[dict[str, str]], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "monotonic", lambda: session.since + 2 * records.BRIEF_SECONDS)
    for _ in range(5):
        another = Session(session.peer)
        another.since = session.since
        journal.accepted(another, decided(another, Verdict(ALLOW)))
    left = [journal.write_starts(2), len(sent), journal.write_starts(2), len(sent), journal.write_starts(2), len(sent)]
    assert left == [pytest.approx(-records.BRIEF_SECONDS), 2, pytest.approx(-records.BRIEF_SECONDS), 4, None, 5]


def test_a_child_does_not_write_what_is_its_parents_to_write(
    journal: JournalRecords, sent: list[dict[str, str]], session: Session
) -> None:
    journal.accepted(session, decided(session, Verdict(ALLOW)))
    journal.forget()
    assert journal.write_starts() is None
    assert sent == []


def test_a_start_has_the_fields_that_sockgate_logs_and_the_process(
    journal: JournalRecords, sent: list[dict[str, str]], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = Verdict(ALLOW, Cause("--allow", "any"), "in --allow any")
    journal.accepted(session, decided(session, verdict))
    journal.write_starts()
    monkeypatch.setattr(BufferedLog, "_journal", True)
    BufferedLog.verdict(journal._log, session.peer, verdict, allowed=True)
    ours, theirs = sent
    assert ours.pop("SOCKGATE_PID") == "4242"
    assert ours == theirs


def test_nothing_that_came_over_the_network_can_split_or_forge_a_record(
    journal: JournalRecords, sent: list[dict[str, str]], session: Session
) -> None:
    session.peer.via = "10.0.0.1:99\nPRIORITY=0"
    verdict = Verdict(ALLOW, Cause("rules:1\nMESSAGE=x"), "\x1b[31m\udcff")
    journal.accepted(session, decided(session, verdict))
    journal.write_starts()
    journal.ended(session, 0)
    assert [record["PRIORITY"] for record in sent] == ["6", "6"]
    assert sent[0]["SOCKGATE_RULE"] == "rules:1?MESSAGE=x"
    assert "via 10.0.0.1:99?PRIORITY=0" in sent[0]["MESSAGE"]


def test_the_fields_of_the_peer_are_those_of_sockgate(session: Session) -> None:
    record = journal_record("", "", 6, "", "x", tuple(peer_fields(session.peer))).decode()
    known = RecordText(session.peer)
    ours = known.fields + known.port(session.peer)[1]
    assert set(ours.splitlines()) == {line for line in record.splitlines() if line.startswith("SOCKGATE_")}


@pytest.mark.parametrize(("number", "name"), [(signal.SIGSEGV, "SIGSEGV"), (40, "40")])
def test_a_real_time_signal_has_its_number_for_a_name(number: int, name: str) -> None:
    assert records.described(int(number)) == (f"signal {int(number)}", f"SOCKGATE_SIGNAL={name}\n")
