"""Inspections of what --rules reads."""

import os
from pathlib import Path

import pytest

from sockgate.rulefile.compiler import compile_rules, write_rules
from tests.access.damage import tcprules
from tests.units.tree import write_tree

from .good_units import GOOD, TEMPLATE, TEMPLATE_UNIT, Cases, check, edit, prove

WITH_RULES = edit(TEMPLATE_UNIT, "--allow localhost", "--rules /etc/rules")

CASES: Cases = {
    "good rules": ({TEMPLATE: WITH_RULES, "/etc/rules": "10.:deny\n:allow\n"}, []),
    "a rule that is there twice": (
        {TEMPLATE: WITH_RULES, "/etc/rules": "10.:deny\n10.0.0.0/8:allow\n:allow\n"},
        ["/etc/rules:2: warning: '10.:allow' has no effect: an earlier rule has the same key"],
    ),
    "variables of a refusal": (
        {TEMPLATE: WITH_RULES, "/etc/rules": '10.:deny,A="1"\n:allow\n'},
        ["/etc/rules:1: warning: '10.:deny,A=\"1\"' has no effect: a client that is refused gets no A"],
    ),
    "rules without a catch-all rule": (
        {TEMPLATE: WITH_RULES, "/etc/rules": '127.:allow,RELAYCLIENT=""\n'},
        [
            "/etc/rules:1: warning: no catch-all rule: every client that matches no rule is let in"
            " (add ':deny' or ':allow' at the end of the rules)"
        ],
    ),
    "rules about names that are not looked up": (
        {TEMPLATE: WITH_RULES, "/etc/rules": "joe@=a.b:deny\n=.example.com:deny\n:allow\n"},
        [
            f"{TEMPLATE}:5: warning: rules about host names match no client without --hostname: 'joe@=a.b'"
            " (add --hostname)",
            f"{TEMPLATE}:5: warning: rules about the client's user match no client without --ident: 'joe@=a.b'"
            " (add --ident)",
        ],
    ),
    "rules about names, and a server with an option of the same name": (
        {
            TEMPLATE: edit(WITH_RULES, "SERVER=/usr/bin/server", '"SERVER=/usr/bin/server --hostname"'),
            "/etc/rules": "=.example.com:deny\n:allow\n",
        },
        [
            f"{TEMPLATE}:5: warning: rules about host names match no client without --hostname: '=.example.com'"
            " (add --hostname)",
        ],
    ),
    "rules that believe what the client says of itself": (
        {
            TEMPLATE: edit(TEMPLATE_UNIT, "--allow localhost", "--hostname --ident --rules /etc/rules"),
            "/etc/rules": "joe@10.0.0.1:allow\n=.example.com:allow\n=bad.example:deny\n:deny\n",
        },
        [
            f"{TEMPLATE}:5: warning: '=.example.com' lets in every client that gives its address this name"
            " (add --paranoid)",
            f"{TEMPLATE}:5: warning: 'joe@10.0.0.1' lets in every client that claims to be this user: the client's own"
            " machine is asked (let no client in by that alone)",
        ],
    ),
    "rules that do not": (
        {
            TEMPLATE: edit(TEMPLATE_UNIT, "--allow localhost", "--hostname --paranoid --ident --rules /etc/rules"),
            "/etc/rules": "joe@10.0.0.1:deny\n=.example.com:allow\n:deny\n",
        },
        [],
    ),
    "an error in the rules": (
        {TEMPLATE: WITH_RULES, "/etc/rules": "10:deny\n:allow\n"},
        [f"{TEMPLATE}:5: error: ROOT/etc/rules:1: '10' is not an IP address (for the network write 10. or 10.0.0.0/8)"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_has_no_effect_is_found(name: str, tmp_path: Path) -> None:
    prove(tmp_path, CASES[name])


def test_a_cdb_of_tcprules_is_checked_too(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {TEMPLATE: WITH_RULES})
    (tmp_path / "etc/rules").write_bytes(tcprules(b"10.1.0.0/16:deny\n127.:allow\n"))
    assert check(tmp_path, "--systemd", "252") == (1, [
        f"{TEMPLATE}:5: warning: '/etc/rules': '10.1.0.0/16:deny' has no effect:"
        " tcprules knows no CIDR networks, so neither does a cdb that it made",
        f"{TEMPLATE}:5: warning: '/etc/rules': no catch-all rule: every client that matches no rule is let in"
        " (add ':deny' or ':allow' at the end of the rules, and compile them anew)",
    ])  # fmt: skip
    assert check(tmp_path, "--systemd", "252", "--level", "error") == (0, [])


def test_a_text_that_was_not_compiled_again_is_found(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {TEMPLATE: WITH_RULES})
    text, cdb = tmp_path / "etc/rules.text", tmp_path / "etc/rules"
    with open(cdb, "wb") as file:
        write_rules(file, [":allow"], "/etc/rules.text", None)
    text.write_text(":allow\n")
    os.utime(text, (1, 1))
    assert check(tmp_path, "--systemd", "252") == (0, [])
    os.utime(text, (2**32, 2**32))
    assert check(tmp_path, "--systemd", "252") == (1, [
        f"{TEMPLATE}:5: warning: '/etc/rules.text' has changed since it was compiled to '/etc/rules'"
        " (sockgatectl rules compile /etc/rules.text /etc/rules)",
    ])  # fmt: skip


def test_a_text_that_tcprules_did_not_compile_again_is_found_by_its_name(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {TEMPLATE: edit(WITH_RULES, "/etc/rules", "/etc/tcp.smtp.cdb")})
    text, cdb = tmp_path / "etc/tcp.smtp", tmp_path / "etc/tcp.smtp.cdb"
    cdb.write_bytes(tcprules(b":allow\n"))
    text.write_text(":deny\n")
    os.utime(text, (1, 1))
    assert check(tmp_path, "--systemd", "252") == (0, [])
    os.utime(text, (2**32, 2**32))
    assert check(tmp_path, "--systemd", "252") == (1, [
        f"{TEMPLATE}:5: warning: '/etc/tcp.smtp' has changed since it was compiled to '/etc/tcp.smtp.cdb'"
        " (sockgatectl rules compile /etc/tcp.smtp /etc/tcp.smtp.cdb)",
    ])  # fmt: skip


def test_of_many_entries_some_are_shown(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {TEMPLATE: WITH_RULES})
    (tmp_path / "text").write_text("10.:deny\n" * 100 + "11.:deny,A='1'\n" * 100 + ":allow\n")
    compile_rules(str(tmp_path / "text"), str(tmp_path / "etc/rules"))
    assert len(check(tmp_path, "--systemd", "252")[1]) == 1
    (tmp_path / "etc/rules").write_bytes((tmp_path / "text").read_bytes())
    assert len(check(tmp_path, "--systemd", "252")[1]) == 20
