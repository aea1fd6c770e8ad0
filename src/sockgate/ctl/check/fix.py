"""The drop-ins of `check --fix`: one for each unit. Each line has a comment that says what it mends."""

import os
from collections.abc import Iterable
from typing import TextIO

from ...atomic_write import write_atomically
from ...core import ConfigError
from ...host.host import Host
from ...host.systemctl import systemctl
from ...units.model import Directive, Section, Written
from ...units.search import UNIT_FOLDER, UnitSearch
from ...units.unit import Unit
from ...units.writer import format_file, report_form
from .fault import section_of
from .finding import Finding

MARKER = "Written by `sockgatectl check --fix`; remove this file to undo that."
# systemd reads this name after `override.conf`, into which `systemctl edit` may have written the mistake.
NAME = "zz-sockgatectl-check.conf"
# Settings that a listening socket takes over only when it is started again.
NEEDS_RESTART = ("FreeBind", "Backlog")

# Key of a setting: its lines, each with the comment above it.
Settings = dict[str, list[Directive]]


def write_drop_ins(findings: Iterable[Finding], search: UnitSearch, output: TextIO) -> list[str]:
    """Write the drop-ins that mend these findings. Returns the changed units. Raises ConfigError for a foreign file."""
    changed = []
    for unit, settings in mending(findings).items():
        loaded = search.load(unit)
        path = f"{UNIT_FOLDER}/{unit}.d/{NAME}"
        old = read_own(search.host_path(path))
        merged = old | settings
        if loaded is None or merged == old:
            continue
        write_atomically(search.host_path(path), format_drop_in(merged, loaded))
        print(f"wrote {path}", file=output)
        for lines in settings.values():
            print(*(f"  {report_form(line.key, line.value)}" for line in lines), sep="\n", file=output)
        changed.append(unit)
    return changed


def mending(findings: Iterable[Finding]) -> dict[str, Settings]:
    """The settings by unit. If two findings need different lines for one setting, the second must wait."""
    units: dict[str, Settings] = {}
    for finding in findings:
        settings: Settings = {}
        for number, (key, value) in enumerate(finding.mends):
            settings.setdefault(key, []).append(Directive(key, Written(value), finding.message if number == 0 else ""))
        of_unit = units.setdefault(finding.unit, {})
        if not of_unit.keys() & settings.keys():
            of_unit.update(settings)
    return {unit: settings for unit, settings in units.items() if settings}


def format_drop_in(settings: Settings, unit: Unit) -> str:
    sections: dict[str, list[Directive]] = {}
    for key, lines in settings.items():
        sections.setdefault(section_of(unit, key), []).extend(lines)
    return format_file([MARKER], [Section(name, tuple(lines)) for name, lines in sorted(sections.items())])


def read_own(path: str) -> Settings:
    """The settings that an earlier --fix wrote there, empty without a file. Raises ConfigError for a foreign file."""
    if not os.path.lexists(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            first, *lines = file.read().splitlines() or [""]
    except (OSError, ValueError) as error:
        raise ConfigError(f"unable to read {path!r}: {error}") from None
    if first != f"# {MARKER}":
        raise ConfigError(f"{path!r} was not written by sockgatectl check --fix", "give it another name")
    settings: Settings = {}
    comment = ""
    for line in lines:
        key, equals, value = line.partition("=")
        if line.startswith("#"):
            comment = line[2:]
        elif equals:
            settings.setdefault(key, []).append(Directive(key, Written(value), comment))
            comment = ""
    return settings


def conclude(units: list[str], host: Host, output: TextIO) -> None:
    """Have systemd read the drop-ins, and say what else must be done before they count."""
    if host.running:
        systemctl("daemon-reload")
    restart = [unit for unit in dict.fromkeys(units) if needs_restart(unit, host)]
    if restart:
        print(f"next: systemctl restart {' '.join(restart)}", file=output)


def needs_restart(unit: str, host: Host) -> bool:
    """Whether a restart is needed. Templates and the limits of a socket count from the next connection on."""
    if unit.endswith("@.service"):
        return False
    own = read_own(host.search.host_path(f"{UNIT_FOLDER}/{unit}.d/{NAME}"))
    active = not host.running or host.state(unit).get("ActiveState") == "active"
    return active and (unit.endswith(".service") or any(key in own for key in NEEDS_RESTART))
