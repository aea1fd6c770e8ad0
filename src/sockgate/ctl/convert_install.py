"""`sockgatectl convert --install`: put converted units in place, and print the commands that switch over and back."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from ..atomic_write import FileAccess, link_once, write_atomically
from ..convert.conflicts import MASKED, local_drop_ins, vendor_drop_ins
from ..convert.result import Conversion
from ..convert.service import DATAGRAM, Service
from ..core import ConfigError, SystemFailure
from ..host.ports import holders, parse_listen, sockets_on
from ..units.search import UnitSearch
from ..units.writer import format_unit
from .old_daemons import old_daemon

UNIT_FOLDER = "/etc/systemd/system"
FAMILIES = {"tcpserver": ("tcpserver", "sslserver", "tcpsvd")}  # the programs that a run script can start


@dataclass(frozen=True, slots=True)
class Installation:
    """The messages of `--install`: warnings, and commands for a shell."""

    warnings: tuple[str, ...]
    switch_over: tuple[str, ...]
    switch_back: tuple[str, ...]

    def __str__(self) -> str:
        parts = [*self.warnings]
        for heading, commands in (("To switch over:", self.switch_over), ("To switch back:", self.switch_back)):
            parts += [heading, *(f"  {command}" for command in commands)] if commands else []
        return "\n".join(parts) + "\n"

    def as_json(self) -> dict[str, list[str]]:
        return {
            "warnings": list(self.warnings),
            "switch_over": list(self.switch_over),
            "switch_back": list(self.switch_back),
        }


def install(conversion: Conversion, program: str, search: UnitSearch) -> Installation:
    """Write the units where systemd looks for them. They were placed there (convert.obstacles). Raises ConfigError."""
    if not conversion.units:
        return Installation(("No service was converted: nothing is installed.",), (), ())
    for file in conversion.files:
        write_atomically(search.host_path(file.path), file.text, FileAccess(file.mode))
    for unit in conversion.units:
        write_atomically(search.host_path(f"{UNIT_FOLDER}/{unit.name}"), format_unit(unit))
    masks = [mask for unit in conversion.units for mask in vendor_drop_ins(search.root, unit.name)]
    for mask in masks:
        link_once(MASKED, search.host_path(f"{UNIT_FOLDER}/{mask}"))
    files = [f"{UNIT_FOLDER}/{name}" for name in (*(unit.name for unit in conversion.units), *masks)]
    files += [file.path for file in conversion.files]
    return Installation(tuple(warnings(conversion, program, search)), *commands(conversion, program, files, search))


def refuse_losses(conversion: Conversion) -> None:
    """Raise ConfigError if a service would be lost, before `--now` switches over."""
    if conversion.refused or not conversion.units:
        lost = " ".join(conversion.refused) or "any service"
        raise ConfigError(f"unable to convert {lost}: nothing is installed or switched over",
                          "see the report of the same command without --now")  # fmt: skip
    if conversion.broken:
        raise ConfigError(f"{' '.join(conversion.broken)} would serve no client: nothing is installed or switched over",
                          "see the report of the same command without --now")  # fmt: skip


def switch_over(installation: Installation) -> None:
    """Run the commands that were shown, up to the first that fails. Raises SystemFailure."""
    sys.stdout.flush()
    for command in installation.switch_over:
        if command.startswith("#"):  # a script started the old program; only the administrator knows how to stop it
            raise SystemFailure(f"unable to switch over by itself: {command[1:].strip()}, then go on with the commands")
        if subprocess.run(["/bin/sh", "-c", command], check=False).returncode:
            raise SystemFailure(f"unable to switch over: {command!r} failed", "the commands above switch back")


def warnings(conversion: Conversion, program: str, search: UnitSearch) -> Iterator[str]:
    yield from dict.fromkeys(text for service in conversion.services for text in taken_ports(service, program))
    for unit in conversion.units:
        for path in local_drop_ins(search.root, unit.name):
            yield f"{path} changes {unit.name} as well: see that it still should."
    if conversion.refused:
        yield f"Once {program} is stopped nothing serves: {' '.join(conversion.refused)} (refused, see above)."


def taken_ports(service: Service, program: str) -> Iterator[str]:
    """A warning for each port on which a program listens now. Most often that is the old daemon."""
    protocol = "udp" if service.listens[0].kind == DATAGRAM else "tcp"
    for listen in service.listens:
        wanted = parse_listen(listen.address, protocol, only_ipv6=service.ipv6_only == "ipv6-only")
        inodes = sockets_on(wanted) if wanted else set()
        if not (wanted and inodes):
            continue
        owner = next(iter(holders(inodes)), None)
        text = f"Port {wanted.port}/{protocol} of {service.name} is taken"
        text += f" by {owner.name} (pid {owner.pid})" if owner else ""
        if owner and owner.name in FAMILIES.get(program, (program,)):
            yield f"{text}, which the commands below stop."
        else:
            yield f"{text}: stop it first, or {service.name}.socket cannot start."


def commands(
    conversion: Conversion, program: str, files: list[str], search: UnitSearch
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The commands that switch over, and those that switch back."""
    sockets = " ".join(f"{service.name}.socket" for service in conversion.services)
    stopping, starting = old_daemon(program, conversion.services, search)
    removing = [f"rm {' '.join(files)}"]
    folders = dict.fromkeys(os.path.dirname(file) for file in files if os.path.dirname(file).endswith(".d"))
    if folders:  # they hold masked drop-ins
        removing.append(f"rmdir --ignore-fail-on-non-empty {' '.join(folders)}")
    return (
        ("systemctl daemon-reload", *stopping, f"systemctl enable --now {sockets}"),
        (f"systemctl disable --now {sockets}", *removing, "systemctl daemon-reload", *starting),
    )
