"""What rules cost, measured: CPU for each connection, and memory."""

import re
from pathlib import Path

import pytest

from sockgate.ctl.check.cost import cost_of
from sockgate.ctl.gated_service import find_named
from sockgate.rulefile.compiler import compile_rules
from sockgate.units.search import UnitSearch
from tests.ctl.check.good_units import ETC, GOOD, RESIDENT, RESIDENT_UNIT, SOCKET, TEMPLATE, TEMPLATE_UNIT, check, edit
from tests.units.tree import write_tree

LINES = 56_000  # as much as a text may hold
RULES = "".join(f"10.{n >> 8 & 255}.{n & 255}.1:allow\n" for n in range(LINES)) + ":deny\n"
TABLE = "".join(f"x: 10.{n >> 8 & 255}.{n & 255}.1\n" for n in range(LINES))
FOR_EACH = r"warning: the rules take \d\.\d\d s of CPU for each connection; the largest file is '{}' \({}\)"
COMPILE = r"compile it: sockgatectl rules compile /etc/r /etc/r\.cdb, and --rules /etc/r\.cdb"


def findings(root: Path, options: str, **files: str) -> list[str]:
    named = {f"/etc/{name.replace('_', '.')}": text for name, text in files.items()}
    good = {} if (root / "etc/systemd").exists() else GOOD
    write_tree(root, good | named | {"/etc/default/mail": f"OPTIONS={options}\n"})
    return check(root, "--systemd", "252")[1]


def test_a_text_of_rules_that_costs_each_connection_much_is_told_with_the_remedy(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, "--rules /etc/r", r=RULES)
    assert re.fullmatch(f"/etc/default/mail:1: {FOR_EACH.format('/etc/r', COMPILE)}", found), found


def test_what_it_costs_is_measured_and_not_guessed_from_its_size(tmp_path: Path) -> None:
    assert findings(tmp_path, "--rules /etc/r", r="#" * 900_000 + "\n:deny\n") == []


def test_a_compiled_file_and_a_short_one_cost_nothing(tmp_path: Path) -> None:
    write_tree(tmp_path, {"/etc/r": RULES})
    compile_rules(f"{tmp_path}/etc/r", f"{tmp_path}/etc/r.cdb")
    (tmp_path / "etc/r").unlink()
    assert findings(tmp_path, "--rules /etc/r.cdb") == []
    assert findings(tmp_path, "--rules /etc/r", r=":deny\n") == []


def test_rules_that_a_resident_gate_reads_once_may_cost_more(tmp_path: Path) -> None:
    resident = edit(RESIDENT_UNIT, "--max-connections 10", "--max-connections 10 --rules /etc/r")
    no = {RESIDENT: resident, f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n"}
    write_tree(tmp_path, GOOD | no | {"/etc/r": "".join(f"10.0.{n & 255}.1:allow\n" for n in range(4000)) + ":deny\n"})
    assert [finding for finding in check(tmp_path, "--systemd", "252")[1] if "CPU" in finding] == []


@pytest.mark.parametrize("limit", ["LimitAS=26M", "LimitDATA=18M", "MemoryMax=18M"])
def test_a_limit_of_memory_has_room_for_the_rules(tmp_path: Path, limit: str) -> None:
    write_tree(tmp_path, GOOD | {"/etc/r": RULES, "/etc/default/mail": "OPTIONS=--rules /etc/r\n"})
    cost = cost_of(find_named("mail", UnitSearch(str(tmp_path))), UnitSearch(str(tmp_path)))
    assert cost.space >= cost.data > len(RULES)
    write_tree(tmp_path, {TEMPLATE: TEMPLATE_UNIT + f"{limit}\n"})
    found = check(tmp_path, "--systemd", "252", "--level", "error")[1]
    assert [finding.partition(" (")[0] for finding in found] == [
        f"{ETC}/mail@.service:12: error: {limit} is too little for the gate, which would not start"
    ]


def test_a_long_table_of_libwrap_is_told(tmp_path: Path) -> None:
    found = [each for each in findings(tmp_path, "--hosts-access x", hosts_deny=TABLE) if "CPU" in each]
    assert len(found) == 1
    assert re.search(FOR_EACH.format("/etc/hosts.deny", "with Accept=no, sockgated reads them once"), found[0]), found


def test_the_tables_of_libwrap_are_those_of_the_system_that_is_checked(tmp_path: Path) -> None:
    unit = TEMPLATE_UNIT.replace("--allow localhost", "--hosts-access mail")
    table = "".join(f"ALL: 10.{number >> 8}.{number & 255}.7: severity loud\n" for number in range(2000))
    write_tree(tmp_path, GOOD | {TEMPLATE: unit, "/etc/hosts.deny": table})
    gated = find_named("mail", UnitSearch(str(tmp_path)))
    assert gated.files == ("/etc/hosts.allow", "/etc/hosts.deny")
    assert gated.gate is not None
    assert gated.gate.warnings[0].cause.file == f"{tmp_path}/etc/hosts.deny"
