"""Say what is wrong with the units that run a gate, and what mends it.

Without a UNIT, every one of the machine is checked. Exit code 0: nothing found; 1: findings.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...core.errors import GateError, UsageError
from ...units.reader import Place
from ...units.search import UnitSearch
from ..gated import GatedService, find_named, gate_names
from .machine import Machine
from .rules import ERROR, LEVELS, RULES


class Finding(NamedTuple):
    """One thing that is wrong: where, how bad, what, and what mends it."""

    level: str
    unit: str
    place: Place | None
    message: str
    hint: str

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        return f"{place}{self.level}: {self.unit}: {self.message}" + (f" ({self.hint})" if self.hint else "")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("units", metavar="UNIT", nargs="*", help="NAME.socket, NAME@.service, NAME.service or NAME")
    parser.add_argument("--level", choices=LEVELS, default=LEVELS[-1], help="leave out what is less (%(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON array of findings")
    parser.add_argument("--root", metavar="DIR", default="/", help="check the system in this directory")
    parser.add_argument(
        "--systemd-version", metavar="N", type=int, help="check for this version (default: the one that is installed)"
    )


def run(arguments: argparse.Namespace) -> int:
    root: str = arguments.root
    if not os.path.isdir(root):
        raise UsageError(f"{root!r} is not a directory")
    machine = Machine(UnitSearch(root), arguments.systemd_version)
    levels = LEVELS[: LEVELS.index(arguments.level) + 1]
    services, findings = [], []
    for gated in subjects(arguments.units, machine.search):
        services.append(gated)
        if isinstance(gated, Finding):
            findings.append(gated)
        else:
            findings += findings_of(gated, machine, levels)
    report(findings, len(services), as_json=arguments.json)
    return 1 if findings else 0


def subjects(units: list[str], search: UnitSearch) -> Iterator[GatedService | Finding]:
    """What to check; a unit that cannot even be read is a finding of its own."""
    for name in units or gate_names(search):
        try:
            yield find_named(name, search)
        except UsageError:
            raise
        except GateError as error:
            yield Finding(ERROR, name, None, error.message, error.hint)


def findings_of(gated: GatedService, machine: Machine, levels: tuple[str, ...]) -> Iterator[Finding]:
    for rule in RULES:
        if rule.level in levels:
            for problem in rule.find(gated, machine):
                yield Finding(rule.level, problem.unit.name, problem.place, problem.message, problem.hint)


def report(findings: list[Finding], services: int, *, as_json: bool) -> None:
    if as_json:
        print(to_json(findings))
        return
    for finding in findings:
        print(finding)
    if not findings and sys.stdout.isatty():
        print(f"{services} service{'s' * (services != 1)} checked, nothing found")


def to_json(findings: Iterable[Finding]) -> str:
    import json

    return json.dumps(
        [
            {
                "level": finding.level, "unit": finding.unit, "message": finding.message, "hint": finding.hint,
                "file": finding.place.file if finding.place else None,
                "line": finding.place.line if finding.place else None,
            }
            for finding in findings
        ],
        indent=2,
    )  # fmt: skip
