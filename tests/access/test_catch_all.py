"""Rules with and without a catch-all rule mean what they mean to tcpserver. tests/differential compares both."""

from pathlib import Path

import pytest

from sockgate.access.tcprules_access import RulesAccess
from sockgate.connection import Gate
from sockgate.core import ALLOW, DENY, NO_MATCH, ConfigError
from sockgate.core.options import parse
from sockgate.rulefile.compiler import compile_rules
from tests.access.damage import tcprules
from tests.core.clients import client, local_user

FIRST_FILE_OF_EVERY_QMAIL = '127.:allow,RELAYCLIENT=""\n'
WARNING = "no catch-all rule: every client that matches no rule is let in"


@pytest.fixture(params=["text", "compiled", "tcprules"])
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def write(folder: Path, text: str, kind: str) -> Path:
    path = folder / "rules"
    path.unlink(missing_ok=True)
    if kind == "tcprules":
        path.write_bytes(tcprules(text.encode()))
        return path
    (folder / "rules.text").write_text(text)
    if kind == "text":
        return (folder / "rules.text").rename(path)
    compile_rules(str(folder / "rules.text"), str(path))
    return path


def read(folder: Path, text: str, kind: str) -> RulesAccess:
    return RulesAccess(str(write(folder, text, kind)))


def test_a_file_without_a_catch_all_rule_lets_in_every_client_that_matches_no_line(tmp_path: Path, kind: str) -> None:
    rules = read(tmp_path, FIRST_FILE_OF_EVERY_QMAIL, kind)
    inside, outside = rules.decide(client("127.0.0.1")), rules.decide(client("192.0.2.1"))
    assert (inside.outcome, inside.variables) == (ALLOW, {b"RELAYCLIENT": b""})
    assert (outside.outcome, outside.variables) == (NO_MATCH, {})
    gate = Gate(parse(["--rules", f"{tmp_path}/rules", "--", "/bin/server"]))
    assert gate.decide(client("192.0.2.1")).outcome == ALLOW
    assert rules.decide(local_user()).outcome == NO_MATCH


def test_denials_of_a_file_without_a_catch_all_rule_hold(tmp_path: Path, kind: str) -> None:
    rules = read(tmp_path, "10.1.:deny\n10.:allow\n", kind)
    outcomes = [rules.decide(client(ip)).outcome for ip in ("10.1.0.1", "10.2.0.1", "11.0.0.1")]
    assert outcomes == [DENY, ALLOW, NO_MATCH]


@pytest.mark.parametrize("text", [":deny\n10.:allow\n", ":deny\n10.:allow\n:allow\n", "\n:deny\n# more\n10.:allow\n"])
def test_the_catch_all_rule_may_stand_anywhere_and_the_first_one_counts(tmp_path: Path, text: str, kind: str) -> None:
    rules = read(tmp_path, text, kind)
    assert [rules.decide(client(ip)).outcome for ip in ("10.1.0.1", "11.0.0.1")] == [ALLOW, DENY]
    assert rules.warnings == ()


def test_the_warning_of_a_missing_catch_all_rule_names_the_last_rule(tmp_path: Path) -> None:
    (warning,) = read(tmp_path, "10.:deny\n# a comment\n11.:deny\n\n", "text").warnings
    assert str(warning) == f"{tmp_path}/rules:3: {WARNING} (add ':deny' or ':allow' at the end of the rules)"
    for kind in ("compiled", "tcprules"):
        (warning,) = read(tmp_path, "10.:deny\n", kind).warnings
        hint = "add ':deny' or ':allow' at the end of the rules, and compile them anew"
        assert str(warning) == f"{tmp_path}/rules: {WARNING} ({hint})"


def test_a_file_that_had_a_catch_all_rule_and_lost_it_does_not_take_its_place(tmp_path: Path, kind: str) -> None:
    whole = read(tmp_path, "10.:allow\n:deny\n", kind)
    cut = read(tmp_path, "10.:allow\n", kind)
    where = f"{tmp_path}/rules:1" if kind == "text" else f"{tmp_path}/rules"
    with pytest.raises(ConfigError) as caught:
        cut.require_succession(whole)
    assert str(caught.value) == f"{where}: the catch-all rule is gone (reload the service if that is meant)"
    for later, earlier in ((whole, cut), (whole, whole), (cut, cut)):
        later.require_succession(earlier)


def test_a_line_that_is_cut_in_its_middle_refuses(tmp_path: Path) -> None:
    text = '127.:allow,RELAYCLIENT=""\n10.:deny\n'
    for length in range(1, len(text)):
        (tmp_path / "rules").write_text(text[:length])
        if text[length - 1] == "\n":
            RulesAccess(f"{tmp_path}/rules")
        else:
            with pytest.raises(ConfigError, match="the last line has no end"):
                RulesAccess(f"{tmp_path}/rules")
