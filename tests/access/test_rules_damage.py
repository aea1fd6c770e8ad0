"""--rules with files that are wrong, damaged or no files: each is an error, and none lets in more than before."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sockgate.access.tcprules_access import RulesAccess
from sockgate.connection import Gate
from sockgate.core import DENY, ConfigError, Verdict
from sockgate.core.options import parse
from sockgate.core.peer import Peer
from sockgate.core.rule_files import EMPTY_HINT
from sockgate.rulefile.compiler import compile_rules
from tests.access.damage import cdb_of, random_bytes, tcprules
from tests.core.clients import client


def of_text(tmp_path: Path, text: str) -> RulesAccess:
    (tmp_path / "text").write_text(text)
    return RulesAccess(str(tmp_path / "text"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'{}' is empty ({})"),
        ("\n\n", "'{}' is empty ({})"),
        ("# comment\n", "'{}' holds no rules ({})"),
        ("10.:deny\n:allow", "{}:2: the last line has no end (the file may have been cut short)"),
        ("10.:deny\n127.:all", "{}:2: the last line has no end (the file may have been cut short)"),
        ("10:allow\n:deny\n", "{}:1: '10' is not an IP address (for the network write 10. or 10.0.0.0/8)"),
        (":allow\n\0", "'{}' is not a complete cdb: it ends too early (compile it anew)"),
    ],
)  # fmt: skip
def test_a_text_with_anything_wrong_in_it_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        of_text(tmp_path, text)
    assert str(caught.value) == message.format(tmp_path / "text", EMPTY_HINT)


def test_a_text_that_is_too_long_says_how_to_compile_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        of_text(tmp_path, "#" * (1 << 20) + "\n:allow\n")
    assert caught.value.hint == "compile it: sockgatectl rules compile FILE CDB"


def test_a_nul_behind_the_first_lines_makes_no_cdb_of_a_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is neither text nor a complete cdb"):
        of_text(tmp_path, "# comment\n" * 300 + ":allow\n\0\n")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"d\0", "holds a damaged rule for ''"),
        (b"+X\0", "holds a damaged rule for ''"),
        (b"+=1\0", "holds a damaged rule for ''"),
        (b"D", "holds a damaged rule for ''"),
        (b"D\0\0", "holds a damaged rule for ''"),
        (b"L7\0", "holds a damaged rule for ''"),
    ],
)
def test_a_rule_that_tcprules_would_not_write_is_damage(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "cdb").write_bytes(cdb_of({b"": data}))
    with pytest.raises(ConfigError) as caught:
        RulesAccess(str(tmp_path / "cdb")).decide(client("10.1.2.3"))
    assert str(caught.value) == f"'{tmp_path}/cdb' {message} (compile it anew)"


def test_a_cdb_of_another_version_or_without_rules_is_refused(tmp_path: Path) -> None:
    for records, message in (
        ({b"\0sockgate": b"2\0/f\0\0\0"}, "was compiled by another version of sockgatectl (compile it anew)"),
        ({b"\0sockgate": b"1\0/f\0x\0\0"}, r"holds a damaged rule for '\x00sockgate' (compile it anew)"),
        ({b"\0sockgate": b"1\0/f\0" + b"33\0\0"}, r"holds a damaged rule for '\x00sockgate' (compile it anew)"),
        ({b"\0sockgate": b"1\0/f\0\0" + b"-1\0"}, r"holds a damaged rule for '\x00sockgate' (compile it anew)"),
        ({b"\0sockgate": b"1\0/f\0"}, r"holds a damaged rule for '\x00sockgate' (compile it anew)"),
        ({}, f"holds no rules ({EMPTY_HINT})"),
    ):
        (tmp_path / "cdb").write_bytes(cdb_of(records))
        with pytest.raises(ConfigError) as caught:
            RulesAccess(str(tmp_path / "cdb"))
        assert str(caught.value) == f"'{tmp_path}/cdb' {message}"


KILOBYTE = "".join(
    f"10.{net}.{host}.:{'deny' if (net + host) % 2 else 'allow,RELAYCLIENT=' + repr('')}\n"
    for net in range(6)
    for host in range(8)
)
GOOD = f"10.:allow,RELAYCLIENT=''\n{KILOBYTE}10.0.0.7:deny\n127.:allow\n# that is all\n:deny\n"
CLIENTS = [client(f"10.{net}.{host}.7") for net in range(7) for host in range(8)] + [
    client(ip) for ip in ("127.0.0.1", "11.0.0.1", "2001:db8::1", "10.200.0.1")
]
Decide = Callable[[Peer], Verdict]


def powers(decide: Decide, peer: Peer) -> set[bytes]:
    """What a client gains by a verdict: nothing if it is refused."""
    verdict = decide(peer)
    return set() if verdict.outcome == DENY else {b"connection", *verdict.variables}


def gained(path: Path, good: dict[int, set[bytes]]) -> set[bytes] | None:
    """What a client gains that the good file does not give; None if the file is refused as a whole."""
    try:
        decide = RulesAccess(str(path)).decide
        return set().union(*(powers(decide, peer) - good[at] for at, peer in enumerate(CLIENTS)))
    except ConfigError:
        return None


@pytest.fixture(params=["text", "compiled", "tcprules"])
def good_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """One kilobyte of rules, as text and as cdb."""
    text, cdb = tmp_path / "text", tmp_path / "cdb"
    text.write_text(GOOD)
    assert 1000 < len(GOOD) < 1400
    if request.param == "text":
        return text
    if request.param == "compiled":
        compile_rules(str(text), str(cdb))
    else:
        cdb.write_bytes(tcprules(GOOD.encode()))
    return cdb


def test_no_truncation_but_of_whole_lines_lets_in_more(good_file: Path) -> None:
    decide = RulesAccess(str(good_file)).decide
    good = {at: powers(decide, peer) for at, peer in enumerate(CLIENTS)}
    assert {frozenset(found) for found in good.values()} == {
        frozenset(), frozenset({b"connection"}), frozenset({b"connection", b"RELAYCLIENT"}),
    }  # fmt: skip
    whole = good_file.read_bytes()
    for length in reversed(range(len(whole))):
        os.truncate(good_file, length)
        # A text that was cut between two lines is a text: sockgated keeps the last good rules (test_catch_all.py).
        if good_file.name == "cdb" or whole[max(length - 1, 0) : length] != b"\n":
            assert gained(good_file, good) is None, f"cut to {length} bytes of {len(whole)}"


def test_random_bytes_let_no_client_in(tmp_path: Path) -> None:
    for seed in range(300):
        for data in (random_bytes(seed, seed * 13), bytes(32 + byte % 95 for byte in random_bytes(seed, 500)) + b"\n"):
            (tmp_path / "rules").write_bytes(data)
            assert gained(tmp_path / "rules", {}) is None


def test_a_gate_is_not_built_with_rules_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name, reason in (("missing", "No such file or directory"), ("fifo", "not a regular file"), (".", "not a reg")):
        with pytest.raises(ConfigError, match=f"^unable to read '{tmp_path}/{name}': {reason}"):
            Gate(parse(["--rules", f"{tmp_path}/{name}", "--", "true"]))


def test_a_gate_names_the_file_that_it_was_built_from(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text(":allow\n")
    assert Gate(parse(["--rules", f"{tmp_path}/rules", "--", "true"])).files == (f"{tmp_path}/rules",)


def test_a_cdb_that_is_written_into_refuses_until_it_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "cdb"
    path.write_bytes(tcprules(b"10.:deny\n:allow\n"))
    rules = RulesAccess(str(path))
    path.write_bytes(tcprules(b"11.:deny\n:allow\n"))  # of the same size, so every look-up succeeds
    with pytest.raises(ConfigError, match="changed while it was in use"):
        rules.decide(client("10.1.2.3"))
    assert RulesAccess(str(path)).decide(client("11.1.2.3")).outcome == DENY
