"""Say what is wrong with the units that run a gate, and how to mend it.

Without UNIT, check all gates with a socket that is enabled or listening. Exit code 0: nothing found but notes; 1:
findings.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import TextIO

from ...core import GateError, UsageError
from ...host.host import Host
from ..gated_service import GatedService, find_named, gate_names
from ..root_option import add_root_option
from .finding import Finding, finding_of
from .socket import without_gate
from .table import ERROR, INSPECTIONS, LEVELS, NOTE, PROBLEMS

# Each round mends what stopped further inspections. Most often one round is enough.
MOST_ROUNDS = 4


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("units", metavar="UNIT", nargs="*", help="NAME.socket, NAME@.service, NAME.service or NAME")
    parser.add_argument("--all", action="store_true", help="also gates that are not enabled")
    parser.add_argument("--level", choices=LEVELS, default=LEVELS[-1], help="leave out findings below it (%(default)s)")
    parser.add_argument("--fix", action="store_true", help="mend what drop-ins can mend, then check again")
    parser.add_argument("--network", action="store_true", help="ask the DNS lists whether they are still run")
    parser.add_argument("--json", action="store_true", help="one JSON array of findings")
    add_root_option(parser, "check the system in this directory")
    parser.add_argument(
        "--systemd", metavar="VERSION", type=int, help="check for this version (default: the installed one)"
    )


def run(arguments: argparse.Namespace) -> int:
    root: str = arguments.root
    units: list[str] = arguments.units
    host = Host(root, arguments.systemd or 0, asks_network=arguments.network)
    levels = LEVELS[: LEVELS.index(arguments.level) + 1]
    names = units or gate_names(host.search)
    wanted = [name for name in names if units or arguments.all or host.uses(name)]
    findings = check_all(wanted, host, levels)
    if not units:
        findings += sockets_without_gate(host, all_=arguments.all)
        findings += converted_sockets(host, levels, all_=arguments.all)
    if arguments.fix:
        findings = fix_and_check_again(wanted, findings, host, levels, sys.stderr if arguments.json else sys.stdout)
    report(findings, as_json=arguments.json)
    if idle := [name for name in names if name not in wanted]:
        print(f"sockgatectl: left out, not enabled: {' '.join(idle)} (--all includes them)", file=sys.stderr)
    return int(any(finding.level in PROBLEMS for finding in findings))


def fix_and_check_again(
    names: list[str], findings: list[Finding], host: Host, levels: tuple[str, ...], output: TextIO
) -> list[Finding]:
    """Write drop-ins in rounds, and return the findings that remain. A mended fault can uncover another one."""
    from .fix import conclude, write_drop_ins

    written = []
    for _ in range(MOST_ROUNDS):
        changed = write_drop_ins(findings, host.search, output)
        if not changed:
            break
        written += changed
        host = host.anew()
        findings = check_all(names, host, levels)
    if written:
        host = host.anew()
        conclude(written, host, output)
        findings = check_all(names, host, levels)
    return findings


def check_all(names: list[str], host: Host, levels: tuple[str, ...]) -> list[Finding]:
    return [finding for name in names for finding in check(name, host, levels)]


def sockets_without_gate(host: Host, *, all_: bool) -> list[Finding]:
    """What keeps a socket from serving any client, although no gate is to blame."""
    return [
        finding_of(ERROR, problem)
        for name in host.search.names("socket")
        for problem in without_gate(name, host.search)
        if all_ or host.uses(name)
    ]


def converted_sockets(host: Host, levels: tuple[str, ...], *, all_: bool) -> list[Finding]:
    """What a conversion left behind, with a gate or without."""
    from .origin import line_gone, server_gone  # imported only here: a start of a socket would wait for the converter

    return [
        finding_of(level, problem)
        for name in host.search.names("socket")
        if all_ or host.uses(name)
        for level, find in ((ERROR, server_gone), (NOTE, line_gone))
        if level in levels
        for problem in find(name, host)
    ]


def check(name: str, host: Host, levels: tuple[str, ...]) -> Iterator[Finding]:
    """The findings about one unit. If the unit cannot be read, that is a finding."""
    try:
        yield from findings_of(find_named(name, host.search), host, levels)
    except UsageError:
        raise
    except GateError as error:
        yield Finding(ERROR, name, None, error.message, error.hint)


def findings_of(gated: GatedService, host: Host, levels: tuple[str, ...]) -> Iterator[Finding]:
    for inspection in INSPECTIONS:
        if inspection.level in levels:
            for problem in inspection.find(gated, host):
                yield finding_of(inspection.level, problem)


def report(findings: list[Finding], *, as_json: bool) -> None:
    if as_json:
        print(to_json(findings))
        return
    for finding in findings:
        print(finding)


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
