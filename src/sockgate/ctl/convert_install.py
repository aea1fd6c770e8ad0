"""`sockgatectl convert --install`: put converted units in place, and print the commands that switch over and back."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..atomic_write import FileAccess, link_once, write_atomically
from ..convert.conflicts import MASKED, local_drop_ins, vendor_drop_ins
from ..convert.result import Conversion
from ..convert.service import DATAGRAM, Service
from ..convert.starters import SERVERS
from ..core import ConfigError, SystemFailure
from ..host.host import is_active
from ..host.ports import MANAGER, Endpoint, Process, holders, parse_listen, sockets_on
from ..units.search import UNIT_FOLDER, UnitSearch
from .former_units import former_files, sockets_among
from .old_daemons import Step, old_daemon

# The names of the processes that have the ports of a program's configuration.
FAMILIES = {
    # s6-tcpserver becomes one of the last three
    "tcpserver": (*SERVERS, "busybox", "s6-tcpserverd", "s6-tcpserver4d", "s6-tcpserver6d"),
    "inetd": ("inetd", "inetutils-inetd"),
}


@dataclass(frozen=True, slots=True)
class Installation:
    """The messages of `--install`: warnings, and commands for a shell.

    hindrances  what keeps the commands from running to their end, so that `--now` does not begin
    """

    warnings: tuple[str, ...]
    switch_over: tuple[str, ...]
    switch_back: tuple[str, ...]
    hindrances: tuple[str, ...] = ()

    def text(self, *, now: bool = False) -> str:
        """`now`: the commands that switch over will be run next."""
        parts = [*self.warnings]
        over = "Switching over:" if now else "To switch over:"
        for heading, commands in ((over, self.switch_over), ("To switch back:", self.switch_back)):
            parts += [heading, *(f"  {command}" for command in commands)] if commands else []
        return "\n".join(parts) + "\n"

    def as_json(self) -> dict[str, list[str]]:
        return {
            "warnings": list(self.warnings),
            "switch_over": list(self.switch_over),
            "switch_back": list(self.switch_back),
        }


def install(conversion: Conversion, program: str, search: UnitSearch, *, now: bool = False) -> Installation:
    """Write the units where systemd looks for them. They were placed there (convert.obstacles). Raises ConfigError.

    now  whether the commands will be run next: then nothing is written if they could not run to their end
    """
    if not conversion.units:
        return Installation(("No service was converted: nothing is installed.",), (), ())
    installation = prepared(conversion, program, search)
    if now and installation.hindrances:
        hindrance, *_ = installation.hindrances
        raise ConfigError(f"unable to switch over: {hindrance}", "nothing is installed or switched over")
    for file in conversion.files:
        write_atomically(search.host_path(file.path), file.text, FileAccess(file.mode))
    for name, text in conversion.named_texts:
        write_atomically(search.host_path(f"{UNIT_FOLDER}/{name}"), text)
    for mask in masks(conversion, search):
        link_once(MASKED, search.host_path(f"{UNIT_FOLDER}/{mask}"))
    return installation


def masks(conversion: Conversion, search: UnitSearch) -> list[str]:
    """The drop-ins of packages that would change our units, as NAME.d/FILE."""
    return [mask for unit in conversion.units for mask in vendor_drop_ins(search.root, unit.name)]


def prepared(conversion: Conversion, program: str, search: UnitSearch) -> Installation:
    """What there is to say. Nothing is changed yet."""
    taken = [port for service in conversion.services for port in taken_ports(service, program)]
    running = {port.service.place.file for port in taken if port.is_old}
    stopping, starting = old_daemon(program, conversion.services, search, running)
    by_hand = tuple(f"{step.text} first" for step in stopping if step.is_by_hand)
    former = former_files(conversion, search)
    ours = {f"{service.name}.socket" for service in conversion.services} | set(sockets_among(former))
    foreign = [port for port in taken if not (port.is_old and stopping) and not is_of(port, ours)]
    told = dict.fromkeys(
        f"{port}: stop it first, or {port.service.name}.socket cannot start."
        if port in foreign
        else f"{port}, which the commands below stop."
        for port in taken
        if not is_of(port, ours)
    )
    return Installation(
        (*told, *warnings(conversion, program, search)),
        switch_over_commands(conversion, stopping, former, search),
        switch_back_commands(conversion, starting, search),
        (*by_hand, *(f"{port}: stop it first" for port in foreign)),
    )


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
        if subprocess.run(["/bin/sh", "-c", command], check=False).returncode:
            raise SystemFailure(f"unable to switch over: {command!r} failed", "the commands above switch back")


def warnings(conversion: Conversion, program: str, search: UnitSearch) -> Iterator[str]:
    for unit in conversion.units:
        for path in local_drop_ins(search.root, unit.name):
            yield f"{path} changes {unit.name} as well: see that it still should."
    if conversion.refused:
        yield f"Once {program} is stopped nothing serves: {' '.join(conversion.refused)} (refused, see above)."


class TakenPort(NamedTuple):
    """A port of a service on which a program listens now.

    owner   the program; None if it cannot be found out
    is_old  whether this is the old program itself
    """

    service: Service
    wanted: Endpoint
    owner: Process | None
    is_old: bool

    def __str__(self) -> str:
        text = f"Port {self.wanted.port}/{self.wanted.protocol} of {self.service.name} is taken"
        return text + (f" by {self.owner.name} (pid {self.owner.pid})" if self.owner else "")


def taken_ports(service: Service, program: str) -> Iterator[TakenPort]:
    protocol = "udp" if service.listens[0].kind == DATAGRAM else "tcp"
    for listen in service.listens:
        wanted = parse_listen(listen.address, protocol, only_ipv6=service.ipv6_only == "ipv6-only")
        inodes = sockets_on(wanted) if wanted else set()
        if wanted and inodes:
            owner = next(iter(holders(inodes)), None)
            is_old = owner is not None and owner.name in FAMILIES.get(program, (program,))
            yield TakenPort(service, wanted, owner, is_old)


def is_of(port: TakenPort, sockets: set[str]) -> bool:
    """Whether systemd has this port for one of these sockets, which the commands start again or stop."""
    return bool(port.owner and port.owner.pid == MANAGER) and any(map(is_active, sockets))


def switch_over_commands(
    conversion: Conversion, stopping: list[Step], former: list[str], search: UnitSearch
) -> tuple[str, ...]:
    sockets = [f"{service.name}.socket" for service in conversion.services]
    there = [name for name in sockets if os.path.lexists(search.host_path(f"{UNIT_FOLDER}/{name}"))]
    removing = [f"systemctl disable --now {' '.join(sockets_among(former))}"] if sockets_among(former) else []
    removing += removed(former)
    starting = [f"systemctl enable --now {' '.join(sockets)}"]
    if there:  # a socket that listens already goes on with its old settings
        starting.append(f"systemctl restart {' '.join(there)}")
    return (*removing, "systemctl daemon-reload", *map(str, stopping), *starting)


def switch_back_commands(conversion: Conversion, starting: list[Step], search: UnitSearch) -> tuple[str, ...]:
    sockets = " ".join(f"{service.name}.socket" for service in conversion.services)
    units = [unit.name for unit in conversion.units]
    files = [f"{UNIT_FOLDER}/{name}" for name in (*units, *masks(conversion, search))]
    files += [file.path for file in conversion.files]
    return f"systemctl disable --now {sockets}", *removed(files), "systemctl daemon-reload", *map(str, starting)


def removed(files: list[str]) -> Iterator[str]:
    """The commands that remove these files, and the folders of drop-ins that are empty then."""
    if not files:
        return
    yield f"rm {' '.join(files)}"
    folders = dict.fromkeys(os.path.dirname(file) for file in files if os.path.dirname(file).endswith(".d"))
    if folders:  # they hold masked drop-ins
        yield f"rmdir --ignore-fail-on-non-empty {' '.join(folders)}"
