"""Inspections of the unit files themselves: lines and files that systemd reads in another way than they were meant."""

import os
import re
from collections.abc import Iterator

from ...host.host import Host
from ...units.search import UnitSearch
from ...units.unit import Unit
from ..gated_service import GatedService
from .fault import Fault

NEWER_DROP_IN = re.compile(r"-(\d{3})\.conf$")
SHELL_PREFIX, SHELL_PREFIX_SINCE = "|", 258  # ExecStart=|COMMAND: its NEWS
# Files in the folder of drop-ins that were never meant as one: hidden files, and copies of editors and packages.
NO_DROP_IN = re.compile(r"\..*|.*~|.*\.(conf|bak|old|orig|save|sw[op]|off|disabled|ignore|ucf-\w+|dpkg-\w+|rpm\w+)\Z")


def units_of(gated: GatedService) -> Iterator[Unit]:
    yield from filter(None, (gated.socket, gated.service))


def prefix_refused(gated: GatedService, host: Host) -> Iterator[Fault]:
    command = gated.command
    if SHELL_PREFIX in command.prefixes and host.systemd_version < SHELL_PREFIX_SINCE:
        yield Fault(
            gated.service, command.place,
            f"systemd {host.systemd_version} refuses the unit: {SHELL_PREFIX_SINCE} is the first that knows the prefix"
            f" {SHELL_PREFIX!r}",
            "name a shell: ExecStart=/bin/sh -c ...",
        )  # fmt: skip


def started_twice(gated: GatedService, _: Host) -> Iterator[Fault]:
    service = gated.service
    lines = service.list("Service", "ExecStart")
    if len(lines) > 1 and service.value("Service", "Type") != "oneshot":
        last = lines[-1]
        yield Fault(
            service, last.place, "a second ExecStart=: systemd refuses the unit",
            "put an empty ExecStart= before it", (("ExecStart", ""), ("ExecStart", last.value)),
        )  # fmt: skip


def drop_in_unseen(gated: GatedService, host: Host) -> Iterator[Fault]:
    for unit in units_of(gated):
        for path in sorted(strange_files(unit, host.search)):
            yield Fault(
                unit, None, f"systemd ignores {path!r}: the name of a drop-in ends in .conf", f"mv {path} {path}.conf"
            )


def strange_files(unit: Unit, search: UnitSearch) -> Iterator[str]:
    for folder in (f"{folder}/{unit.name}.d" for folder in search.folders):
        if os.path.isdir(search.host_path(folder)):
            for name in os.listdir(search.host_path(folder)):
                if not NO_DROP_IN.match(name) and os.path.isfile(search.host_path(f"{folder}/{name}")):
                    yield f"{folder}/{name}"


def newer_drop_in(gated: GatedService, host: Host) -> Iterator[Fault]:
    for unit in units_of(gated):
        for path in unit.drop_ins:
            match = NEWER_DROP_IN.search(path)
            if match and int(match[1]) > host.systemd_version:
                yield Fault(
                    unit, None, f"{path!r} is for systemd {match[1]} and newer, this is {host.systemd_version}",
                    f"rm {path}",
                )  # fmt: skip


def ignored_lines(gated: GatedService, _: Host) -> Iterator[Fault]:
    for unit in units_of(gated):
        for line in unit.ignored:
            yield Fault(unit, line.place, f"systemd ignores this line: {line.text}")
