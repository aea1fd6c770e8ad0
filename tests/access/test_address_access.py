"""--allow and --deny, and what explains them."""

import pytest

from sockgate.access.address_access import AddressAccess
from sockgate.core import ALLOW, DENY, NO_MATCH, UsageError
from sockgate.core.peer import Peer, internet_peer, pack


def client(address: str) -> Peer:
    return internet_peer(pack(address), 4711, pack("::1" if ":" in address else "127.0.0.1"), 25)


@pytest.mark.parametrize(
    ("allow", "deny", "address", "outcome", "reason"),
    [
        ("10.0.0.0/8", "", "10.1.2.3", ALLOW, "in --allow 10.0.0.0/8"),
        ("10.0.0.0/8", "", "192.0.2.1", DENY, "not in --allow 10.0.0.0/8"),
        ("10.0.0.0/8,::1", "", "192.0.2.1", DENY, "not in --allow 10.0.0.0/8,::1"),
        ("10.0.0.0/8", "", "::1", DENY, "not in --allow 10.0.0.0/8"),
        ("", "10.0.0.0/8", "10.1.2.3", DENY, "in --deny 10.0.0.0/8"),
        ("", "10.0.0.0/8", "192.0.2.1", NO_MATCH, ""),
        ("10.1.0.0/16", "10.0.0.0/8", "10.1.2.3", ALLOW, "in --allow 10.1.0.0/16"),
        ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", ALLOW, "in --allow 10.0.0.0/8"),  # allow beats deny, however narrow
        ("10.1.0.0/16", "10.0.0.0/8", "10.2.2.3", DENY, "in --deny 10.0.0.0/8"),
        ("10.1.0.0/16", "10.0.0.0/8", "192.0.2.1", NO_MATCH, ""),
        ("localhost", "any", "::ffff:127.0.0.1", ALLOW, "in --allow localhost"),
        ("localhost", "any", "fd00::1", DENY, "in --deny any"),
    ],
)
def test_the_verdict_is_that_of_ipaddressallow_except_that_an_allow_list_alone_refuses_the_rest(
    allow: str, deny: str, address: str, outcome: str, reason: str
) -> None:
    verdict = AddressAccess(allow, deny).decide(client(address))
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert str(verdict.cause or "") == reason.removeprefix("not ").removeprefix("in ")
    assert (verdict.variables, verdict.message, verdict.actions) == ({}, b"", None)


def test_a_client_without_an_address_is_in_no_list() -> None:
    assert AddressAccess("any", "").decide(Peer("UNIX")).outcome == DENY
    assert AddressAccess("", "any").decide(Peer("UNIX")).outcome == NO_MATCH


def test_what_did_not_match_is_told() -> None:
    considered: list[str] = []
    AddressAccess("10.0.0.1 10.0.0.2", "192.0.2.0/24").decide(client("192.0.2.1"), considered)
    assert considered == ["--allow 10.0.0.1 10.0.0.2: no entry covers 192.0.2.1"]
    AddressAccess("", "10.0.0.1").decide(client("192.0.2.1"), considered)
    assert considered[1:] == ["--deny 10.0.0.1: no entry covers 192.0.2.1"]


def test_each_list_is_named_in_its_errors() -> None:
    with pytest.raises(UsageError, match=r"^--allow: 'x' is not an IP address"):
        AddressAccess("x", "y")
    with pytest.raises(UsageError, match=r"^--deny: 'y' is not an IP address"):
        AddressAccess("::1", "y")
    for allow, deny, option in ((" ", "", "--allow"), ("::1", " ", "--deny")):
        with pytest.raises(UsageError, match=f"^{option}: the list is empty"):
            AddressAccess(allow, deny)
