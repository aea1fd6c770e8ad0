"""--only-from and --no-access with host names."""

import pytest

from sockgate.access import xinetd_access
from sockgate.access.xinetd_access import XinetdAccess
from sockgate.core import ALLOW, DENY, NO_MATCH
from sockgate.core.host_names import CONFIRMED, FAILED, NONE, UNCONFIRMED, GivenName, HostName
from sockgate.core.peer import Peer, pack
from tests.core.clients import client


class Said:
    """A name service that always says this."""

    def __init__(self, *answer: str) -> None:
        self.asked = 0
        self._answer = HostName(*answer)

    def name_of(self, packed: bytes) -> HostName:
        self.asked += 1
        return self._answer

    def is_in_netgroup(self, group: str, host: str) -> bool | None:
        return None


def named_client(*answer: str) -> Peer:
    peer = client("192.0.2.1")
    peer.names = Said(*answer)
    return peer


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        ((CONFIRMED, "www.example.com"), ALLOW, "in --only-from .example.com"),
        ((CONFIRMED, "example.com"), DENY, "not in --only-from .example.com mail.example.org"),
        ((CONFIRMED, "notexample.com"), DENY, "not in --only-from .example.com mail.example.org"),
        ((CONFIRMED, "mail.example.org"), ALLOW, "in --only-from mail.example.org"),
        ((CONFIRMED, "x.mail.example.org"), DENY, "not in --only-from .example.com mail.example.org"),
        ((NONE,), DENY, "not in --only-from .example.com mail.example.org"),
        (
            (UNCONFIRMED, "www.example.com", "www.example.com has another address"), DENY,
            "not in --only-from .example.com mail.example.org: www.example.com has another address",
        ),
        ((FAILED, "", "no answer"), DENY, "not in --only-from .example.com mail.example.org: no answer"),
        ((FAILED, "www.example.com", "no answer"), DENY, "not in --only-from .example.com mail.example.org: no answer"),
    ],
)  # fmt: skip
def test_a_name_lets_in_only_if_it_leads_back_to_the_client(answer: tuple[str, ...], outcome: str, reason: str) -> None:
    verdict = XinetdAccess(".example.com mail.example.org", "").decide(named_client(*answer))
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        ((CONFIRMED, "www.example.com"), DENY, "in --no-access .example.com"),
        ((UNCONFIRMED, "www.example.com", "it has no address"), DENY, "in --no-access .example.com"),
        ((FAILED, "www.example.com", "no answer in time"), DENY, "in --no-access .example.com"),
        ((CONFIRMED, "example.org"), NO_MATCH, ""),
        ((FAILED, "example.org", "no answer in time"), NO_MATCH, ""),
        ((NONE,), NO_MATCH, ""),
        (
            (FAILED, "", "no answer in time"), DENY,
            "unable to compare the client's name with --no-access .example.com: no answer in time",
        ),
    ],
)  # fmt: skip
def test_a_name_refuses_even_unconfirmed_and_so_does_one_that_cannot_be_found_out(
    answer: tuple[str, ...], outcome: str, reason: str
) -> None:
    verdict = XinetdAccess("", ".example.com").decide(named_client(*answer))
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_a_name_that_decides_nothing_is_not_looked_up() -> None:
    peer = named_client(CONFIRMED, "www.example.com")
    assert XinetdAccess("192.0.2.0 .example.com", "").decide(peer).outcome == ALLOW
    assert XinetdAccess("", "192.0.2.0 .example.com").decide(peer).outcome == DENY
    assert isinstance(peer.names, Said)
    assert peer.names.asked == 0


def test_a_list_with_names_needs_a_process_that_may_wait() -> None:
    assert XinetdAccess("10.0.0.1", ".example.com").needs_process
    assert XinetdAccess("mail", "").needs_process
    assert not XinetdAccess("10.0.0.1", "::1").needs_process


def test_without_a_name_service_names_let_no_client_in() -> None:
    assert XinetdAccess(".example.com", "").decide(client("192.0.2.1")).outcome == DENY
    verdict = XinetdAccess("", ".example.com").decide(client("192.0.2.1"))
    assert verdict.reason.endswith("names are not looked up here")


def test_explain_can_give_a_name_or_none() -> None:
    access = XinetdAccess(".example.com", "")
    for name, outcome in (("WWW.example.com", ALLOW), (None, DENY)):
        peer = client("192.0.2.1")
        peer.names = GivenName(peer.remote, name)
        assert access.decide(peer).outcome == outcome
    assert GivenName(pack("192.0.2.9"), "www.example.com").name_of(pack("192.0.2.1")).state == NONE
    assert GivenName(b"", "x").is_in_netgroup("group", "x") is None


def test_what_did_not_match_is_told_with_its_meaning() -> None:
    considered: list[str] = []
    peer = named_client(NONE)
    XinetdAccess("10.0.0.0 10.1.{2,3} .example.com", "192.168.0.0 ::1").decide(peer, considered)
    assert considered == [
        "--no-access 192.168.0.0: not 192.168.0.0/16",
        "--no-access ::1: not ::1/128",
        "--only-from 10.0.0.0: not 10.0.0.0/8",
        "--only-from 10.1.{2,3}: not 10.1.2.0/24 10.1.3.0/24",
        "--only-from .example.com: not clients whose name ends in .example.com",
    ]


def test_a_list_of_thousands_of_names_reads_networks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def count(sources: object) -> dict[str, int]:
        read.append("networks")
        return {"office": 10 << 24}

    monkeypatch.setattr(xinetd_access, "read_networks", count)
    access = XinetdAccess(" ".join(f"host{number}.example.com" for number in range(2000)) + " office", "")
    assert read == ["networks"]
    assert access.entries()[-1].caveat
    XinetdAccess("10.0.0.0", "")
    assert read == ["networks"]
