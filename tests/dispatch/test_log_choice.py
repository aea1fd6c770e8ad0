"""--log and --log-address in the resident gate, in each of its formats."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest

from sockgate.connection.log import ACCEPTED, ENDED, FAILED, REFUSED, SUMMED
from sockgate.connection.log_choice import KINDS, LogChoice
from sockgate.core import ALLOW, DENY, Cause, ConfigError, Verdict
from sockgate.dispatch.records import sums
from sockgate.dispatch.records.buffered_log import BufferedLog
from sockgate.dispatch.records.log_formats import make_records
from sockgate.dispatch.records.records import Records
from sockgate.dispatch.sessions import Session
from tests.core.clients import client
from tests.dispatch.conftest import Start
from tests.dispatch.test_records import decided

ALL = " ".join(KINDS)
DENIED = Verdict(DENY, Cause("--deny", "192.0.2.77 10.0.0.0/8"), "in --deny 192.0.2.77")
OLD_FORMATS = ("xinetd", "tcpserver")


class Make(Protocol):
    def __call__(self, kinds: str = ALL, address: str = "full", log_format: str = "journal") -> Records: ...


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each record for the journal, and each line."""
    found: list[str] = []
    monkeypatch.setattr(BufferedLog, "add", lambda _, record: found.append(record.decode()))
    monkeypatch.setattr(BufferedLog, "write_line", lambda _, text: found.append(text))
    return found


@pytest.fixture
def make(sent: list[str]) -> Iterator[Make]:
    """Records with this choice."""
    assert sent == []
    with ExitStack() as stack:

        def made(kinds: str = ALL, address: str = "full", log_format: str = "journal") -> Records:
            log = BufferedLog("sockgated", "smtp", b"")
            log.choice = LogChoice(frozenset(kinds.split()), address)
            if log_format == "journal":
                log._journal = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            return make_records(log_format, log)

        yield made


def one_of_each(records: Records, address: str = "full") -> None:
    """A long session, a brief one, many refusals, and an error here."""
    for written_between in (True, False):
        session = Session(client("192.0.2.77", "mail.example.org", "joe"))
        session.pid = 4242
        verdict = Verdict(ALLOW, Cause("--allow", "192.0.2.77"), "192.0.2.77 is in")
        records.accepted(session, decided(session, verdict, "--log-address", address))
        records.counted(1, 40)
        if written_between:
            records.write_starts()
        records.ended(session, 0)
    for _ in range(sums.FULL + 5):
        records.refused(client("192.0.2.77", "mail.example.org", "joe"), DENIED)
        records.gone()
    records.failed(client("192.0.2.77"), ConfigError("unable to decide about 192.0.2.77"))
    records.write_starts()
    records.write_sums()


def kinds_of(sent: list[str]) -> list[str]:
    ids = {ACCEPTED: "accepted", ENDED: "ended", REFUSED: "refused", FAILED: "failed", SUMMED: "sum"}
    return sorted({ids.get(found[1], "gone") for record in sent if (found := re.search("MESSAGE_ID=(.*)", record))})


@pytest.mark.parametrize(
    ("kinds", "written"),
    [
        (ALL, ["accepted", "ended", "failed", "gone", "refused", "sum"]),
        ("", ["failed"]),
        ("accepted", ["accepted", "failed"]),
        ("ended", ["ended", "failed"]),
        ("refused", ["failed", "refused", "sum"]),
        ("gone", ["failed", "gone", "sum"]),
    ],
)
def test_only_the_records_that_are_wanted_are_written(
    make: Make, sent: list[str], kinds: str, written: list[str]
) -> None:
    one_of_each(make(kinds))
    assert kinds_of(sent) == written


def test_a_brief_session_whose_end_is_not_wanted_has_the_record_of_its_start(make: Make, sent: list[str]) -> None:
    one_of_each(make("accepted"))
    starts = [record for record in sent if ACCEPTED in record]
    assert len(starts) == 2
    assert not any("DURATION" in record or "; ended" in record for record in starts)


def test_of_a_brief_session_whose_start_is_not_wanted_the_end_is_written(make: Make, sent: list[str]) -> None:
    one_of_each(make("ended"))
    assert [("ended 192.0.2.77:4711" in record, ENDED in record) for record in sent[:2]] == [(True, True)] * 2


@pytest.mark.parametrize("log_format", OLD_FORMATS)
@pytest.mark.parametrize(
    ("kinds", "xinetd", "tcpserver"),
    [
        (ALL, {"START", "EXIT", "FAIL"}, {"pid", "ok", "end", "deny", "status"}),
        ("accepted", {"START"}, {"pid", "ok", "status"}),
        ("ended refused", {"EXIT", "FAIL"}, {"end", "deny"}),
        ("", set(), set()),
    ],
)
def test_the_lines_of_old_programs_can_be_chosen_as_well(
    make: Make, sent: list[str], log_format: str, kinds: str, xinetd: set[str], tcpserver: set[str]
) -> None:
    records = make(kinds, log_format=log_format)
    one_of_each(records)
    del sent[-2:]  # of the error
    found = {re.sub(r"^tcpserver: ", "", line).split(" ")[0].rstrip(":") for line in sent}
    assert found - {"sockgated"} == (xinetd if log_format == "xinetd" else tcpserver)


@pytest.mark.parametrize("log_format", ["journal", *OLD_FORMATS])
@pytest.mark.parametrize("address", ["network", "none"])
def test_no_record_names_the_client(make: Make, sent: list[str], address: str, log_format: str) -> None:
    one_of_each(make(address=address, log_format=log_format), address)
    secrets = ["192.0.2.77", "mail.example.org", "joe", *(["4711"] if address == "none" else [])]
    assert [secret for secret in secrets if any(secret in record for record in sent)] == []
    if log_format == "journal":
        assert kinds_of(sent) == ["accepted", "ended", "failed", "gone", "refused", "sum"]
        assert any("REMOTE_ADDR=192.0.2.0\n" in record for record in sent) == (address == "network")


def test_xinetds_lines_have_no_from_where_the_address_is_not_wanted(make: Make, sent: list[str]) -> None:
    one_of_each(make("accepted refused", "none", "xinetd"))
    assert sent[0] == "START: smtp pid=4242"
    assert sent[2] == "FAIL: smtp address"


def test_what_is_not_recorded_is_counted_all_the_same(gated: Start) -> None:
    one = gated("--log", "none", "--max-per-source", "1", "--deny", "127.0.0.2", "--deny-message", "421 no",
                "/bin/sh", "-c", "echo in; read -r line")  # fmt: skip
    served = one.connect()
    assert served.recv(100) == b"in\n"
    assert one.talk() == b"421 no\r\n", "the limit holds"
    assert one.talk("127.0.0.2") == b"421 no\r\n"
    served.close()
    one.stop()
    assert "1 served, 2 refused" in one.lines("stopped")[0]
    assert len(one.log().splitlines()) == 2  # that it listens, and that it has stopped


def test_what_a_child_refuses_is_not_recorded_either(gated: Start) -> None:
    one = gated("--log", "accepted,ended", "--greet-delay", "30", "--deny-message", "421 no", "/bin/true")
    for _ in range(3):
        assert one.talk(say=b"EHLO client\r\n") == b"421 no\r\n"
    one.stop()
    assert one.lines("refused 127") == []
    assert "0 served, 3 refused" in one.lines("stopped")[0]


def test_the_words_of_a_client_that_speaks_too_early_are_not_quoted_where_its_address_is_not_wanted(
    gated: Start,
) -> None:
    """Most of them are its name, or its address: EHLO mail.example.org."""
    for address, quoted in (("none", ""), ("network", ""), ("full", ": 'EHLO mail.example.org'")):
        one = gated("--log-address", address, "--greet-delay", "30", "/bin/true")
        one.talk(say=b"EHLO mail.example.org\r\n")
        assert one.wait_for("refused .* on ")[0].endswith(f": spoke before it was greeted{quoted}")
        one.stop()


ELSEWHERE = """
from sockgate.resolve import host_lookup
host_lookup.reverse_name = lambda packed: "mail.example.org"
host_lookup.forward = lambda name, packed: "mail.example.org 192.0.2.1"
"""


def test_a_name_that_a_child_has_looked_up_stands_in_no_sum_either(gated: Start) -> None:
    one = gated("--log-address", "none", "--only-from", ".example.net", "/bin/true", code=ELSEWHERE)
    for _ in range(sums.FULL + 2):
        one.talk()
    one.stop()
    assert len(one.wait_for("a client has another address", sums.FULL + 1)) == sums.FULL + 1, "the last is the sum"
    assert "mail.example.org" not in one.log()


@pytest.mark.parametrize("more", [(), ("--greet-delay", "0.1")], ids=["at once", "by a child"])
def test_a_gate_that_must_not_keep_addresses_keeps_none(gated: Start, more: tuple[str, ...]) -> None:
    one = gated("--log-address", "none", *more, "--deny", "127.0.0.2", "/bin/sh", "-c", 'echo "$TCPREMOTEIP"')
    assert one.talk("127.0.0.1") == b"127.0.0.1\n"
    one.talk("127.0.0.2")
    one.wait_for("ended")
    one.stop()
    assert len(one.lines("accepted a client on 127.0.0.1:")) == 1
    assert len(one.lines("ended a client on 127.0.0.1:")) == 1
    assert one.lines("refused a client on 127.0.0.1:.*: in --deny a client")
