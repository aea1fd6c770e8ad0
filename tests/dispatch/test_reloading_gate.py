"""Which gate is in force."""

import os
import time
from pathlib import Path

import pytest

from sockgate.core.errors import UsageError
from sockgate.core.options import Settings, parse
from sockgate.core.verdict import DENY
from sockgate.dispatch.deciding import reloading_gate as gates
from sockgate.dispatch.deciding.reloading_gate import GateKeeper
from sockgate.dispatch.options import OPTIONS
from tests.core.clients import client

ALLOW_ALL, DENY_ALL, BROKEN = ":allow\n", ":deny\n", "192.0.2.1:maybe\n"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return tmp_path / "rules"


def keeper(rules: Path, *words: str) -> GateKeeper:
    return GateKeeper(parse(["--rules", str(rules), *words, "server"], OPTIONS), {})


def outcome(gates: GateKeeper) -> str:
    """What the next client is told."""
    current = gates.current()
    return current.gate.decide(client("192.0.2.1")).outcome if current else "nobody decides"


def replace(file: Path, text: str) -> None:
    other = file.with_suffix(".new")
    other.write_text(text)
    other.rename(file)


def test_the_client_after_a_change_meets_the_new_rules(rules: Path) -> None:
    rules.write_text(ALLOW_ALL)
    gates = keeper(rules)
    for text in (DENY_ALL, ALLOW_ALL) * 20:
        replace(rules, text)
        assert (outcome(gates) == DENY) is (text == DENY_ALL)
        rules.write_text(DENY_ALL)
        assert outcome(gates) == DENY


def test_rules_that_do_not_change_are_read_once(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules.write_text(ALLOW_ALL)
    os.utime(rules, (0, 0))
    time.sleep(2 * gates.SETTLED_NS / 1e9)
    kept = keeper(rules)
    monkeypatch.setattr(kept, "reload", lambda: pytest.fail("read again"))
    first = kept.rules
    assert [kept.current() is first for _ in range(3)] == [True] * 3


def test_a_file_that_changed_while_it_was_read_is_read_again(rules: Path) -> None:
    rules.write_text(ALLOW_ALL)
    gates = keeper(rules)
    first = gates.rules
    assert gates.current() is not first


def test_rules_that_became_wrong_leave_the_last_good_ones_in_force(rules: Path) -> None:
    rules.write_text(ALLOW_ALL)
    gates = keeper(rules)
    told: list[str] = []
    gates.changed = lambda: told.append(str(gates.problem))
    replace(rules, BROKEN)
    assert [outcome(gates) for _ in range(3)] == ["allow"] * 3
    assert len(told) == 1
    assert told[0].startswith(f"{rules}:1: ")
    rules.unlink()
    assert outcome(gates) == "allow"
    assert told[1:] == [f"unable to read {str(rules)!r}: No such file or directory"]
    replace(rules, DENY_ALL)
    assert outcome(gates) == DENY
    assert gates.problem is None


def test_without_good_rules_there_is_no_gate_until_they_are_mended(
    rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates = keeper(rules, "--deny-message", "421 later")
    monkeypatch.setattr("sockgate.dispatch.deciding.reloading_gate.RETRY_SECONDS", 0.0)
    assert outcome(gates) == "nobody decides"
    assert gates.last_resort == b"421 later\r\n"
    rules.write_text(BROKEN)
    assert outcome(gates) == "nobody decides"
    rules.write_text(ALLOW_ALL)
    gates.reload()
    assert outcome(gates) == "allow"


def test_a_gate_that_cannot_be_built_is_not_tried_for_every_client(rules: Path) -> None:
    gates = keeper(rules)
    rules.write_text(ALLOW_ALL)
    assert outcome(gates) == "nobody decides"


def test_options_that_are_wrong_never_make_a_gate() -> None:
    gates = GateKeeper(Settings({}, ["/bin/true"]), {}, UsageError("unknown option '--alow'"))
    gates.reload()
    assert outcome(gates) == "nobody decides"
    assert (str(gates.problem), gates.last_resort) == ("unknown option '--alow'", b"")
    assert gates.name == "true"


def test_a_deny_message_that_is_wrong_itself_is_not_sent() -> None:
    gates = GateKeeper(parse(["--deny-message=\x01", "--name=smtp", "server"], OPTIONS), {})
    assert (gates.current(), gates.last_resort, gates.name) == (None, b"", "smtp")
