"""sockgatectl check --fix: what drop-ins mend is mended, once, and nothing that others wrote is touched."""

from pathlib import Path

import pytest

from sockgate.ctl.check.fix import MARKER, NAME
from sockgate.ctl.main import run
from tests.ctl.check.good_units import (
    ETC,
    GOOD,
    SOCKET,
    SOCKET_UNIT,
    TEMPLATE,
    TEMPLATE_UNIT,
    check,
    check_json,
    dropped,
    edit,
)
from tests.ctl.check.test_check import CASE_MODULES
from tests.units.tree import write_tree

CASES = {
    f"{module.__name__}: {name}": files
    for module in CASE_MODULES
    for name, (files, findings) in module.CASES.items()
    if any("(put " in finding for finding in findings)
}
OWN = f"{TEMPLATE}.d/{NAME}"
TWO_FAULTS = {TEMPLATE: dropped(TEMPLATE_UNIT, "CollectMode") + "Restart=always\n"}


def fix(root: Path, *words: str) -> int:
    return run(["check", "--fix", "--root", str(root), "--systemd", "252", *words])


def contents(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("case", CASES)
def test_what_drop_ins_can_mend_is_clean_afterwards(
    tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tree(tmp_path, GOOD | CASES[case])
    _, before = check_json(tmp_path, "--systemd", "252")
    fix(tmp_path)
    _, after = check_json(tmp_path, "--systemd", "252")
    # What is left is what was there before and has no such cure.
    assert all(finding in before for finding in after)
    assert not [finding["message"] for finding in after if str(finding["hint"]).startswith("put ")]
    written = contents(tmp_path)
    capsys.readouterr()
    fix(tmp_path)
    assert contents(tmp_path) == written
    assert "wrote" not in capsys.readouterr().out


def test_it_says_what_it_writes_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(tmp_path, GOOD | TWO_FAULTS)
    assert fix(tmp_path) == 0
    assert capsys.readouterr().out == f"wrote {OWN}\n  CollectMode=inactive-or-failed\n  Restart=no\n"
    assert (tmp_path / OWN.lstrip("/")).read_text() == (
        f"# {MARKER}\n\n"
        "[Service]\n"
        "# Restart=always starts the server again on a connection that has ended\n"
        "Restart=no\n\n"
        "[Unit]\n"
        "# CollectMode= is not set: each connection that fails leaves a failed unit behind\n"
        "CollectMode=inactive-or-failed\n"
    )


def test_a_later_fault_joins_what_was_mended_before(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | TWO_FAULTS)
    fix(tmp_path)
    write_tree(tmp_path, {f"{TEMPLATE}.d/override.conf": "[Service]\nLimitAS=8000000\nMemoryMax=8M\n"})
    assert fix(tmp_path) == 0
    text = (tmp_path / OWN.lstrip("/")).read_text()
    for line in ("Restart=no", "CollectMode=inactive-or-failed", "LimitAS=64M", "MemoryMax=64M"):
        assert text.count(f"\n{line}\n") == 1
    assert text.count("\n# ") == 4


def test_nothing_is_written_where_nothing_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(tmp_path, GOOD)
    before = contents(tmp_path)
    assert fix(tmp_path) == 0
    assert (contents(tmp_path), capsys.readouterr().out) == (before, "")


def test_what_no_drop_in_mends_is_still_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(tmp_path, GOOD | TWO_FAULTS | {"/etc/default/mail": "OPTIONS=--alow any\n"})
    assert fix(tmp_path) == 1
    *wrote, told = capsys.readouterr().out.splitlines()
    assert wrote[0] == f"wrote {OWN}"
    assert told == "/etc/default/mail:1: error: mail@.service: unknown option '--alow' (see sockgate(8))"


def test_a_file_of_that_name_that_it_did_not_write_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(tmp_path, GOOD | TWO_FAULTS | {OWN: "[Service]\nNice=5\n"})
    before = contents(tmp_path)
    assert fix(tmp_path) == 1
    assert contents(tmp_path) == before
    assert capsys.readouterr().err == (
        f"sockgatectl: '{tmp_path}{OWN}' was not written by sockgatectl check --fix (give it another name)\n"
    )


def test_only_the_units_and_the_level_that_were_asked_for_are_mended(tmp_path: Path) -> None:
    socket = {f"{ETC}/other.socket": SOCKET_UNIT, f"{ETC}/other@.service": TWO_FAULTS[TEMPLATE]}
    write_tree(tmp_path, GOOD | TWO_FAULTS | socket)
    assert fix(tmp_path, "--level", "error") == 0
    assert not (tmp_path / OWN.lstrip("/")).exists()
    assert fix(tmp_path, "mail") == 0
    assert not (tmp_path / f"{ETC}/other@.service.d".lstrip("/")).exists()


def test_a_socket_that_must_bind_anew_is_to_be_restarted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(tmp_path, GOOD | {SOCKET: edit(SOCKET_UNIT, "=25", "=192.168.0.1:25") + "Backlog=5\n"})
    assert fix(tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "next: systemctl restart mail.socket"


def test_a_command_is_replaced_and_not_added(tmp_path: Path) -> None:
    again = "[Service]\nExecStart=-/usr/sbin/sockgate --name %p $OPTIONS -- $SERVER\n"
    write_tree(tmp_path, GOOD | {f"{TEMPLATE}.d/override.conf": again})
    assert fix(tmp_path) == 0
    text = (tmp_path / OWN.lstrip("/")).read_text()
    assert "ExecStart=\nExecStart=/usr/sbin/sockgate --name %p $OPTIONS -- $SERVER\n" in text
    assert check(tmp_path, "--systemd", "252") == (0, [])
