"""What follows from a client's being in a DNS list."""

import pytest

from sockgate.access.dnsbl import TEMPORARY, DnsList, DnsLists
from sockgate.core import DENY, NO_MATCH, UsageError, Verdict
from sockgate.core.listing import Listing, clean_text, is_listing
from sockgate.core.peer import Peer, pack
from tests.core.clients import client, local_user

FORM = "(write --dnsbl ZONE[/127.0.0.N][,VAR[,TEXT]])"
TWO, FOUR = pack("127.0.0.2"), pack("127.0.0.4")


def listed(*codes: bytes, text: str = "") -> Listing:
    return Listing(codes or (TWO,), text)


def lists(*blocking: str, allow: tuple[str, ...] = (), fail: str = "open") -> DnsLists:
    return DnsLists(list(blocking), list(allow), fail)


def decide(
    which: DnsLists, listings: dict[str, Listing], variables: dict[bytes, bytes | None] | None = None
) -> Verdict:
    peer = client("192.0.2.7")
    peer.listings = listings
    return which.decide(peer, variables or {}, None, None)


@pytest.mark.parametrize(
    ("value", "zone", "code", "variable", "text"),
    [
        ("bl.example", "bl.example", "", b"", ""),
        ("BL.Example.", "bl.example", "", b"", ""),
        ("bl.example/127.0.0.4", "bl.example", "127.0.0.4", b"", ""),
        ("bl.example,BLOCK", "bl.example", "", b"BLOCK", ""),
        ("bl.example/127.0.0.4,B2,Go away, you", "bl.example", "127.0.0.4", b"B2", "Go away, you"),
        ("bl.example,,554 no", "bl.example", "", b"", "554 no"),
        ("a_b.1-2", "a_b.1-2", "", b"", ""),
    ],
)
def test_a_list_is_zone_code_variable_and_text(value: str, zone: str, code: str, variable: bytes, text: str) -> None:
    found = DnsList(value)
    assert (found.zone, found.variable, found.text) == (zone, variable, text)
    assert found.code == (pack(code) if code else b"")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", f"--dnsbl: '' is not the name of a zone {FORM}"),
        ("a..b", f"--dnsbl: 'a..b' is not the name of a zone {FORM}"),
        ("a b", f"--dnsbl: 'a b' is not the name of a zone {FORM}"),
        ("x" * 64, f"--dnsbl: '{'x' * 64}' is not the name of a zone {FORM}"),
        ("müll.example", f"--dnsbl: 'müll.example' is not the name of a zone {FORM}"),
        ("a/", f"--dnsbl: 'a/' has no answer of a DNS list behind the slash {FORM}"),
        ("a/10.0.0.1", f"--dnsbl: 'a/10.0.0.1' has no answer of a DNS list behind the slash {FORM}"),
        ("a/127.255.255.254", f"--dnsbl: 'a/127.255.255.254' has no answer of a DNS list behind the slash {FORM}"),
        ("a/::1", f"--dnsbl: 'a/::1' has no answer of a DNS list behind the slash {FORM}"),
        ("a,B-C", f"--dnsbl: 'B-C' is not the name of a variable {FORM}"),
        ("a,1B", f"--dnsbl: '1B' is not the name of a variable {FORM}"),
        ("a,B,x\n", "--dnsbl: 'x\\n' is not a line of at most 400 characters"),
    ],
)
def test_what_is_no_list_is_named(value: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        DnsList(value)
    assert str(caught.value) == message


def test_an_allow_list_has_no_variable_and_failing_has_two_ways() -> None:
    with pytest.raises(UsageError, match=r"^--dnsbl-allow: 'a,B' is not ZONE or ZONE/127\.0\.0\.N$"):
        lists("x", allow=("a,B",))
    with pytest.raises(UsageError, match=r"^--dnsbl-fail: 'ajar' is neither open nor closed$"):
        lists("x", fail="ajar")


def test_a_client_in_a_list_without_a_variable_is_refused_with_its_text() -> None:
    both = {"bl.example": listed(text="Spam from here"), "other.example": Listing()}
    verdict = decide(lists("other.example", "bl.example,,554 5.7.1 @: * (@)"), both)
    assert (verdict.outcome, str(verdict.cause or "")) == (DENY, "--dnsbl bl.example")
    assert verdict.reason == "in the DNS list bl.example (127.0.0.2)"
    assert verdict.message == b"554 5.7.1 192.0.2.7: Spam from here (@)\r\n"
    assert decide(lists("bl.example"), both).message == b""  # --deny-message has the word
    assert decide(lists("bl.example,,*"), {"bl.example": listed()}).message == b"Blacklisted by bl.example\r\n"
    assert decide(lists("other.example"), both).outcome == NO_MATCH


def test_a_client_in_a_list_with_a_variable_has_couriers_variables() -> None:
    verdict = decide(lists("bl.example,BLOCK"), {"bl.example": listed(FOUR, text="Spam")})
    assert (verdict.outcome, verdict.variables) == (
        NO_MATCH,
        {b"BLOCK": b"Spam", b"BLOCK_IP": b"127.0.0.4", b"BLOCK_TXT": b"Spam", b"BLOCK_ZONE": b"bl.example"},
    )
    verdict = decide(lists("bl.example,RBLSMTPD,-Blocked: *"), {"bl.example": listed()})
    assert verdict.variables == {
        b"RBLSMTPD": b"-Blocked: Blacklisted by bl.example", b"RBLSMTPD_IP": b"127.0.0.2",
        b"RBLSMTPD_ZONE": b"bl.example",
    }  # fmt: skip


def test_of_lists_with_one_variable_the_first_sets_it() -> None:
    three = lists("a.example,A", "b.example,A", "c.example,C")
    verdict = decide(three, {"a.example": Listing(), "b.example": listed(), "c.example": listed(FOUR)})
    assert verdict.variables[b"A_ZONE"] == b"b.example"
    assert verdict.variables[b"C_IP"] == b"127.0.0.4"


def test_only_the_answer_behind_the_slash_counts() -> None:
    one = lists("bl.example/127.0.0.4")
    assert decide(one, {"bl.example": listed(TWO)}).outcome == NO_MATCH
    assert decide(one, {"bl.example": listed(TWO, FOUR)}).reason == "in the DNS list bl.example (127.0.0.4)"


def test_an_allow_list_beats_all_others() -> None:
    three = lists("a.example", "b.example,BLOCK", allow=("wl.example",))
    listings = {"a.example": listed(), "b.example": listed(), "wl.example": listed()}
    verdict = decide(three, listings)
    assert (verdict.outcome, str(verdict.cause or "")) == (NO_MATCH, "--dnsbl-allow wl.example")
    assert verdict.variables == {
        b"BLOCK": b"", b"BLOCK_IP": b"127.0.0.2", b"BLOCK_ZONE": b"wl.example", b"ALLOW_0": b"BLOCK"
    }  # fmt: skip
    assert decide(three, listings | {"wl.example": Listing()}).outcome == DENY
    coded = lists("a.example", allow=("wl.example/127.0.0.4",))
    assert decide(coded, listings).outcome == DENY


def test_a_list_that_does_not_answer_lets_in_or_puts_off_as_asked() -> None:
    silent = {"a.example": Listing(problem="no answer in time"), "b.example": Listing()}
    assert decide(lists("a.example", "b.example"), silent).outcome == NO_MATCH
    verdict = decide(lists("a.example", "b.example", fail="closed"), silent)
    assert (verdict.outcome, str(verdict.cause or ""), verdict.message) == (DENY, "--dnsbl-fail closed", TEMPORARY)
    assert verdict.reason == "no answer from the DNS list a.example: no answer in time"


def test_no_client_is_refused_for_good_while_a_list_that_may_allow_it_is_silent() -> None:
    answers = {"a.example": listed(), "wl.example": Listing(problem="SERVFAIL")}
    assert decide(lists("a.example,,554 no", allow=("wl.example",)), answers).message == b"554 no\r\n"
    verdict = decide(lists("a.example,,554 no", allow=("wl.example",), fail="closed"), answers)
    assert (str(verdict.cause or ""), verdict.message) == ("--dnsbl-fail closed", TEMPORARY)
    nothing = answers | {"a.example": Listing()}  # a client in no list needs no permission
    assert decide(lists("a.example", allow=("wl.example",), fail="closed"), nothing).outcome == NO_MATCH
    known = {"a.example": Listing(problem="x"), "b.example": listed()}
    assert decide(lists("a.example", "b.example,,554 no", fail="closed"), known).message == b"554 no\r\n"


@pytest.mark.parametrize(
    ("ip", "asked"),
    [
        ("192.0.2.7", True), ("8.8.8.8", True), ("2001:db8::1", True), ("172.32.0.1", True), ("100.128.0.1", True),
        ("127.0.0.1", False), ("10.1.2.3", False), ("172.31.0.1", False), ("192.168.1.1", False),
        ("169.254.1.1", False), ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False), ("::1", False),
        ("fe80::1", False), ("fd00::1", False), ("fec0::1", False), ("::ffff:10.1.2.3", False),
    ],
)  # fmt: skip
def test_only_public_addresses_are_asked_about(ip: str, asked: bool) -> None:
    which = lists("bl.example", allow=("wl.example",))
    assert which.zones(client(ip), {}, None) == ({"bl.example": False, "wl.example": False} if asked else {})
    assert which.zones(client(ip), {}, "192.0.2.0/24") == {}
    assert which.zones(client(ip), {b"RELAYCLIENT": b""}, None) == {}
    assert which.zones(local_user(), {}, None) == {}


def test_a_rule_exempts_from_lists_by_setting_their_variable() -> None:
    three = lists("a.example", "b.example,BLOCK", "c.example,C,no *", "c.example/127.0.0.9", allow=("wl.example",))
    zones = {"a.example": False, "b.example": True, "c.example": True, "wl.example": False}
    assert three.zones(client("192.0.2.7"), {}, None) == zones
    assert three.zones(client("192.0.2.7"), {b"C": b"x"}, None) == zones | {"c.example": False}
    assert three.zones(client("192.0.2.7"), {b"BLOCK": b"why"}, None).keys() == zones.keys() - {"b.example"}
    assert three.zones(client("192.0.2.7"), {b"RBLSMTPD": b"", b"BLOCK": b"", b"C": None}, None) == {}
    answers = {zone: listed() for zone in zones if zone != "wl.example"}
    assert decide(three, answers, {b"RBLSMTPD": b""}).variables.keys() == {
        b"BLOCK", b"BLOCK_IP", b"BLOCK_ZONE", b"C", b"C_IP", b"C_ZONE"
    }  # fmt: skip


def test_what_is_considered_is_told() -> None:
    which = lists("a.example", "b.example,B", "c.example", allow=("wl.example",))
    considered: list[str] = []
    peer: Peer = client("192.0.2.7")
    peer.listings = {"wl.example": Listing(), "a.example": Listing(problem="SERVFAIL"), "b.example": listed()}
    which.decide(peer, {}, None, considered)
    assert considered == [
        "DNS list wl.example: does not have this client",
        "DNS list a.example: SERVFAIL",
        "DNS list c.example: was not asked",
    ]
    considered.clear()
    which.decide(client("10.1.2.3"), {}, None, considered)
    which.decide(client("8.8.8.8"), {}, "8.8.8.0/24", considered)
    which.decide(client("8.8.8.8"), {b"RELAYCLIENT": b"@x"}, None, considered)
    assert considered == [
        "DNS lists: none is asked about this client: its address is not a public one",
        "DNS lists: none is asked about this client: --relay 8.8.8.0/24 has it",
        "DNS lists: none is asked about this client: its rule sets RELAYCLIENT",
    ]


def test_a_lists_text_cannot_split_a_line_or_pass_for_a_function() -> None:
    assert clean_text("a\r\n250 ok\0\x1b[2J\x7f\xffé") == "a??250 ok??[2J???"
    assert clean_text("() { :;}; echo pwned") == "{ :;}; echo pwned"
    assert clean_text("x" * 4000) == "x" * 400
    assert Listing((TWO,), "a\nb").text == "a?b"


def test_only_answers_in_127_are_listings() -> None:
    good, bad = (
        ("127.0.0.1", "127.0.0.2", "127.255.254.1"),
        ("127.255.255.254", "127.255.255.1", "128.0.0.2", "0.0.0.0"),
    )
    assert [is_listing(pack(ip)) for ip in good + bad] == [True] * 3 + [False] * 4
