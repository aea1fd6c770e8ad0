"""Connections put together from a journal's records, and which of them a query selects."""

import ipaddress
import os
from pathlib import Path

import pytest

from sockgate.connection.log import FAILED
from sockgate.core import SystemFailure
from sockgate.journal.connection import Ending
from sockgate.journal.history import Endings, Query, connections, history
from sockgate.journal.reader import Journal, Value, text
from sockgate.journal.senders import GateUnit

from .export import BOOT, Record, write_journal
from .records import NOON, SECOND, brief, end, failure, in_order, refusal, resident, success, verdict


def endings(folder: Path, *records: Record | list[Record]) -> list[Ending | None]:
    write_journal(folder, in_order(*records))
    query = Query(directory=str(folder))
    return [ending for _, ending in history(query, Endings(str(folder), BOOT))]


def test_a_session_ends_as_systemd_says(tmp_path: Path) -> None:
    well, wrong, killed, late, refused = verdict(0), verdict(1), verdict(2), verdict(3), refusal(4)
    found = endings(
        tmp_path, well, success(well, 2.5), wrong, failure(wrong, 0.25, "exited", 3, "exit-code"), killed,
        failure(killed, 9, "killed", 9, "signal"), late, failure(late, 60, "killed", 15, "timeout"), refused,
        success(refused, 0.003),
    )  # fmt: skip
    start = NOON
    assert found == [
        Ending(start + 2_500_000, 2.5, "success"),
        Ending(start + 1_250_000, 0.25, "exit-code", status=3),
        Ending(start + 11 * SECOND, 9.0, "signal", signal="SIGKILL"),
        Ending(start + 63 * SECOND, 60.0, "timeout", signal="SIGTERM"),
        None,
    ]


def test_sessions_without_an_address_in_the_log_have_their_own_ends(tmp_path: Path) -> None:
    def hidden(at: float, server: int, **more: int) -> Record:
        one = resident(verdict(at)) | {"SOCKGATE_PID": server} | more
        return {name: value for name, value in one.items() if not name.startswith("SOCKGATE_REMOTE")}

    first, second = hidden(0, 11), hidden(0.5, 12)
    found = endings(
        tmp_path, first, end(second, 1, SOCKGATE_STATUS=2, SOCKGATE_PID=12), second,
        end(first, 4, SOCKGATE_STATUS=1, SOCKGATE_PID=11),
    )  # fmt: skip
    assert [ending and (ending.seconds, ending.status) for ending in found] == [(4.0, 1), (1.0, 2)]


def test_a_session_of_sockgated_ends_as_sockgated_says(tmp_path: Path) -> None:
    well, wrong, killed = resident(verdict(0)), resident(verdict(1)), resident(verdict(2))
    found = endings(
        tmp_path, well, end(well, 1.5, SOCKGATE_STATUS=0), wrong, end(wrong, 2, SOCKGATE_STATUS=100), killed,
        end(killed, 3, SOCKGATE_SIGNAL="SIGSEGV"),
    )  # fmt: skip
    assert found == [
        Ending(NOON + 1_500_000, 1.5, "success", status=0),
        Ending(NOON + 3 * SECOND, 2.0, "exit-code", status=100),
        Ending(NOON + 5 * SECOND, 3.0, "signal", signal="SIGSEGV"),
    ]


def test_the_next_gate_of_the_same_service_ends_a_session_and_no_other_program_does(tmp_path: Path) -> None:
    well, vague = resident(verdict(0)), resident(verdict(1))
    forged = end(well, 1, SOCKGATE_STATUS=9) | {"_PID": 666, "_SYSTEMD_UNIT": "session-1.scope"}
    found = endings(
        tmp_path, well, forged, end(well, 1.5, SOCKGATE_STATUS=3) | {"_PID": 78}, vague, end(vague, 2) | {"_PID": 78}
    )  # fmt: skip
    assert found == [
        Ending(NOON + 1_500_000, 1.5, "exit-code", status=3),
        Ending(NOON + 3 * SECOND, 2.0, "unknown"),
    ]


def test_why_the_gate_ended_a_session_is_told(tmp_path: Path) -> None:
    late = resident(verdict(0))
    why = {"SOCKGATE_SIGNAL": "SIGTERM", "SOCKGATE_REASON": "--idle-timeout 60"}
    assert endings(tmp_path, late, end(late, 61, **why)) == [
        Ending(NOON + 61 * SECOND, 61.0, "signal", signal="SIGTERM", failure="--idle-timeout 60")
    ]


def test_a_brief_session_of_sockgated_has_one_record(tmp_path: Path) -> None:
    well, killed = (
        brief(resident(verdict(1)), 0.25, SOCKGATE_STATUS=0),
        brief(resident(verdict(2)), 0, SOCKGATE_SIGNAL="SIGKILL"),
    )
    forged = brief(resident(verdict(3)), 0, SOCKGATE_DURATION="nan")
    assert endings(tmp_path, well, killed, forged) == [
        Ending(NOON + SECOND, 0.25, "success", status=0),
        Ending(NOON + 2 * SECOND, 0.0, "signal", signal="SIGKILL"),
        None,
    ]
    starts = [connection.start for connection in connections(Query(directory=str(tmp_path)))]
    assert starts[:2] == [NOON + 750_000, NOON + 2 * SECOND]


def test_the_end_of_a_later_session_from_the_same_port_is_not_taken_for_this_one_s(tmp_path: Path) -> None:
    first = resident(verdict(0))  # its end was never written: sockgated was killed
    second = first | {"__REALTIME_TIMESTAMP": NOON + 600 * SECOND}
    assert endings(tmp_path, first, second, end(second, 1, SOCKGATE_STATUS=0)) == [
        None, Ending(NOON + 601 * SECOND, 1.0, "success", status=0),
    ]  # fmt: skip


def test_records_that_a_server_forges_do_not_end_its_session(tmp_path: Path) -> None:
    session = verdict(0)
    forged = [record | {"_PID": 4711} for record in success(session, 1)]
    assert endings(tmp_path, session, forged) == [None]


def test_a_server_that_cannot_be_run_is_part_of_its_connection(tmp_path: Path) -> None:
    session, other = verdict(0), verdict(1, FAILED, SOCKGATE_REASON="no rules")
    failed = session | {"__REALTIME_TIMESTAMP": NOON + 1000, "MESSAGE_ID": FAILED, "SOCKGATE_VERDICT": "error"}
    missing = failed | {"SOCKGATE_REASON": "unable to run '/missing'"}
    assert endings(tmp_path, session, missing, failure(session, 0.002, "exited", 127, "exit-code"), other) == [
        Ending(NOON + 2000, 0.002, "exit-code", status=127, failure="unable to run '/missing'"), None,
    ]  # fmt: skip


def test_a_session_without_an_end_is_open_while_its_server_runs(tmp_path: Path) -> None:
    own: Record = {"_PID": os.getpid()}
    earlier = verdict(0) | own | {"_BOOT_ID": "e" * 32}
    served = resident(verdict(4)) | {"SOCKGATE_PID": os.getpid()}
    lost = resident(verdict(5)) | own | {"SOCKGATE_PID": 1 << 30}
    write_journal(tmp_path, [earlier, verdict(1) | own, refusal(2) | own, verdict(3, _PID=1 << 30), served, lost])
    known = Endings(str(tmp_path), BOOT)
    assert [known.is_open(connection) for connection in connections(Query(directory=str(tmp_path)))] == [
        False, True, False, False, True, False,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("journal")
    sources = ("192.0.2.7", "192.0.2.8", "198.51.100.1", "2001:db8::1", "2001:db8:1::1")
    accepted = [verdict(index, remote=address) for index, address in enumerate(sources)]
    others = [
        verdict(10, service="imap"), refusal(11), verdict(12, FAILED, SOCKGATE_REASON="no such file"),
        resident(verdict(13, service="my-app")),
        # A gate whose options are wrong does not know its name.
        verdict(14, FAILED, service="my-other", SOCKGATE_SERVICE="", _SYSTEMD_SLICE="system-my\\x2dother.slice"),
    ]  # fmt: skip
    write_journal(folder, accepted + others)
    return folder


def services(*names: str) -> tuple[GateUnit, ...]:
    return tuple(GateUnit(name, name) for name in names)


def seconds(journal: Path, query: Query) -> list[int]:
    """When the connections that this query finds began."""
    found = connections(Query(**{name: getattr(query, name) for name in Query.__slots__} | {"directory": str(journal)}))
    return [(connection.start - NOON) // SECOND for connection in found]


def test_a_query_selects(journal: Path) -> None:
    def net(*texts: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        return tuple(ipaddress.ip_network(text) for text in texts)

    for query, expected in (
        (Query(), [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]),
        (Query(services=services("imap")), [10]),
        (Query(services=services("my-app")), [13]),
        (Query(services=services("my-other")), [14]),
        (Query(services=services("imap", "my-app")), [10, 13]),
        (Query(services=services("none")), []),
        (Query(refused=True), [11, 12, 14]),
        (Query(services=services("smtp"), refused=True), [11, 12]),
        (Query(since=NOON + 11 * SECOND), [11, 12, 13, 14]),
        (Query(until=NOON + 1 * SECOND), [0, 1]),
        (Query(sources=net("192.0.2.8")), [1]),
        (Query(sources=net("192.0.2.0/29"), until=NOON + 9 * SECOND), [0]),
        (Query(sources=net("192.0.0.0/8"), until=NOON + 9 * SECOND), [0, 1]),
        (Query(sources=net("2001:db8::/32")), [3, 4]),
        (Query(sources=net("2001:db8::/120", "198.51.100.1")), [2, 3]),
        (Query(sources=net("203.0.113.1")), []),
    ):
        assert seconds(journal, query) == expected, query


def test_a_small_network_is_selected_by_the_journal_and_not_by_us() -> None:
    small = Query(sources=(ipaddress.ip_network("192.0.2.0/30"),)).selection()
    assert [term for term in small[0] if "ADDR" in term] == [f"SOCKGATE_REMOTE_ADDR=192.0.2.{n}" for n in range(4)]
    large = Query(sources=(ipaddress.ip_network("10.0.0.0/8"),)).selection()
    assert [term for term in large[0] if "ADDR" in term] == []


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    missing = str(tmp_path / "none")
    with pytest.raises(SystemFailure, match=rf"unable to open the journal: '{missing}' is not a directory"):
        Journal([], missing)


@pytest.mark.parametrize(
    ("value", "shown"),
    [("plain é", "plain é"), ("\x1b[2J", "?[2J"), (b"a\nb\xff", "a?b\ufffd"), (["\u202ea", "b"], "?a"), (7, "7")],
)
def test_what_other_users_write_cannot_reach_the_terminal(value: Value, shown: str) -> None:
    assert text({"FIELD": value}, "FIELD") == shown


def test_a_record_without_a_service_is_of_the_service_of_its_unit(tmp_path: Path) -> None:
    nameless = verdict(0, FAILED)
    del nameless["SOCKGATE_SERVICE"]
    write_journal(tmp_path, [nameless])
    query = Query(directory=str(tmp_path))
    found = history(query, Endings(str(tmp_path), BOOT))
    assert [(connection.service, connection.verdict) for connection, _ in found] == [("smtp", "error")]
