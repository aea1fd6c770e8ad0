"""sockgatectl status and top: what systemd and the journal say, counted and shown."""

import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from sockgate.connection.log import FAILED
from sockgate.ctl.check.finding import Finding
from sockgate.ctl.check.table import ERROR, WARNING
from sockgate.ctl.main import run
from sockgate.ctl.status.prometheus import escape, metrics
from sockgate.ctl.status.render import HEADERS, as_object, paragraphs, row
from sockgate.ctl.status.services import ServiceState, read_properties, resident_clients, traffic
from sockgate.ctl.status.tally import Tally
from sockgate.ctl.top import page
from sockgate.host.systemctl import client_of, parse_properties
from sockgate.journal.senders import GateUnit, Senders
from tests.journal.export import write_journal
from tests.journal.records import NOON, SECOND, in_order, refusal, resident, summed, verdict

SHOWN = """\
Listen=0.0.0.0:25 (Stream)
Listen=[fd00:1::5]:25 (Stream)
MaxConnections=200
MaxConnectionsPerSource=20
Result=success
NAccepted=9
NRefused=3
Id=smtp.socket
IPIngressBytes=5424
IPEgressBytes=1015320
ActiveState=active
SubState=listening
UnitFileState=enabled
ActiveEnterTimestamp=@1795348800
"""


SMTP, IMAP = GateUnit("smtp", "smtp", 0), GateUnit("imap", "imap", 0)
SENDERS = Senders({"smtp": SMTP, "imap": IMAP}, frozenset({"apache2"}))


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Tally:
    folder = tmp_path_factory.mktemp("journal")
    before = [verdict(-10), refusal(-9)]
    after = [
        verdict(1), verdict(2), verdict(3, service="imap"), refusal(4), refusal(5, "/etc/rules:12"), refusal(6),
        refusal(7, "--max-per-source 20", remote="2001:db8::1"), verdict(8, FAILED, SOCKGATE_REASON="no rules"),
    ]  # fmt: skip
    write_journal(folder, before + after)
    return Tally(SMTP, SENDERS, NOON, str(folder))


@pytest.fixture
def smtp(tally: Tally) -> ServiceState:
    clients = Counter({"192.0.2.7": 3})
    service = ServiceState("smtp", "smtp.socket", "smtp@.service", "sockgate", SMTP, SENDERS, clients=clients)
    read_properties(service, parse_properties(SHOWN), {})
    tally.update()
    service.tally, service.last = tally, tally.last_refusals()
    return service


def test_clients_are_counted_from_when_the_socket_began_to_listen(tally: Tally) -> None:
    for _ in range(2):  # the second time there is nothing new
        tally.update()
        assert (tally.accepted, tally.failed) == (2, 1)
        assert tally.refused == {"--deny": 2, "/etc/rules:12": 1, "--max-per-source": 1}


def test_a_sum_counts_as_often_as_it_says(tmp_path: Path) -> None:
    one = refusal(1)
    gone = summed(one, 3, 2, 3, SOCKGATE_VERDICT="gone")
    forged = summed(one, 1000, 2, 3, _SYSTEMD_UNIT="user@1000.service", _SYSTEMD_SLICE="user.slice")
    broken = summed(one, 7, 2, 3, SOCKGATE_VERDICT="error")
    wrong = [summed(one, 0, 4, 4, SOCKGATE_COUNT=count) for count in ("0", "-5", "x", "9" * 30)]
    write_journal(tmp_path, in_order(resident(one), summed(one, 99_990, 2, 11), broken, gone, forged, wrong))
    tally = Tally(SMTP, SENDERS, NOON, str(tmp_path))
    tally.update()
    tally.update()
    assert tally.refused == {"--deny": 1 + 99_990 + len(wrong)}
    assert (tally.accepted, tally.failed) == (0, 7)
    assert [refusal.count for refusal in tally.last_refusals()][:2] == [99_990, 1]
    assert "gone" not in {refusal.verdict for refusal in tally.last_refusals()}


def test_the_last_refusals_are_the_newest_first(tally: Tally) -> None:
    assert [(each.start - NOON) // SECOND for each in tally.last_refusals()] == [8, 7, 6, 5, 4]


def test_the_table_has_a_line_for_each_service(smtp: ServiceState) -> None:
    listen = "0.0.0.0:25 [fd00:1::5]:25"
    assert row(smtp) == ("smtp", "sockgate", "listening", listen, "3/200", "2", "4", "1", "3", "-")
    smtp.since, smtp.tally, smtp.state, smtp.result = None, None, "failed", "trigger-limit-hit"
    assert row(smtp)[2:] == ("failed (trigger-limit-hit)", listen, "3/200", "-", "-", "-", "3", "-")


def test_what_the_gate_does_not_record_is_not_shown_as_nothing(smtp: ServiceState) -> None:
    smtp.recorded = frozenset({"ended"})
    assert row(smtp)[4:8] == ("3/200", "-", "-", "1")
    said = dict(paragraphs(smtp))
    assert (said["Accepted"], said["Refused"], said["Failed"]) == ("not recorded (--log)", "not recorded (--log)", "1")
    shown = as_object(smtp)
    assert (shown["accepted"], shown["refused"], shown["failed"], shown["clients"]) == (None, None, 1, 3)
    told = "\n".join(metrics([smtp]))
    assert "sockgate_connections{" in told
    assert "sockgate_accepted_total{" not in told
    assert "sockgate_refused_total{" not in told


def test_one_service_is_described_in_full(smtp: ServiceState) -> None:
    smtp.last = smtp.last[:2]
    assert [label for label, _ in paragraphs(smtp)] == [
        "Engine", "Socket", "Listens", "Clients", "Accepted", "Refused", "Failed", "Dropped", "Traffic", "Refusal",
        "Refusal",
    ]  # fmt: skip
    said = dict(paragraphs(smtp))
    assert said["Engine"] == "sockgate, a gate for each client (smtp@.service)"
    assert said["Clients"] == "3 of 200, at most 20 from one source: 3 from 192.0.2.7"
    assert said["Traffic"] == "5,424 bytes received, 1,015,320 sent"
    assert said["Refused"] == "4 (--deny 2, /etc/rules:12 1, --max-per-source 1)"
    assert said["Refusal"].endswith(" [2001:db8::1]:" + str(smtp.last[1].remote_port) + ": in --max-per-source 20")


def test_what_check_finds_comes_last(smtp: ServiceState) -> None:
    smtp.findings = [Finding(WARNING, "smtp.socket", None, "MaxConnections= is not set", "")]
    assert list(paragraphs(smtp))[-1] == ("Check", "warning: smtp.socket: MaxConnections= is not set")
    assert as_object(smtp)["findings"] == ["warning: smtp.socket: MaxConnections= is not set"]
    assert row(smtp)[-1] == "1 finding: sockgatectl check smtp"
    assert (row(smtp)[2], as_object(smtp)["serves"]) == ("listening", True)


def test_a_socket_whose_service_cannot_serve_is_not_said_to_listen(smtp: ServiceState) -> None:
    smtp.findings = [Finding(ERROR, "smtp@.service", None, "User=none: there is no such user", "")]
    assert (row(smtp)[2], as_object(smtp)["serves"], as_object(smtp)["listening"]) == ("cannot serve", False, True)
    smtp.findings, smtp.error = [], "unknown option '--alow'"
    assert (row(smtp)[2], as_object(smtp)["serves"]) == ("cannot serve", False)


def test_json_says_all_of_it(smtp: ServiceState) -> None:
    shown = as_object(smtp)
    assert {name: shown[name] for name in ("since", "clients", "limit", "accepted", "failed", "trouble")} == {
        "since": "2026-11-22T12:00:00.000000Z", "clients": 3, "limit": 200, "accepted": 2, "failed": 1, "trouble": None,
    }  # fmt: skip
    assert shown["sources"] == {"192.0.2.7": 3}
    refusals = shown["last_refusals"]
    assert isinstance(refusals, list)
    assert (refusals[0]["verdict"], refusals[0]["reason"]) == ("error", "no rules")


def test_metrics_are_in_the_text_format(smtp: ServiceState) -> None:
    lines = list(metrics([smtp]))
    assert [line for line in lines if not line.startswith("#")] == [
        'sockgate_up{service="smtp",engine="sockgate"} 1',
        'sockgate_start_time_seconds{service="smtp"} 1795348800',
        'sockgate_connections{service="smtp"} 3',
        'sockgate_connections_limit{service="smtp"} 200',
        'sockgate_accepted_total{service="smtp"} 2',
        'sockgate_refused_total{service="smtp",rule="--deny"} 2',
        'sockgate_refused_total{service="smtp",rule="--max-per-source"} 1',
        'sockgate_refused_total{service="smtp",rule="/etc/rules:12"} 1',
        'sockgate_failed_total{service="smtp"} 1',
        'sockgate_dropped_total{service="smtp"} 3',
        'sockgate_received_bytes_total{service="smtp"} 5424',
        'sockgate_sent_bytes_total{service="smtp"} 1015320',
        'sockgate_findings{service="smtp"} 0',
    ]
    assert lines[:2] == [
        "# HELP sockgate_up Whether the service listens with a gate that works.", "# TYPE sockgate_up gauge",
    ]  # fmt: skip


@pytest.mark.parametrize("count", ["[no data]", "18446744073709551615", ""])
def test_bytes_that_are_not_counted_are_not_shown(count: str) -> None:
    assert traffic({"IPIngressBytes": count, "IPEgressBytes": count}) is None


def test_a_label_cannot_break_its_line() -> None:
    assert escape('a"b\\c\nd') == 'a\\"b\\\\c\\nd'


@pytest.mark.parametrize(
    ("instance", "client"),
    [
        ("smtp@7-192.0.2.1:25-192.0.2.7:53162.service", "192.0.2.7"),
        ("smtp@7-[fd00::1]:25-[fd00::2]:53162.service", "fd00::2"),
        ("smtp@7-fd00::1:25-fd00::2:53162.service", "fd00::2"),
        ("smtp@7-1234-0.service", "unknown"),
        ("smtp@7.service", "unknown"),
    ],
)
def test_the_name_of_a_connection_s_unit_has_its_client(instance: str, client: str) -> None:
    assert client_of(instance) == client


def test_sessions_of_a_resident_gate_are_known_by_their_environment() -> None:
    group = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip()
    environment = {"TCPREMOTEIP": "192.0.2.99", "TCPREMOTEPORT": "4711"}
    command = ["sh", "-c", "sleep 60 & echo; wait"]  # two processes of one session
    with subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE, process_group=0) as server:
        assert server.stdout is not None
        server.stdout.readline()
        try:
            clients = resident_clients(group.removeprefix("/.."))
        finally:
            os.killpg(server.pid, 9)
    assert clients["192.0.2.99"] == 1
    assert resident_clients("") == {}


def test_top_shows_the_table_and_the_last_refusals(smtp: ServiceState) -> None:
    lines = page([smtp])
    assert lines[0].endswith("  1 service, 3 clients")
    assert lines[2].split() == list(HEADERS)
    assert lines[3].startswith("smtp     sockgate  listening")
    assert [line.split()[-1] for line in lines[6:]] == ["rules", "20", "192.0.2.0/24", "/etc/rules:12", "192.0.2.0/24"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["status", "--json", "--prometheus"], "--json and --prometheus exclude each other"),
        (["top", "--interval", "0"], "--interval: 0 is not from 0.1 to 3600"),
        (["top", "--count", "0"], "--count: 0 is not 1 or more"),
        (["status", "a/b"], "'a/b.socket' is not the name of a unit"),
    ],
)
def test_wrong_usage_is_one_line(words: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert capsys.readouterr().err == f"sockgatectl: {error}\n"


def test_without_the_journal_it_still_says_what_systemd_knows(smtp: ServiceState) -> None:
    smtp.tally, smtp.last, smtp.uncounted = None, [], "unable to read the journal: permission denied"
    assert row(smtp)[4:] == ("3/200", "-", "-", "-", "3", "unable to read the journal: permission denied")
    assert dict(paragraphs(smtp))["Trouble"] == "unable to read the journal: permission denied"
