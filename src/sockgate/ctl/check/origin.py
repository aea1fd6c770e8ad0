"""Findings about sockets that were converted: the line that they came from is gone, or the server is."""

import os
from collections.abc import Iterator

from ...convert import inetd, xinetd
from ...convert.conflicts import origin_of
from ...convert.obstacles import SUFFIX
from ...convert.report import Report
from ...convert.unit_names import make_unique
from ...host.host import Host
from ...units.command import parse_commands
from ...units.unit import Unit
from ..gated_service import runs_a_gate, service_of
from .fault import Fault

BY_LINE = {"inetd": inetd.read, "xinetd": xinetd.read}


def origin(name: str, host: Host) -> tuple[Unit | None, str, str]:
    """A socket that a conversion wrote, its old file, and the prefix of its name."""
    socket = host.search.load(name)
    place, prefix = origin_of(host.search.host_path(socket.path)) if socket else ("", "")
    is_converted = socket and place and socket.path.startswith("/etc/")
    return socket if is_converted else None, place.rpartition(":")[0], prefix


def line_gone(name: str, host: Host) -> Iterator[Fault]:
    """An inetd would have stopped to listen. A file that is gone as a whole went with the old program."""
    socket, file, prefix = origin(name, host)
    path, kind = host.search.host_path(file), kind_of(file)
    stem = name.removesuffix(".socket").removeprefix(prefix)
    if socket and kind and os.path.exists(path) and not {stem, stem.removesuffix(SUFFIX)} & names_in(kind, path):
        message = f"it was converted from {file!r}, where its line is gone or switched off"
        yield Fault(socket, None, message, f"if it is not wanted: systemctl disable --now {name}; rm {socket.path}")


def kind_of(file: str) -> str:
    """The program that reads this file, if the file can have several services; else ""."""
    return "xinetd" if "xinetd" in file else "inetd" if "inetd" in file else ""


def names_in(kind: str, path: str) -> set[str]:
    services = make_unique(BY_LINE[kind]([path], Host(asks_services=False), Report()))
    return {service.name for service in services}


def server_gone(name: str, host: Host) -> Iterator[Fault]:
    """A server without a gate. What a gate starts is looked at with the gate."""
    socket, _, _ = origin(name, host)
    service = host.search.load(service_of(socket)) if socket else None
    line = service.last("Service", "ExecStart") if service and not runs_a_gate(service) else None
    if not (service and line):
        return
    for command in parse_commands(line, service.unit_name):
        program = command.program
        if program.startswith("/") and not host.is_executable(host.search.host_path(program)):
            message = f"{program!r} is not installed: each client is accepted, and then its connection is reset"
            yield Fault(service, line.place, message, f"install it, or systemctl disable --now {name}")
