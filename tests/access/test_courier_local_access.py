"""--courier-access-local: entries for the address and the port that a client connected to."""

from pathlib import Path

import pytest

from sockgate.access.courier_access import CourierAccess
from sockgate.access.courier_local_access import CourierAccessLocal
from sockgate.core import ALLOW, DENY, NO_MATCH, ConfigError
from tests.core.clients import client, local_user

CLIENT = "127.0.0.9\tallow,A=client\n"  # connects to 127.0.0.1, port 25


def read(folder: Path, text: str) -> CourierAccessLocal:
    (folder / "smtpaccess").write_text(text)
    return CourierAccessLocal(str(folder / "smtpaccess"))


@pytest.mark.parametrize(
    ("text", "outcome", "line", "variables"),
    [
        (CLIENT + "127.0.0.1.25\tallow,B=1\n127.0.0.1\tallow,B=2\n*.25\tallow,B=3\n", ALLOW, 1, {b"B": b"1"}),
        (CLIENT + "127.0.0.1.26\tdeny\n127.0.0.1\tallow,B=2\n*.25\tdeny\n", ALLOW, 1, {b"B": b"2"}),
        (CLIENT + "127.0.0\tallow,B=2\n*.25\tdeny\n", ALLOW, 1, {b"B": b"2"}),
        (CLIENT + "*.25\tallow,B=3\n*\tdeny\n", ALLOW, 1, {b"B": b"3"}),
        (CLIENT + "*.26\tdeny\n*\tallow,B=4\n", ALLOW, 1, {b"B": b"4"}),
        (CLIENT + "127.0.0.1\tallow,A=local,B\n", ALLOW, 1, {b"B": b""}),
        (CLIENT + "127.0.0.1.25\tdeny\n", DENY, 2, {}),
        (CLIENT + "127.0.0.0/29\tdeny\n", DENY, 2, {}),
        (CLIENT + "*.25\tdeny\n", DENY, 2, {}),
        (CLIENT + "*\tdeny\n", DENY, 2, {}),
        ("127.0.0.9\tdeny\n*.25\tallow\n", DENY, 1, {}),
    ],
)
def test_both_must_let_in_and_the_clients_variables_are_stronger(
    text: str, outcome: str, line: int, variables: dict[bytes, bytes], tmp_path: Path
) -> None:
    verdict = read(tmp_path, text).decide(client("127.0.0.9"))
    assert (verdict.outcome, str(verdict.cause or "")) == (outcome, f"{tmp_path}/smtpaccess:{line}")
    assert verdict.variables == ({b"A": b"client"} | variables if outcome == ALLOW else {})


def test_what_lets_in_is_named_where_no_entry_is_about_the_client(tmp_path: Path) -> None:
    access = read(tmp_path, "*.25\tallow,A=1\n:0000:0000:0000:0000:0000:0000:0000:0001.25\tdeny\n")
    verdict = access.decide(client("127.0.0.9"))
    assert (str(verdict.cause or ""), verdict.variables) == (f"{tmp_path}/smtpaccess:1", {b"A": b"1"})
    assert str(access.decide(client("::9")).cause) == f"{tmp_path}/smtpaccess:2"
    assert access.decide(local_user()).outcome == NO_MATCH


def test_explain_has_every_key_that_was_looked_up(tmp_path: Path) -> None:
    considered: list[str] = []
    path = f"{tmp_path}/smtpaccess"
    assert read(tmp_path, "10\tdeny\n*.26\tdeny\n").decide(client("127.0.0.9"), considered).outcome == NO_MATCH
    assert considered == [
        f"{path}: no entry for 127.0.0.0/8", f"{path}: no entry for *", f"{path}: no entry for 127.0.0.1.25",
        f"{path}: no entry for 127.0.0.0/8", f"{path}: no entry for *.25",
    ]  # fmt: skip


ALL_WORDS = "write 192.0.2.1.25, all eight words of IPv6, or *.25"


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("10.0.0.1.0", "'0' in the key '10.0.0.1.0' is not a port"),
        ("*.65536", "'65536' in the key '*.65536' is not a port"),
        ("*.smtp", "'smtp' in the key '*.smtp' is not a port"),
        ("*.025", "no socket has the key '*.025' (write *.25)"),
        (":2001:0db8.25", f"no socket has the key ':2001:0db8.25' ({ALL_WORDS})"),
    ],
)
def test_key_is_refused(key: str, error: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"{key}\tdeny\n")
    assert str(caught.value) == f"{tmp_path}/smtpaccess:1: {error}"


def test_a_key_must_not_come_twice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "*.25\tdeny\n*.25\tallow\n")
    path = f"{tmp_path}/smtpaccess"
    assert str(caught.value) == f"{path}:2: '*.25' already has an entry at {path}:1"


def test_without_the_option_such_keys_are_errors(tmp_path: Path) -> None:
    read(tmp_path, "*.25\tdeny\n")
    with pytest.raises(ConfigError):
        CourierAccess(str(tmp_path / "smtpaccess"))
