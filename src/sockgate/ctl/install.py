"""Put a service behind a gate: write its socket and service units, for your own server or for a shipped one.

With --server, NAME.socket, NAME@.service and NAME.service are written for that server. Without it, NAME is a service
with units that come with sockgate (smtp, imap, pop3, and each of them over TLS).
"""

import argparse
import os
import shlex
import shutil
import sys

from ..atomic_write import write_atomically
from ..connection import Gate
from ..core import ConfigError, UsageError
from ..core.options import GATE_OPTIONS, parse
from ..dispatch.options import parse as parse_resident
from ..dispatch.options import read_options
from ..host.host import Host
from ..units.search import UNIT_FOLDER, UnitSearch
from ..units.writer import format_unit
from .check import findings_of
from .check.table import ERROR, LEVELS
from .custom_units import OwnService, check_listen, check_name, connection_unit, resident_unit, socket_unit
from .gated_service import find_named
from .own_files import is_ours
from .root_option import add_root_option

LOOPBACK_ONLY = "--allow localhost"
BOUNDS = ("session-timeout", "idle-timeout", "session-memory", "session-tasks")  # options of sockgated
SHIPPED = ("smtp", "imap", "pop3", "smtps", "imaps", "pop3s")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="+", help="the service")
    parser.add_argument("--server", metavar="COMMAND", help="its server and arguments, as one word: '/usr/sbin/x -i'")
    parser.add_argument("--listen", metavar="ADDRESS", action="append", help="PORT, ADDRESS:PORT or [ADDRESS]:PORT")
    parser.add_argument("--user", metavar="USER", help="the user as which the server runs")
    parser.add_argument(
        "--options", metavar="OPTIONS", default=LOOPBACK_ONLY, help="the gate's options (default: %(default)s)"
    )
    parser.add_argument("--session-timeout", metavar="SECONDS", help="end a session that lasts so long")
    parser.add_argument("--idle-timeout", metavar="SECONDS", help="end one in which so long no byte went (sockgated)")
    parser.add_argument("--session-memory", metavar="SIZE", help="end a session that needs more memory, such as 64M")
    parser.add_argument("--session-tasks", metavar="N", help="let a session have so many processes and threads")
    add_root_option(parser, "write for the system in this directory")
    parser.add_argument("--dry-run", action="store_true", help="print the units and write nothing")


def run(arguments: argparse.Namespace) -> int:
    names: list[str] = arguments.names
    host = Host(arguments.root)
    if arguments.server is None:
        for option in ("listen", "user", *BOUNDS):
            if getattr(arguments, option.replace("-", "_")):
                raise UsageError(f"--{option} needs --server: the units that are shipped have it")
        for name in names:
            print(shipped(name, host.search))
        return 0
    if len(names) > 1:
        raise UsageError("--server is for one NAME at a time")
    service = own_service(names[0], arguments)
    units = {
        f"{UNIT_FOLDER}/{unit.name}": format_unit(unit)
        for unit in (
            socket_unit(service, program("sockgatectl"), host),
            connection_unit(service, program("sockgate")),
            resident_unit(service, program("sockgated"), host),
        )
    }
    refuse_foreign(units, host.search)
    if arguments.dry_run:
        print("\n".join(f"# {path}\n{text}" for path, text in units.items()), end="")
        return 0
    for path, text in units.items():
        write_atomically(host.search.host_path(path), text)
        print(f"wrote {path}")
    return conclude(service, host)


def shipped(name: str, search: UnitSearch) -> str:
    """The text that says what to do for a service with units that come with sockgate. Raises GateError."""
    check_name(name)
    path = search.fragment(f"{name}.socket")
    if path:
        return f"{name}.socket is installed ({path}); next: systemctl enable --now {name}.socket"
    if name in SHIPPED:
        hint = "`make install` brings it; or name a server with --server"
        raise ConfigError(f"there is no {name}.socket, or it is masked", hint)
    raise UsageError(f"no units for {name!r} come with sockgate", f"{' '.join(SHIPPED)} do; or say --server")


def own_service(name: str, arguments: argparse.Namespace) -> OwnService:
    """The service that the options describe, validated as the gate itself will do it. Raises GateError."""
    for option in ("listen", "user"):
        if not getattr(arguments, option):
            hint = "the user as which it runs: root if it must" if option == "user" else ""
            raise UsageError(f"--server needs --{option}", hint)
    server, options = split("--server", arguments.server), split("--options", arguments.options)
    if not server or not server[0].startswith("/"):
        raise UsageError(f"--server: {arguments.server!r} does not start with an absolute path")
    Gate(parse([*options, "--", *server], GATE_OPTIONS))
    listen = tuple(check_listen(text) for text in arguments.listen)
    bounds = {f"--{option}": text for option in BOUNDS if (text := getattr(arguments, option.replace("-", "_")))}
    read_options(parse_resident([word for pair in bounds.items() for word in pair]))
    return OwnService(check_name(name), listen, arguments.user, server, options, bounds)


def split(option: str, text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"{option}: {text!r}: {error}") from None


def program(name: str) -> str:
    """The path of one of sockgate's programs, for units. It is beside this program, or on the PATH."""
    own = os.path.dirname(os.path.realpath(sys.argv[0]))
    folders = [own, f"{os.path.dirname(own)}/sbin", os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"]
    found = shutil.which(name, path=":".join(folders))
    if found is None:
        raise ConfigError(f"unable to find the program {name!r}", "`make install` puts it where systemd finds it")
    return found


def refuse_foreign(units: dict[str, str], search: UnitSearch) -> None:
    """Raise ConfigError if a unit of this name exists that `install` did not write."""
    for path in units:
        name = os.path.basename(path)
        existing = path if os.path.lexists(search.host_path(path)) else search.fragment(name)
        if existing and not (existing == path and is_ours(search.host_path(path))):
            raise ConfigError(f"{existing!r} exists and was not written by sockgatectl install", "choose another name")


def defaults_file(name: str) -> str:
    return f"/etc/default/sockgate-{name}"


def conclude(service: OwnService, host: Host) -> int:
    """Say what is wrong with the written units, and what to type next."""
    host = host.anew()
    search = host.search
    findings = list(findings_of(find_named(f"{service.name}.socket", search), host.anew(), LEVELS))
    for finding in findings:
        print(finding)
    if service.options == tuple(LOOPBACK_ONLY.split()):
        print(f"only this machine may connect: say --options, or set SOCKGATE_OPTIONS in {defaults_file(service.name)}")
    broken = any(finding.level == ERROR for finding in findings)
    command = f"systemctl enable --now {service.name}.socket"
    if search.enabled(f"{service.name}.socket"):
        command = f"systemctl daemon-reload && systemctl restart {service.name}.socket"
    print(f"next: mend what is said above, then {command}" if broken else f"next: {command}")
    return int(broken)
