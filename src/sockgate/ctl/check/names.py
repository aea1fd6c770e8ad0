"""Inspections of names: sections and settings that systemd does not know. It ignores them, and says so in its log."""

import difflib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...host.host import Host
from ...units.known import GONE, NEWEST_TESTED, OF_UNITS, SECTIONS, SINCE, is_known, value_since
from ...units.reader import Assignment
from ...units.unit import Unit
from ..gated_service import GatedService
from .fault import Fault
from .unit_files import units_of

EXTENSION = "X-"  # systemd leaves such sections and keys to other programs
ALIKE = 0.75  # difflib's ratio of two names of which one may be a slip for the other


class Stranger(NamedTuple):
    """A section or setting that no tested version of systemd knows there, where it stands, and what may be meant."""

    text: str
    first: Assignment
    hint: str


def names_unknown(gated: GatedService, host: Host) -> Iterator[Fault]:
    """What is unknown to each version, and what looks like a slip if systemd is newer than this program knows."""
    for unit in units_of(gated):
        for stranger in strangers(unit):
            if stranger.hint or host.systemd_version <= NEWEST_TESTED:
                yield Fault(unit, stranger.first.place, f"systemd ignores {stranger.text}", stranger.hint)


def names_gone(gated: GatedService, host: Host) -> Iterator[Fault]:
    for unit, assignment in settings(gated):
        if assignment.key in GONE and not is_known(assignment.section, assignment.key, host.systemd_version):
            successor = GONE[assignment.key]
            yield Fault(
                unit, assignment.place, f"systemd {host.systemd_version} ignores {assignment.key}=: it was taken away",
                f"{successor}= took its place" if successor else "take the line away",
            )  # fmt: skip


def names_newer(gated: GatedService, host: Host) -> Iterator[Fault]:
    """What only a newer systemd knows, and what this systemd may know and this program does not."""
    version = host.systemd_version
    for unit, assignment in settings(gated):
        key, value = assignment.key, assignment.value
        for ignored, since in ((f"{key}=", SINCE.get(key, 0)), (f"{key}={value}", value_since(key, value))):
            if since > version:
                first = f"{since} is the first that knows it"
                yield Fault(unit, assignment.place, f"systemd {version} ignores {ignored}: {first}")
                break
    if version > NEWEST_TESTED:
        for unit in units_of(gated):
            for stranger in strangers(unit):
                if not stranger.hint:
                    known = f"this program knows those of systemd up to {NEWEST_TESTED}, and this is {version}"
                    yield Fault(unit, stranger.first.place, f"unable to say what {stranger.text} means: {known}")


def settings(gated: GatedService) -> Iterator[tuple[Unit, Assignment]]:
    """The settings that a version of systemd knows."""
    for unit in units_of(gated):
        for assignment in unit.assignments:
            if assignment.key in keys_of(unit, assignment.section):
                yield unit, assignment


def strangers(unit: Unit) -> Iterator[Stranger]:
    kind = unit.unit_name.type
    seen = set()
    for assignment in unit.assignments:
        section, key = assignment.section, assignment.key
        if section.startswith(EXTENSION) or key.startswith(EXTENSION) or key in keys_of(unit, section):
            continue
        if section not in OF_UNITS[kind]:
            stranger = Stranger(f"the section [{section}]", assignment, section_meant(section, key, kind))
        else:
            stranger = Stranger(f"{key}= under [{section}]", assignment, key_meant(section, key, kind))
        if stranger.text not in seen:
            seen.add(stranger.text)
            yield stranger


def keys_of(unit: Unit, section: str) -> frozenset[str]:
    return SECTIONS[section] if section in OF_UNITS[unit.unit_name.type] else frozenset()


def section_meant(section: str, key: str, kind: str) -> str:
    meant = nearest(section, OF_UNITS[kind]) or section_of(key, kind)
    return f"is [{meant}] meant?" if meant else ""


def key_meant(section: str, key: str, kind: str) -> str:
    if right := section_of(key, kind):
        return f"it belongs under [{right}]"
    meant = nearest(key, SECTIONS[section])
    return f"is {meant}= meant?" if meant else ""


def section_of(key: str, kind: str) -> str:
    """The section of such units that has this key. "" if none has it."""
    return next((section for section in OF_UNITS[kind] if key in SECTIONS[section]), "")


def nearest(name: str, names: Iterable[str]) -> str:
    """The name that this one is a slip for. "" if none is like it."""
    by_lower_case = {each.lower(): each for each in sorted(names)}
    found = difflib.get_close_matches(name.lower(), by_lower_case, 1, ALIKE)
    return by_lower_case[found[0]] if found else ""
