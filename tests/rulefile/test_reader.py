"""Showing rules, and finding those that say nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.core import ConfigError
from sockgate.rulefile.compiler import compile_rules
from sockgate.rulefile.reader import dead_entries, is_compiled, show_rules
from tests.access.damage import cdb_of, tcprules


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def compiled(path: Path, text: str) -> str:
    compile_rules(written(path.with_suffix(".text"), text), str(path))
    return str(path)


def test_the_normal_form_is_one_line_for_each_key_and_ends_with_the_catch_all_rule(tmp_path: Path) -> None:
    text = (
        "# comment\n\n:deny\n10.2-3.:deny  \n10.4.0.0/16:allow,A='1'\n10.3.:allow\n2001:DB8::/32:allow,Q=/\"/\n"
        "10.0.0.0/9:deny,DIEMSG=|no|\n"
    )
    expected = [
        "10.2.:deny", "10.3.:deny", '10.4.:allow,A="1"', "2001:db8::/32:allow,Q='\"'",
        '10.0.0.0/9:deny,DIEMSG="no"', ":deny",
    ]  # fmt: skip
    assert list(show_rules(written(tmp_path / "a", text))) == expected
    assert list(show_rules(compiled(tmp_path / "b", text))) == expected


def test_what_can_never_match_in_a_cdb_of_tcprules_is_shown_as_a_comment(tmp_path: Path) -> None:
    (tmp_path / "cdb").write_bytes(tcprules(b"10.0.0.0/8:allow\n10.1.:deny\n:deny\n"))
    why = "tcprules knows no CIDR networks, so neither does a cdb that it made"
    assert list(show_rules(str(tmp_path / "cdb"))) == [
        f"# left out: 10.0.0.0/8:allow ({why})", "10.1.:deny", ":deny",
    ]  # fmt: skip


def test_a_prefix_of_the_text_of_ipv6_addresses_is_shown_as_a_comment(tmp_path: Path) -> None:
    (tmp_path / "cdb").write_bytes(cdb_of({b"2001:db8::": b"D\0", b"2001:db8::1": b"", b"joe@fe80::": b""}))
    why = "it is about the text of an IPv6 address: write a CIDR network"
    assert list(show_rules(str(tmp_path / "cdb"))) == [
        f"# left out: 2001:db8:::deny ({why})", "2001:db8::1:allow", "joe@fe80:::allow",
    ]  # fmt: skip


def test_an_address_that_ends_in_two_colons_keeps_its_length(tmp_path: Path) -> None:
    text = "4::0:deny\n::/128:deny\njoe@4:::deny\n:allow\n"
    normal = ["4::/128:deny", "::/128:deny", "joe@4:::deny", ":allow"]
    assert list(show_rules(written(tmp_path / "a", text))) == normal
    assert list(show_rules(compiled(tmp_path / "b", text))) == normal
    assert list(show_rules(written(tmp_path / "c", "\n".join([*normal, ""])))) == normal


def test_an_error_in_a_file_ends_the_show(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"/a:2: '10' is not an IP address"):
        list(show_rules(written(tmp_path / "a", ":deny\n10:deny\n")))
    (tmp_path / "cdb").write_bytes(tcprules(b":deny\n")[:-1])
    with pytest.raises(ConfigError, match="is not a complete cdb"):
        list(show_rules(str(tmp_path / "cdb")))


def test_a_cdb_is_told_from_a_text_by_its_content(tmp_path: Path) -> None:
    assert not is_compiled(written(tmp_path / "a.cdb", ":allow\n"))
    assert is_compiled(compiled(tmp_path / "b", ":allow\n"))


def test_rules_without_effect_are_found(tmp_path: Path) -> None:
    text = '10.1.:deny,A="1",DIEMSG="no"\n10.1-3.:deny\n10.2-3.:allow\n10.1.:allow\n:allow\n'
    path = written(tmp_path / "a", text)
    assert [(str(dead.cause), dead.text, dead.reason) for dead in dead_entries(path)] == [
        (f"{path}:1", '10.1.:deny,A="1",DIEMSG="no"', "a client that is refused gets no A"),
        (f"{path}:3", "10.2-3.:allow", "an earlier rule has the same key"),
        (f"{path}:4", "10.1.:allow", "an earlier rule has the same key"),
    ]
    cdb = compiled(tmp_path / "b", text)
    (dead,) = dead_entries(cdb)  # the others are not in it
    assert str(dead.cause).endswith("/b.text:1")
    assert list(dead_entries(written(tmp_path / "c", "10.:deny\n:allow\n"))) == []


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("10.1.2.0/24:deny", "tcprules knows no CIDR networks, so neither does a cdb that it made"),
        ("10.1.2:deny", "'10.1.2' is not an IP address"),
        (" 10.1.2.3:deny", "' 10.1.2.3' is not an IP address"),
        ("=Mail.example.com:deny", "'Mail.example.com' never matches"),
        ("joe@10.1.:deny", "'joe@10.1.' never matches"),
        ('10.1.2.3:allow, X="1"', "it sets a variable named ' X'"),
        ('10.1.2.3:deny,RBLSMTPD="no"', "a client that is refused gets no RBLSMTPD"),
        ("1.2.3.01:deny", "'1.2.3.01' is not an IP address"),
    ],
)
def test_entries_of_tcprules_that_never_match_are_found(tmp_path: Path, rule: str, reason: str) -> None:
    path = tmp_path / "cdb"
    path.write_bytes(tcprules(f"{rule}\n:allow\n".encode()))
    found = list(dead_entries(str(path)))
    assert (str(found[0].cause), found[0].reason) == (str(path), reason)


def test_entries_of_tcprules_that_do_match_are_not_found(tmp_path: Path) -> None:
    path = tmp_path / "cdb"
    path.write_bytes(
        tcprules(b'10.1.:deny\n10.1.2.3:allow,A="1"\n=a.b:deny\n=:deny\njoe@10.1.2.3:deny\n10.7-9.:deny\n')
    )
    assert list(dead_entries(str(path))) == []


ADDRESSES = ["10.", "10.1-4.", "10.1.0.0/16", "10.0.0.0/9", "::0", "2001:DB8::/33", "=a", "=", "j@1.2.3.4", ""]
ACTIONS = ["allow", "deny", 'allow,A="\'"', "allow,A='\"',B=|'\"|", 'deny,DIEMSG=" "', 'allow,A="\xff"']
lines = st.lists(st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(ACTIONS)).map(":".join), min_size=1, max_size=8)


@given(lines)
def test_compiling_and_showing_is_the_identity_on_the_normal_form(
    tmp_path_factory: pytest.TempPathFactory, rules: list[str]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "raw").write_bytes("\n".join([*rules, ""]).encode("latin-1"))
    normal = list(show_rules(str(folder / "raw")))
    (folder / "normal").write_bytes("\n".join([*normal, ""]).encode("latin-1"))
    compile_rules(str(folder / "normal"), str(folder / "cdb"))
    assert list(show_rules(str(folder / "cdb"))) == normal == list(show_rules(str(folder / "normal")))


def test_an_ipv6_address_of_a_cdb_must_be_in_normal_form(tmp_path: Path) -> None:
    path = tmp_path / "cdb"
    path.write_bytes(cdb_of({b"2001:db8::1": b"", b"2001:db8:": b"", b"2001:DB8::2": b"D\0"}))
    assert [dead.reason for dead in dead_entries(str(path))] == ["'2001:DB8::2' is looked up as '2001:db8::2'"]
