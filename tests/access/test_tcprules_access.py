"""--rules: what a text, a cdb of ours and a cdb of tcprules decide."""

from pathlib import Path

import pytest

from sockgate.access.tcprules_access import RulesAccess
from sockgate.core import ALLOW, DENY, NO_MATCH
from sockgate.core.peer import Peer
from sockgate.rulefile.cdbwriter import CdbWriter
from sockgate.rulefile.compiler import compile_rules
from tests.access.damage import tcprules
from tests.core.clients import client, local_user

RULES = """\
# who may send mail from here
127.:allow,RELAYCLIENT=""
10.1.2.3:deny,DIEMSG="554 go away"
10.1.:allow,RELAYCLIENT="",DATABYTES="5000000"
10.1.128.0/17:deny
10.2-3.:deny
2001:db8::/32:deny
2001:db8:1::1:allow
=relay.example.com:allow,RELAYCLIENT=""
=.example.com:deny
=:allow,NAMED="1"
joe@10.9.9.9:deny
joe@=home.example.org:deny
:deny
"""


@pytest.fixture(params=["text", "compiled"])
def rules(request: pytest.FixtureRequest, tmp_path: Path) -> RulesAccess:
    """The rules above, read from their text and from what we compile of it."""
    text = tmp_path / "rules"
    text.write_text(RULES)
    if request.param == "text":
        return RulesAccess(str(text))
    compile_rules(str(text), str(tmp_path / "rules.cdb"))
    return RulesAccess(str(tmp_path / "rules.cdb"))


def of_text(tmp_path: Path, text: str) -> RulesAccess:
    (tmp_path / "text").write_text(text)
    return RulesAccess(str(tmp_path / "text"))


def of_tcprules(tmp_path: Path, text: str) -> RulesAccess:
    (tmp_path / "cdb").write_bytes(tcprules(text.encode()))
    return RulesAccess(str(tmp_path / "cdb"))


@pytest.mark.parametrize(
    ("peer", "outcome", "line"),
    [
        (client("127.0.0.1"), ALLOW, 2),
        (client("10.1.2.3"), DENY, 3),
        (client("10.1.2.4"), ALLOW, 4),
        (client("10.1.127.255"), ALLOW, 4),
        (client("10.1.128.0"), DENY, 5),
        (client("10.2.0.1"), DENY, 6),
        (client("10.3.255.255"), DENY, 6),
        (client("10.4.0.1"), DENY, 14),
        (client("2001:db8::1"), DENY, 7),
        (client("2001:db8:1::1"), ALLOW, 8),
        (client("2001:db9::1"), DENY, 14),
        (client("::ffff:127.0.0.1"), ALLOW, 2),
        (client("10.2.0.1", "relay.example.com"), ALLOW, 9),  # a name before a network
        (client("10.1.2.3", "relay.example.com"), DENY, 3),  # an address before a name
        (client("8.8.8.8", "www.example.com"), DENY, 10),
        (client("127.0.0.1", "www.example.com"), ALLOW, 2),  # a network before a suffix
        (client("8.8.8.8", "example.com"), ALLOW, 11),
        (client("10.9.9.9", info="joe"), DENY, 12),
        (client("10.9.9.9", "home.example.org", "joe"), DENY, 12),
        (client("10.9.9.8", "home.example.org", "joe"), DENY, 13),
        (client("10.9.9.9", "home.example.org"), ALLOW, 11),
        (local_user(), DENY, 14),
    ],
)
def test_the_most_specific_rule_decides(rules: RulesAccess, peer: Peer, outcome: str, line: int) -> None:
    verdict = rules.decide(peer)
    assert (verdict.outcome, str(verdict.cause or "").rpartition("/")[2]) == (outcome, f"rules:{line}")


def test_the_verdict_says_which_rule_and_sets_its_variables(rules: RulesAccess, tmp_path: Path) -> None:
    verdict = rules.decide(client("10.1.2.4"))
    where = f"{tmp_path}/rules:4"
    assert verdict.cause
    assert str(verdict.cause) == where
    assert verdict.cause.text == '10.1.:allow,RELAYCLIENT="",DATABYTES="5000000"'
    assert verdict.reason == f"{where}: {verdict.cause.text}"
    assert verdict.variables == {b"RELAYCLIENT": b"", b"DATABYTES": b"5000000"}
    assert verdict.message == b""


def test_a_refusal_can_tell_the_client_why_and_sets_nothing(rules: RulesAccess) -> None:
    verdict = rules.decide(client("10.1.2.3"))
    assert (verdict.message, verdict.variables) == (b"554 go away\r\n", {})
    assert rules.decide(client("10.2.0.1")).message == b""


def test_the_keys_before_the_one_that_matched_were_considered(tmp_path: Path) -> None:
    considered: list[str] = []
    of_text(tmp_path, "10.0.0.0/9:deny\n:allow\n").decide(client("10.200.0.1", "a.b"), considered)
    keys = ["'10.200.0.1'", "'=a.b'", "'10.200.0.'", "'10.200.'", "'10.128.0.0/9'", "'10.'", "'=.b'", "'='"]
    assert considered == [f"{tmp_path}/text: no rule for {key}" for key in keys]


def test_only_the_prefix_lengths_of_the_file_are_looked_up(tmp_path: Path) -> None:
    considered: list[str] = []
    of_text(tmp_path, "2001:db8::/32:deny\n2001:db8::/48:deny\n:allow\n").decide(client("fe80::1"), considered)
    assert len(considered) == 3


def test_of_two_rules_with_one_key_the_first_counts(tmp_path: Path) -> None:
    text = "10.1.0.0/16:deny\n10.1.:allow\n10.0-9.:allow\n:deny\n"
    assert str(of_text(tmp_path, text).decide(client("10.1.2.3")).cause) == f"{tmp_path}/text:1"
    assert of_tcprules(tmp_path, "10.1.:deny\n10.1.:allow\n").decide(client("10.1.2.3")).outcome == DENY


def test_a_cdb_of_tcprules_is_read_as_it_is(tmp_path: Path) -> None:
    rules = of_tcprules(tmp_path, '1.2.3.0/24:deny\n10.1.:deny\n127.:allow, X="1",RELAYCLIENT=""\n')
    assert rules.decide(client("1.2.3.4")).outcome == NO_MATCH  # tcprules knows no CIDR
    cause = rules.decide(client("10.1.2.3")).cause
    assert cause
    assert cause.text == "10.1.:deny"
    verdict = rules.decide(client("127.0.0.1"))
    assert verdict.variables == {b" X": b"1", b"RELAYCLIENT": b""}
    assert str(verdict.cause or "") == f"{tmp_path}/cdb"


def test_a_cdb_of_tcprules_can_lack_a_catch_all_rule(tmp_path: Path) -> None:
    assert of_tcprules(tmp_path, "10.1.2.3:deny\n").decide(client("10.1.2.4")).outcome == NO_MATCH


def test_a_cdb_of_the_ipv6_patch_matches_prefixes_that_end_in_a_colon(tmp_path: Path) -> None:
    with (tmp_path / "cdb").open("wb") as file:
        writer = CdbWriter(file)
        writer.add(b"2001:db8::1", b"")
        writer.add(b"2001:db8:", b"D\0")
        writer.finish()
    rules = RulesAccess(str(tmp_path / "cdb"))
    assert [rules.decide(client(ip)).outcome for ip in ("2001:db8::1", "2001:db8:1::1", "2001:db9::1")] == [
        ALLOW, DENY, NO_MATCH,
    ]  # fmt: skip
