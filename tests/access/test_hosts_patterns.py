"""The patterns of hosts.allow and hosts.deny: whom each of them matches."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.access.hosts_words import match_text, match_wildcards
from sockgate.core import ALLOW, DENY
from sockgate.core.host_names import CONFIRMED, FAILED, NONE, UNCONFIRMED
from sockgate.core.peer import internet_peer, pack
from tests.access.hosts_tables import Names, is_matched, named, read
from tests.core.clients import client, local_user


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("192.0.2.1", ["192.0.2.1"], ["192.0.2.10", "192.0.2.2"]),
        ("192.0.", ["192.0.2.1"], ["192.1.2.1", "19.2.0.1"]),
        (".1", ["192.0.2.1"], ["192.0.2.11"]),
        ("192.0.2.0/24", ["192.0.2.1"], ["192.0.3.1", "2001:db8::1"]),
        ("192.0.2.0/255.255.255.0", ["192.0.2.1"], ["192.0.3.1"]),
        ("192.0.2.0/255.0.255.0", ["192.9.2.0", "192.0.2.1"], ["192.0.3.1"]),
        ("0300.0.2.0/24", ["192.0.2.1"], ["0.0.2.1"]),
        ("0.0.0.0/0.0.0.0", ["192.0.2.1"], ["2001:db8::1"]),
        ("192.0.2.?", ["192.0.2.1"], ["192.0.2.10"]),
        ("192.*.1", ["192.0.2.1"], ["192.0.2.2"]),
        ("[2001:db8::1]", ["2001:db8::1"], ["2001:db8::2", "192.0.2.1"]),
        ("[2001:DB8:0::1]", ["2001:db8::1"], ["2001:db8::11"]),
        ("[2001:db8::77]/32", ["2001:db8::1"], ["2001:db9::1"]),
        ("[::]/0", ["2001:db8::1"], ["192.0.2.1"]),
        ("ALL", ["192.0.2.1", "2001:db8::1"], []),
        ("all", ["192.0.2.1"], []),
    ],
)
def test_an_address_pattern_matches_these_and_asks_for_no_name(
    tmp_path: Path, pattern: str, matching: list[str], others: list[str]
) -> None:
    access = read(tmp_path, f"ALL: {pattern}\n", "ALL: ALL\n")
    for ip, outcome in [(ip, ALLOW) for ip in matching] + [(ip, DENY) for ip in others]:
        peer = named(CONFIRMED, "somewhere.example.com", ip=ip)
        assert access.decide(peer).outcome == outcome, ip
        if not access.needs_process:
            assert isinstance(peer.names, Names)
            assert peer.names.asked == []


def test_a_scope_counts_where_the_pattern_has_one(tmp_path: Path) -> None:
    peer = internet_peer(pack("fe80::1"), 4711, pack("fe80::2"), 25)
    peer.interface = "eth0"
    for pattern, matches in (("[fe80::1]", True), ("[fe80::1%eth0]", True), ("[fe80::1%eth1]", False)):
        assert is_matched(tmp_path, pattern, peer) == matches


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        (".example.com", [(CONFIRMED, "www.example.com")], [(CONFIRMED, "example.com"), (NONE,)]),
        (".EXAMPLE.com", [(CONFIRMED, "www.example.com")], []),
        ("www.example.com", [(CONFIRMED, "www.example.com")], [(CONFIRMED, "x.www.example.com")]),
        ("www.", [(CONFIRMED, "www.example.com")], [(CONFIRMED, "www")]),
        ("w*.example.*", [(CONFIRMED, "www.example.com")], [(CONFIRMED, "mail.example.com")]),
        ("LOCAL", [(CONFIRMED, "mail")], [(CONFIRMED, "www.example.com"), (NONE,), (UNCONFIRMED, "mail")]),
        ("KNOWN", [(CONFIRMED, "mail")], [(NONE,), (UNCONFIRMED, "mail")]),
        ("UNKNOWN", [(NONE,)], [(CONFIRMED, "mail"), (UNCONFIRMED, "mail")]),
        ("PARANOID", [(UNCONFIRMED, "mail")], [(CONFIRMED, "mail"), (NONE,)]),
        ("@mailers", [(CONFIRMED, "mail.example.com")], [(CONFIRMED, "www.example.com"), (NONE,)]),
        # One that nobody can find out lets no client in.
        ("UNKNOWN", [], [(FAILED, "", "no answer"), (FAILED, "mail", "no answer")]),
        ("*", [(FAILED, "", "no answer")], []),  # which the address is
    ],
)
def test_a_name_pattern_matches_these(
    tmp_path: Path, pattern: str, matching: list[tuple[str, ...]], others: list[tuple[str, ...]]
) -> None:
    assert read(tmp_path, f"ALL: {pattern}\n").needs_process
    assert [answer for answer in matching if not is_matched(tmp_path, pattern, named(*answer))] == []
    assert [answer for answer in others if is_matched(tmp_path, pattern, named(*answer))] == []


def test_an_alias_is_not_believed_but_for_localhost(tmp_path: Path) -> None:
    for name, pattern in (("www.example.com", "PARANOID"), ("localhost", "localhost")):
        assert is_matched(tmp_path, pattern, named(CONFIRMED, name, canonical=False))


def test_each_name_is_asked_for_once(tmp_path: Path) -> None:
    peer = named(NONE)
    read(tmp_path, "ALL: a b c\nsmtpd@x,smtpd@y: d\n", "").decide(peer)
    assert isinstance(peer.names, Names)
    assert peer.names.asked == [peer.remote, peer.local]


def test_a_client_without_an_address_is_unknown(tmp_path: Path) -> None:
    for pattern, matches in (("ALL", True), ("UNKNOWN", True), ("KNOWN", False), ("0.0.0.0/0.0.0.0", False)):
        assert is_matched(tmp_path, pattern, local_user()) == matches


def test_patterns_can_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("10.\n192.0.2.0/24 /dev/null\n".replace("/dev/null", f"{tmp_path}/more"))
    (tmp_path / "more").write_text("[2001:db8::1]")
    access = read(tmp_path, f"ALL: {tmp_path}/list\n", "ALL: ALL\n")
    for ip, outcome in (("10.1.1.1", ALLOW), ("192.0.2.9", ALLOW), ("2001:db8::1", ALLOW), ("11.0.0.1", DENY)):
        assert access.decide(client(ip)).outcome == outcome
    assert not access.needs_process
    (tmp_path / "more").write_text("a.example.com")
    assert read(tmp_path, f"ALL: {tmp_path}/list\n").needs_process


def test_users_are_compared_where_ident_is_asked_for(tmp_path: Path) -> None:
    for pattern, user, matches in (
        ("root@ALL", "root", True), ("root@ALL", "daemon", False), ("root@10.", "root", False),
        ("r*@ALL", "root", True),
        ("KNOWN@ALL", "root", True), ("KNOWN@ALL", None, False), ("UNKNOWN@ALL", None, True), ("ALL@ALL", None, True),
    ):  # fmt: skip
        access = read(tmp_path, f"ALL: {pattern}\n", "ALL: ALL\n", ident=True)
        assert (access.decide(client("192.0.2.1", info=user)).outcome == ALLOW) == matches


def test_files_of_patterns_that_name_each_other_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(f"{tmp_path}/b")
    (tmp_path / "b").write_text(f"{tmp_path}/a")
    (warning,) = read(tmp_path, f"ALL: {tmp_path}/a\n").warnings
    assert warning.message.endswith("files of patterns that name files, without end: it lets no client in")


def naive_wildcards(pattern: str, text: str) -> bool:
    """match_pattern_ylo of hosts_access.c, by the letter."""
    if not pattern:
        return not text
    if pattern[0] != "*":
        return bool(text) and pattern[0] in ("?", text[0]) and naive_wildcards(pattern[1:], text[1:])
    rest = pattern[1:]
    return not rest or any(naive_wildcards(rest, text[at:]) for at in range(len(text)))


@given(st.text("a.*?", max_size=8), st.text("ab.", max_size=8))
def test_wildcards_match_as_in_libwrap(pattern: str, text: str) -> None:
    assert match_wildcards(pattern, text) == naive_wildcards(pattern, text)


def test_wildcards_cost_no_more_than_their_length_allows() -> None:
    assert not match_text("*a" * 500 + "b", "a" * 2000)
