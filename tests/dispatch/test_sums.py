"""Sums: a flood leaves the log readable, and nothing is lost from the counts."""

import re
import signal
import socket
import weakref
from collections.abc import Callable, Iterator

import pytest

from sockgate.connection.log import FAILED, GONE, REFUSED, SUMMED
from sockgate.connection.log_choice import WITHOUT_ADDRESS
from sockgate.core import DENY, Cause, ConfigError, Verdict
from sockgate.core.actions import Actions
from sockgate.core.peer import Peer, internet_peer, pack
from sockgate.dispatch.records import sums
from sockgate.dispatch.records.buffered_log import BufferedLog
from sockgate.dispatch.records.log_formats import make_records
from sockgate.dispatch.records.records import Records
from sockgate.dispatch.source_rates import SourceRates
from tests.core.clients import client, local_user
from tests.dispatch.conftest import Start
from tests.dispatch.gated import Gated

DENIED = Verdict(DENY, Cause("--deny", "192.0.2.0/24"), "in --deny 192.0.2.0/24")
NOON = 1_795_348_800


class Clock:
    """The time, which a test moves on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def time_ns(self) -> int:
        return (NOON * 1000 + round(self.seconds * 1000)) * 1_000_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(sums, "monotonic", clock.monotonic)
    monkeypatch.setattr(sums, "time_ns", clock.time_ns)
    return clock


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The fields of each record for the journal."""
    found: list[dict[str, str]] = []

    def add(_: BufferedLog, record: bytes) -> None:
        found.append(dict(line.split("=", 1) for line in record.decode().splitlines()))

    monkeypatch.setattr(BufferedLog, "add", add)
    return found


@pytest.fixture
def records(sent: list[dict[str, str]], clock: Clock) -> Iterator[Records]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        log = BufferedLog("sockgated", "smtp", b"")
        log._journal = journal
        yield make_records("journal", log)


def kinds(sent: list[dict[str, str]]) -> list[str]:
    return [record["MESSAGE_ID"] for record in sent]


def counted(sent: list[dict[str, str]]) -> int:
    """How many refusals the records tell of."""
    return sum(int(record.get("SOCKGATE_COUNT", "1")) for record in sent)


def ipv6(text: str) -> Peer:
    return internet_peer(pack(text), 4711, pack("2001:db8:ffff::1"), 25)


def numbered(number: int) -> Peer:
    """Another client for each number."""
    return internet_peer(number.to_bytes(4, "big"), 4711, pack("192.0.2.1"), 25)


def refuse_one_client(records: Records, clock: Clock, count: int, per_second: int) -> None:
    for number in range(count):
        clock.seconds = number / per_second
        records.refused(client("192.0.2.7"), DENIED)
        records.write_due_sums()


def test_the_first_refusals_of_a_source_are_written_in_full_and_the_others_in_one_record(
    records: Records, sent: list[dict[str, str]], clock: Clock
) -> None:
    for number in range(1000):
        clock.seconds = number / 100
        records.refused(client("192.0.2.7"), DENIED)
    assert kinds(sent) == [REFUSED] * sums.FULL
    records.write_sums()
    assert kinds(sent)[sums.FULL :] == [SUMMED]
    assert sent[-1] == {
        "MESSAGE": "smtp: refused 192.0.2.7 990 more times on 127.0.0.1:25 within 9.9 s: in --deny 192.0.2.0/24",
        "PRIORITY": "5", "MESSAGE_ID": SUMMED, "SYSLOG_IDENTIFIER": "sockgated", "SOCKGATE_SERVICE": "smtp",
        "SOCKGATE_VERDICT": "deny", "SOCKGATE_REASON": "in --deny 192.0.2.0/24",
        "SOCKGATE_RULE": "--deny 192.0.2.0/24", "SOCKGATE_COUNT": "990",
        "SOCKGATE_FIRST": f"{NOON}100000", "SOCKGATE_LAST": f"{NOON + 9}990000",
        "SOCKGATE_PROTO": "TCP", "SOCKGATE_REMOTE_ADDR": "192.0.2.7", "SOCKGATE_SOURCE": "192.0.2.7",
        "SOCKGATE_LOCAL_ADDR": "127.0.0.1", "SOCKGATE_LOCAL_PORT": "25",
    }  # fmt: skip


@pytest.mark.parametrize("per_second", [1, 10_000])
def test_a_hundred_thousand_refusals_of_one_source_leave_less_than_a_hundred_records_with_the_exact_count(
    records: Records, sent: list[dict[str, str]], clock: Clock, per_second: int
) -> None:
    refuse_one_client(records, clock, 100_000, per_second)
    records.write_sums()
    assert len(sent) < 100
    assert counted(sent) == 100_000


def test_the_first_sum_comes_after_ten_seconds_and_the_next_ones_after_twice_as_long(
    records: Records, sent: list[dict[str, str]], clock: Clock
) -> None:
    refuse_one_client(records, clock, 1200, per_second=10)
    summed = [int(record["SOCKGATE_LAST"]) / 1e6 - NOON for record in sent if record["MESSAGE_ID"] == SUMMED]
    assert [round(at) for at in summed] == [10, 30, 70]


def test_a_source_that_comes_again_after_a_quiet_minute_is_written_in_full_again(
    records: Records, sent: list[dict[str, str]], clock: Clock
) -> None:
    for _ in range(2):
        for _ in range(15):
            records.refused(client("192.0.2.7"), DENIED)
        while records.write_due_sums() is not None:
            clock.seconds += sums.LOOK_SECONDS
    assert kinds(sent) == [*[REFUSED] * sums.FULL, SUMMED] * 2
    assert counted(sent) == 30
    assert records.write_due_sums() is None, "the gate sleeps when there is nothing to look at"


def test_each_source_and_each_cause_has_a_sum_of_its_own(records: Records, sent: list[dict[str, str]]) -> None:
    limit = Verdict(DENY, Cause("--max-per-source", "4"), "already 4 connections from this source")
    for _ in range(12):
        records.refused(client("192.0.2.7"), DENIED)
        records.refused(client("192.0.2.8"), DENIED)
        records.refused(client("192.0.2.8"), limit)
    records.write_sums()
    summed = [record for record in sent if record["MESSAGE_ID"] == SUMMED]
    assert [(each["SOCKGATE_REMOTE_ADDR"], each["SOCKGATE_RULE"], each["SOCKGATE_COUNT"]) for each in summed] == [
        ("192.0.2.7", "--deny 192.0.2.0/24", "2"),
        ("192.0.2.8", "--deny 192.0.2.0/24", "2"),
        ("192.0.2.8", "--max-per-source 4", "2"),
    ]


def test_a_client_that_changes_its_ipv6_address_is_one_source(records: Records, sent: list[dict[str, str]]) -> None:
    for number in range(1, 1001):
        records.refused(ipv6(f"2001:db8::{number:x}"), DENIED)
    records.write_sums()
    assert kinds(sent) == [REFUSED] * sums.FULL + [SUMMED]
    assert "refused 2001:db8::3e8 (2001:db8::/64) 990 more times" in sent[-1]["MESSAGE"]
    assert sent[-1]["SOCKGATE_SOURCE"] == "2001:db8::/64"


def test_a_local_user_is_one_source(records: Records, sent: list[dict[str, str]]) -> None:
    for _ in range(12):
        records.refused(local_user(), DENIED)
    records.write_sums()
    assert "refused uid 1000 2 more times on " in sent[-1]["MESSAGE"]
    assert sent[-1]["SOCKGATE_REMOTE"] == "uid 1000"


def test_clients_that_are_refused_because_of_an_error_here_are_summed_as_such(
    records: Records, sent: list[dict[str, str]]
) -> None:
    for _ in range(12):
        records.failed(client("192.0.2.7"), ConfigError("/etc/rules:1: wrong"))
        records.failed(None, ConfigError("/etc/rules:1: wrong"))
    records.write_sums()
    assert kinds(sent) == [FAILED] * 20 + [SUMMED] * 2
    assert [(each["SOCKGATE_VERDICT"], each["SOCKGATE_STATUS"], each["PRIORITY"]) for each in sent[-2:]] == [
        ("error", "100", "3")
    ] * 2
    assert sent[-1]["MESSAGE"] == "smtp: refused 2 more clients within 0.0 s: /etc/rules:1: wrong"


def test_clients_that_have_gone_are_summed(records: Records, sent: list[dict[str, str]]) -> None:
    for _ in range(12):
        records.gone()
    records.write_sums()
    assert kinds(sent) == [GONE] * 10 + [SUMMED]
    assert sent[-1]["SOCKGATE_VERDICT"] == "gone"
    assert sent[-1]["PRIORITY"] == "7"
    assert "2 more clients have gone before they were identified" in sent[-1]["MESSAGE"]


def test_a_sum_has_the_priority_and_the_facility_that_the_rule_asks_for(
    records: Records, sent: list[dict[str, str]]
) -> None:
    actions = Actions()
    actions.priority, actions.facility = 1, 10
    for _ in range(12):
        records.refused(client("192.0.2.7"), Verdict(DENY, Cause(file="hosts.deny", line=3), "no", actions=actions))
    records.write_sums()
    assert {(each["PRIORITY"], each["SYSLOG_FACILITY"]) for each in sent} == {("1", "10")}
    assert kinds(sent)[-1] == SUMMED


def test_nothing_that_came_over_the_network_can_split_or_forge_a_sum(
    records: Records, sent: list[dict[str, str]]
) -> None:
    peer = client("192.0.2.7", "x\nMESSAGE=forged", "joe\nPRIORITY=0")
    for _ in range(12):
        records.refused(peer, Verdict(DENY, Cause("--deny", "a\nMESSAGE_ID=b"), "\x1b[31m\nSOCKGATE_COUNT=9"))
    records.write_sums()
    assert (sent[-1]["MESSAGE_ID"], sent[-1]["SOCKGATE_COUNT"], sent[-1]["PRIORITY"]) == (SUMMED, "2", "5")
    assert sent[-1]["SOCKGATE_REASON"] == "?[31m?SOCKGATE_COUNT=9"


def test_a_hundred_thousand_sources_leave_a_thousand_records_and_a_sum_with_the_exact_count(
    records: Records, sent: list[dict[str, str]]
) -> None:
    rates = SourceRates(1, 60, 0, (32, 64))
    for number in range(100_000):
        peer = numbered(number + 1)
        assert rates.excess(peer) is None
        records.refused(peer, rates.excess(peer) or Verdict(DENY))
    records.write_sums()
    assert kinds(sent) == [*[REFUSED] * sums.MOST_SOURCES, SUMMED]
    assert counted(sent) == 100_000
    assert sent[-1] == {
        "MESSAGE": "smtp: refused 98976 more clients of other sources within 0.0 s: more than 1 connection in 60 s from"
        " this source (--rate-per-source)",
        "PRIORITY": "5", "MESSAGE_ID": SUMMED, "SYSLOG_IDENTIFIER": "sockgated", "SOCKGATE_SERVICE": "smtp",
        "SOCKGATE_VERDICT": "deny", "SOCKGATE_REASON": "more than 1 connection in 60 s from this source"
        " (--rate-per-source)", "SOCKGATE_RULE": "--rate-per-source 1/60", "SOCKGATE_COUNT": "98976",
        "SOCKGATE_FIRST": f"{NOON}000000", "SOCKGATE_LAST": f"{NOON}000000",
    }  # fmt: skip


def test_a_source_with_a_sum_of_its_own_keeps_it_in_a_flood(records: Records, sent: list[dict[str, str]]) -> None:
    for _ in range(12):
        records.refused(client("192.0.2.7"), DENIED)
    for number in range(3 * sums.MOST_SOURCES):
        records.refused(numbered(number + 1), DENIED)
    records.refused(client("192.0.2.7"), DENIED)
    records.write_sums()
    summed = [record for record in sent if record["MESSAGE_ID"] == SUMMED]
    assert [(each.get("SOCKGATE_REMOTE_ADDR"), each["SOCKGATE_COUNT"]) for each in summed] == [
        ("192.0.2.7", "3"), (None, str(2 * sums.MOST_SOURCES + 1)),
    ]  # fmt: skip
    assert counted(sent) == 13 + 3 * sums.MOST_SOURCES


def test_after_a_flood_other_sources_are_written_in_full_again(
    records: Records, sent: list[dict[str, str]], clock: Clock
) -> None:
    for number in range(2 * sums.MOST_SOURCES):
        records.refused(numbered(number + 1), DENIED)
    while records.write_due_sums() is not None:
        clock.seconds += sums.LOOK_SECONDS
    records.refused(client("192.0.2.7"), DENIED)
    assert kinds(sent)[-2:] == [SUMMED, REFUSED]
    assert counted(sent) == 2 * sums.MOST_SOURCES + 1


def test_each_cause_has_one_sum_for_the_other_sources_and_those_are_bounded_as_well(
    records: Records, sent: list[dict[str, str]]
) -> None:
    causes = 2 * sums.MOST_SUMS
    for number in range(sums.MOST_SOURCES + causes):
        records.refused(numbered(number + 1), Verdict(DENY, Cause(file="rules", line=number), "no"))
    assert len(records._sums._sums) == sums.MOST_SUMS
    records.write_sums()
    assert counted(sent) == sums.MOST_SOURCES + causes
    assert {record["SOCKGATE_RULE"] for record in sent} == {
        f"rules:{number}" if number else "rules" for number in range(sums.MOST_SOURCES + causes)
    }


def test_the_sum_of_many_sources_shows_no_address(sent: list[dict[str, str]], clock: Clock) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        log = BufferedLog("sockgated", "smtp", b"")
        log._journal, log.choice = journal, WITHOUT_ADDRESS
        records = make_records("journal", log)
        peers = [numbered(number + 1) for number in range(sums.MOST_SOURCES + 1)]
        for peer in peers:
            records.failed(peer, ConfigError(f"no rule for {peer.remote_ip}"))
        records.write_sums()
    assert kinds(sent)[-1] == SUMMED
    assert str(peers[-1].remote_ip) not in str(sent[-1])


def test_a_sum_keeps_no_frame_of_the_error_alive(records: Records) -> None:
    class Large:
        pass

    def fail() -> "weakref.ref[Large]":
        large = Large()
        alive = weakref.ref(large)
        try:
            raise ConfigError("/etc/rules:1: wrong")
        except ConfigError as error:
            for _ in range(12):
                records.failed(client("192.0.2.7"), error)
        return alive

    assert fail()() is None


def test_no_look_at_the_sums_takes_long(records: Records, sent: list[dict[str, str]], clock: Clock) -> None:
    for number in range(1000):
        for _ in range(12):
            records.refused(numbered(number + 1), DENIED)
    before, looks = len(sent), 0
    clock.seconds = sums.LOOK_SECONDS
    while len(sent) < before + 1000:
        written = len(sent)
        clock.seconds += records.write_due_sums() or 0
        looks += 1
        assert len(sent) - written <= sums.AT_ONCE
    assert clock.seconds <= 2 * sums.LOOK_SECONDS + 1
    assert counted(sent) == 12_000


def test_a_child_does_not_write_the_sums_of_its_parent(records: Records, sent: list[dict[str, str]]) -> None:
    for _ in range(12):
        records.refused(client("192.0.2.7"), DENIED)
    records.forget()
    records.write_sums()
    assert SUMMED not in kinds(sent)


@pytest.mark.parametrize("log_format", ["xinetd", "tcpserver"])
def test_the_lines_of_old_programs_are_not_summed(log_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(BufferedLog, "write_line", lambda _, text: written.append(text))
    made = make_records(log_format, BufferedLog("sockgated", "smtp", b""))
    for _ in range(50):
        made.refused(client("192.0.2.7"), DENIED)
    made.write_sums()
    assert len(written) == 50


MORE = re.compile(r"refused (\S+) (?:\(\S+\) )?([0-9]+) more times? on 127\.0\.0\.1:[0-9]+ within")


def refusals(one: Gated) -> int:
    """How many refusals the log tells of."""
    summed = [int(match[2]) for match in map(MORE.search, one.lines("refused")) if match]
    return len(one.lines(r"refused \S+ on ")) + sum(summed)


Ending = Callable[[Gated], object]


@pytest.fixture(params=["a stop", "a reload"])
def ending(request: pytest.FixtureRequest) -> Iterator[Ending]:
    if request.param == "a stop":
        yield Gated.stop
    else:
        yield lambda one: one.process.send_signal(signal.SIGHUP)


def test_a_gate_writes_what_it_has_summed_when_it_stops_or_reloads(gated: Start, ending: Ending) -> None:
    one = gated("--deny", "127.0.0.1", "--deny-message", "421 no", "/bin/true")
    for _ in range(50):
        assert one.talk() == b"421 no\r\n"
    assert len(one.wait_for("refused", sums.FULL)) == sums.FULL
    ending(one)
    [line] = one.wait_for("more times on")
    assert "refused 127.0.0.1 40 more times" in line
    assert line.endswith("in --deny 127.0.0.1")
    assert refusals(one) == 50


def test_what_children_refuse_is_summed_by_the_gate(gated: Start) -> None:
    one = gated("--greet-delay", "30", "--deny-message", "421 no", "/bin/true")
    for _ in range(30):
        assert one.talk(say=b"EHLO client\r\n") == b"421 no\r\n"
    one.stop()
    assert len(one.lines("refused")) == sums.FULL + 2  # the sum, and the line of the end
    assert "refused 127.0.0.1 20 more times" in one.lines("more times")[0]
    assert refusals(one) == 30
    assert "0 served, 30 refused" in one.lines("stopped")[0]


def test_a_client_behind_a_proxy_is_summed_by_its_own_address(gated: Start) -> None:
    one = gated(
        "--proxy-protocol",
        "127.0.0.1",
        "--timeout",
        "60",
        "--deny",
        "192.0.2.0/24",
        "--deny-message",
        "421 no",
        "/bin/true",
    )
    for number in range(15):
        with one.connect() as proxy:  # the header comes later than the connection: a child waits for it
            one.wait_for("refused", min(number, sums.FULL))
            proxy.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n")
            assert proxy.recv(100) == b"421 no\r\n"
    one.stop()
    assert "refused 192.0.2.7 5 more times on 192.0.2.1:25" in one.lines("more times")[0]
