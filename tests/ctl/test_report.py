"""sockgatectl report: the figures, the text, and a page that needs nothing from elsewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sockgate.connection.log import FAILED
from sockgate.ctl.main import run
from sockgate.ctl.report import summarize
from sockgate.ctl.report.page import as_page
from sockgate.ctl.report.summary import ServiceFigures, Summary, network_of
from sockgate.ctl.report.text import as_text, sparkline
from sockgate.journal.history import Query
from sockgate.journal.senders import GateUnit
from tests.journal.export import Record, write_journal
from tests.journal.records import NOON, SECOND, failure, in_order, refusal, resident, success, summed, verdict

PERIOD = ["--since", "2026-11-22 12:00:00", "--until", "2026-11-22 12:01:00"]
HOSTILE = "<script>alert('&')</script>"
VOID = {"meta", "rect"}


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("journal")
    quick, long, wrong = verdict(1), verdict(1.5, remote="2001:db8::1"), verdict(30, service="imap")
    records = in_order(
        verdict(-5), quick, success(quick, 0.05), long, success(long, 5000), wrong,
        failure(wrong, 2, "exited", 3, "exit-code"), refusal(10), refusal(11, remote="192.0.2.99"),
        refusal(12, HOSTILE, remote="2001:db8::9"), verdict(50, FAILED, SOCKGATE_REASON="no rules"), verdict(59),
    )  # fmt: skip
    write_journal(folder, records)
    return str(folder)


@pytest.fixture
def summary(journal: str) -> Summary:
    return summarize(Query(directory=journal, since=NOON, until=NOON + 60 * SECOND))


def test_the_figures_are_those_of_the_period(summary: Summary) -> None:
    assert [summary.total(what) for what in ("allowed", "refused", "failed")] == [4, 3, 1]
    assert (summary.width, summary.intervals) == (1, 60)
    assert summary.allowed == {1: 2, 30: 1, 59: 1}
    assert summary.refused == {10: 1, 11: 1, 12: 1, 50: 1}
    assert summary.reasons == {"--deny 192.0.2.0/24": 2, HOSTILE: 1, "no rules": 1}
    assert summary.networks == {"192.0.2.0/24": 3, "2001:db8::/48": 1}
    assert summary.durations == {"under 0.1 s": 1, "over 1 h": 1, "1 to 10 s": 1}
    assert summary.endings == {"ok": 2, "status=3": 1, "unknown": 1}
    assert summary.sources.most_common(1) == [("192.0.2.7", 5)]
    assert (summary.refused_sources["192.0.2.7"], summary.services["imap"].seconds) == (2, 2.0)


def test_the_refusals_of_a_sum_are_all_counted_over_the_time_in_which_they_came(tmp_path: Path) -> None:
    one = refusal(10)
    begun_before, broken = summed(refusal(2), 4, -3, 1), summed(one, 5, 20, 20, SOCKGATE_VERDICT="error")
    write_journal(tmp_path, in_order(resident(one), summed(one, 103, 10, 19), begun_before, broken))
    summary = summarize(Query(directory=str(tmp_path), since=NOON, until=NOON + 60 * SECOND))
    assert (summary.total("refused"), summary.total("failed")) == (108, 5)
    assert summary.refused == {0: 2, 1: 2, 10: 12, 11: 11, 12: 11, **dict.fromkeys(range(13, 20), 10), 20: 5}
    assert summary.sources["192.0.2.7"] == summary.refused_sources["192.0.2.7"] == 113
    assert summary.networks == {"192.0.2.0/24": 113}
    assert summary.reasons == {"--deny 192.0.2.0/24": 113}


@pytest.mark.parametrize(
    ("seconds", "width", "intervals"),
    [(60, 1, 60), (61, 5, 13), (3600, 60, 60), (86400, 1800, 48), (7 * 86400, 10800, 56), (366 * 86400, 604800, 53)],
)
def test_the_time_line_has_at_most_sixty_intervals(seconds: int, width: int, intervals: int) -> None:
    summary = Summary(NOON, NOON + seconds * SECOND)
    assert (summary.width, summary.intervals) == (width, intervals)


def test_clients_that_systemd_dropped_at_the_limits_of_the_socket_are_counted(tmp_path: Path) -> None:
    def pid_1(at: float, message: str, unit: str = "smtp.socket", pid: int = 1) -> Record:
        return {
            "__REALTIME_TIMESTAMP": NOON + round(at * SECOND), "_PID": pid, "UNIT": unit, "PRIORITY": 4,
            "MESSAGE": f"{unit}: {message}",
        }  # fmt: skip

    full = "Too many incoming connections (200), dropping connection."
    one = "Too many incoming connections (20) from source {}, dropping connection."
    records = in_order(
        verdict(1), pid_1(2, full), pid_1(3, one.format("192.0.2.7")), pid_1(4, one.format("2001:db8::1")),
        pid_1(5, "Listening on smtp.socket."), pid_1(6, full, pid=4711), pid_1(7, full, unit="other.socket"),
        pid_1(61, full),
    )  # fmt: skip
    write_journal(tmp_path, records)
    found = summarize(Query(directory=str(tmp_path), since=NOON, until=NOON + 60 * SECOND))
    assert found.services == {"smtp": ServiceFigures(allowed=1, dropped=3)}
    assert found.refused == {2: 1, 3: 1, 4: 1}
    assert found.reasons == {"MaxConnections=": 1, "MaxConnectionsPerSource=": 2}
    assert (found.sources["192.0.2.7"], found.refused_sources["192.0.2.7"]) == (2, 1)
    assert as_text(found).splitlines()[1] == "  1 let in, 0 refused, 0 failed, 3 dropped at the socket, 2 sources"
    named = summarize(
        Query(services=(GateUnit("other", "other"),), directory=str(tmp_path), since=NOON, until=NOON + 60 * SECOND)
    )
    assert named.services == {"other": ServiceFigures(dropped=1)}


def test_no_name_in_a_table_is_taken_for_html() -> None:
    """Every user of the machine can write a record with a service of such a name."""
    page = as_page(Summary(NOON, NOON + SECOND, services={HOSTILE: ServiceFigures(allowed=1)}))
    assert HOSTILE not in page
    assert "<td>&lt;script&gt;alert(" in page


def test_addresses_are_put_together_by_network() -> None:
    assert network_of("192.0.2.200") == "192.0.2.0/24"
    assert network_of("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert network_of("uid 1000") == "uid 1000"


def test_a_column_of_the_time_line_is_empty_only_for_nothing() -> None:
    assert sparkline([0, 1, 50, 100, 1000]) == " ▁▁▁█"
    assert sparkline([0, 0]) == "  "


def test_the_text_has_every_section(journal: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "--directory", journal, *PERIOD]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[:2] == [
        "Connections, 2026-11-22 12:00 to 2026-11-22 12:01 UTC",
        "  4 let in, 3 refused, 1 failed, 0 dropped at the socket, 4 sources",
    ]
    assert "  --deny 192.0.2.0/24                  2  ████████████████████████████████████████" in shown
    assert "  imap          1        0       0        0         2.0 s" in shown
    assert "  192.0.2.7              5                 2" in shown


def test_nothing_to_report_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "--directory", str(tmp_path), "--output", str(tmp_path / "report.html"), *PERIOD]) == 0
    assert "<p>No client was refused.</p>" in (tmp_path / "report.html").read_text()
    assert run(["report", "--directory", str(tmp_path)]) == 0
    assert "  0 let in, 0 refused, 0 failed, 0 dropped at the socket, 0 sources" in capsys.readouterr().out


class Checker(HTMLParser):
    """Notes every tag and attribute, and that each element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {tag, *(name for name, _ in attrs)}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {tag, *(name for name, _ in attrs)}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(summary: Summary) -> None:
    page = as_page(summary)
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert checker.seen.isdisjoint({"script", "link", "img", "iframe", "object", "src", "href", "srcset", "onclick"})
    assert not re.search(r"https?:|url\(|@import|//", page)
    assert "default-src 'none'" in page
    assert page.count("<i ") == page.count("<li>") - page.count("<b>0</b>")  # of nothing there is no bar


def test_foreign_text_stays_text(summary: Summary) -> None:
    page = as_page(summary)
    assert HOSTILE not in page
    checker = Checker()
    checker.feed(page)
    assert HOSTILE in checker.text


def test_the_page_fits_telephones_paper_and_the_dark(summary: Summary) -> None:
    page = as_page(summary)
    for needed in ("width=device-width", "prefers-color-scheme: dark", "@media print", 'lang="en"', 'role="img"'):
        assert needed in page, needed


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--since", "2026-11-22", "--until", "2026-11-21"], "--since is not before --until"),
        (["--directory", "/none"], "unable to open the journal: '/none' is not a directory"),
    ],
)
def test_what_cannot_be_done_is_one_line(words: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", *words]) in (1, 2)
    assert capsys.readouterr().err == f"sockgatectl: {error}\n"
