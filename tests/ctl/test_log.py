"""sockgatectl log, over journals of known content."""

import json
from pathlib import Path

import pytest

from sockgate.connection.log import FAILED
from sockgate.ctl.main import run
from sockgate.units.search import UnitSearch
from tests.journal.export import write_journal
from tests.journal.records import end, failure, in_order, refusal, resident, success, summed, verdict
from tests.units.tree import write_tree


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("journal")
    well, killed = verdict(0, SOCKGATE_REMOTE_PORT=1000), verdict(2, SOCKGATE_REMOTE_PORT=1002)
    wrong = verdict(1, service="unheard-of", remote="2001:db8::1", SOCKGATE_REMOTE_PORT=1001)
    broken = verdict(4, FAILED, SOCKGATE_REMOTE_PORT=1004, SOCKGATE_REASON="no rules")
    other = resident(verdict(5, SOCKGATE_REMOTE_PORT=1005))
    records = in_order(
        well, success(well, 0.5), wrong, failure(wrong, 61.5, "exited", 3, "exit-code"), killed,
        failure(killed, 1, "killed", 9, "signal"), refusal(3, SOCKGATE_REMOTE_PORT=1003), broken, other,
        end(other, 2, SOCKGATE_STATUS=0), verdict(6, SOCKGATE_REMOTE_PORT=1006),
    )  # fmt: skip
    write_journal(folder, records)
    return str(folder)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def test_one_line_tells_of_one_connection(journal: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log", "--directory", journal]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-22 12:00:00.000  smtp     192.0.2.7:1000        allow   ok           0.500s -",
        "2026-11-22 12:00:01.000  unheard-of [2001:db8::1]:1001    allow   status=3    61.500s -",
        "2026-11-22 12:00:02.000  smtp     192.0.2.7:1002        allow   SIGKILL      1.000s -",
        "2026-11-22 12:00:03.000  smtp     192.0.2.7:1003        deny    -                 - in --deny 192.0.2.0/24",
        "2026-11-22 12:00:04.000  smtp     192.0.2.7:1004        error   -                 - no rules",
        "2026-11-22 12:00:05.000  smtp     192.0.2.7:1005        allow   ok           2.000s -",
        "2026-11-22 12:00:06.000  smtp     192.0.2.7:1006        allow   -                 - -",
    ]


def objects(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str | int | float | None]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_has_everything(journal: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log", "--directory", journal, "--json"]) == 0
    shown = objects(capsys)
    unit = shown[1].pop("unit")
    assert isinstance(unit, str)
    assert unit.startswith("unheard-of@")
    assert shown[1] == {
        "start": "2026-11-22T12:00:01.000000Z", "service": "unheard-of", "protocol": "TCP6",
        "remote_address": "2001:db8::1", "remote_port": 1001, "local_address": "192.0.2.1", "local_port": 25,
        "verdict": "allow", "rule": None, "reason": None, "count": 1, "last": None, "open": False,
        "end": "2026-11-22T12:01:02.500000Z", "duration": 61.5, "result": "exit-code", "status": 3, "signal": None,
        "failure": None, "cpu": None, "memory": None,
    }  # fmt: skip
    assert (shown[3]["verdict"], shown[3]["rule"], shown[3]["end"]) == ("deny", "--deny 192.0.2.0/24", None)


def test_json_has_what_a_session_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin = resident(verdict(1))
    used: dict[str, str | int] = {"SOCKGATE_CPU_USEC": 12_500, "SOCKGATE_MEMORY_PEAK": 3 << 20}
    write_journal(tmp_path, in_order(begin, end(begin, 2, SOCKGATE_STATUS=0, **used)))
    assert run(["log", "--directory", str(tmp_path), "--json"]) == 0
    [shown] = objects(capsys)
    assert (shown["result"], shown["cpu"], shown["memory"]) == ("success", 0.0125, 3 << 20)


@pytest.fixture(scope="module")
def flooded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A journal with a refusal in full, its sum, and the sum of clients that left early."""
    folder: Path = tmp_path_factory.mktemp("flooded")
    one = refusal(1, SOCKGATE_REMOTE_PORT=1000)
    gone = {name: value for name, value in one.items() if not name.startswith("SOCKGATE_REMOTE")}
    write_journal(folder, in_order(
        resident(one), summed(one, 99_990, 2, 11.8), summed(gone, 5, 2, 3, SOCKGATE_VERDICT="gone", SOCKGATE_REASON=""),
        summed(one, 7, 2, 3, SOCKGATE_VERDICT="error", SOCKGATE_REASON="no rules"),
    ))  # fmt: skip
    return str(folder)


def test_a_sum_is_one_line(flooded: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log", "--directory", flooded, "--refused"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-22 12:00:01.000  smtp     192.0.2.7:1000        deny    -                 - in --deny 192.0.2.0/24",
        "2026-11-22 12:00:02.000  smtp     192.0.2.7             error   x7           1.000s no rules",
        "2026-11-22 12:00:02.000  smtp     192.0.2.7             deny    x99990       9.800s in --deny 192.0.2.0/24",
    ]


def test_json_has_the_count_and_the_last_time_of_a_sum(flooded: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log", "--directory", flooded, "--json", "--source", "192.0.2.7"]) == 0
    shown = objects(capsys)
    assert [(each["count"], each["last"]) for each in shown] == [
        (1, None), (7, "2026-11-22T12:00:03.000000Z"), (99_990, "2026-11-22T12:00:11.800000Z"),
    ]  # fmt: skip
    assert {each["open"] for each in shown} == {False}


def test_clients_that_left_early_are_no_refusals(flooded: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log", "--directory", flooded]) == 0
    assert "smtp     -                     gone    x5" in capsys.readouterr().out
    assert run(["log", "--directory", flooded, "--refused"]) == 0
    assert "gone" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "ports"),
    [
        (["unheard-of"], [1001]),
        (["unheard-of.socket"], [1001]),
        (["unheard-of@.service", "--refused"], []),
        (["--refused"], [1003, 1004]),
        (["--since", "2026-11-22 12:00:05"], [1005, 1006]),
        (["--until", "2026-11-22 12:00:00"], [1000]),
        (["--until", "-1s", "--refused"], [1003, 1004]),
        (["--source", "2001:db8::/32"], [1001]),
        (["--source", "203.0.113.0/24", "--source", "192.0.2.0/24", "--refused"], [1003, 1004]),
    ],
)
def test_options_select(journal: str, capsys: pytest.CaptureFixture[str], words: list[str], ports: list[int]) -> None:
    assert run(["log", "--directory", journal, "--json", *words]) == 0
    assert [line["remote_port"] for line in objects(capsys)] == ports


@pytest.mark.parametrize("verb", ["log", "report"])
def test_a_misspelt_name_is_told(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = "sockgatectl: there are no connections of {!r}, and no unit has that name\n"
    assert run([verb, "smpt", "--since", "1 second ago"]) == 1
    assert capsys.readouterr().err == known.format("smpt")
    write_journal(tmp_path, [verdict(0)])
    assert run([verb, "smpt", "--since", "1 second ago", "--directory", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--source", "192.0.2.1/24"], "--source: '192.0.2.1/24' is neither an address nor a network such as"
         " 192.168.0.0/24"),
        (["--follow", "--until", "now"], "--follow goes with neither --until nor --directory"),
        (["a/b"], "'a/b.socket' is not the name of a unit"),
        (["--since", "soon"], "--since: 'soon' is no point in time ('1 hour ago', today, 14:30: see systemd.time(7))"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line(capsys: pytest.CaptureFixture[str], words: list[str], error: str) -> None:
    assert run(["log", *words]) == 2
    assert capsys.readouterr().err == f"sockgatectl: {error}\n"


@pytest.mark.parametrize("verb", ["log", "report"])
def test_times_before_now_are_written_as_for_journalctl(verb: str, journal: str) -> None:
    assert run([verb, "--since", "-1h", "--until", "+1min", "--directory", journal]) == 0


@pytest.mark.parametrize("verb", ["log", "report"])
def test_that_a_service_has_no_gate_is_told(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tree(
        tmp_path, {"/etc/systemd/system/time@.service": "[Service]\nExecStart=/usr/sbin/sockgate-builtin time\n"}
    )
    monkeypatch.setattr("sockgate.ctl.log.UnitSearch", lambda: UnitSearch(str(tmp_path)))
    assert run([verb, "time", "--since", "1 second ago"]) == 1
    assert capsys.readouterr().err == (
        "sockgatectl: 'time' runs no gate, which would record its connections (journalctl -u time -u 'time@*')\n"
    )
