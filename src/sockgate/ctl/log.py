"""Show connections, one line each: start, service, client, verdict, end, duration, rule.

The journal's own indexes select them, so the time grows with the number of connections that are shown, and not with
the size of the journal. Without --since, all that the journal has is shown.
"""

import argparse
import ipaddress
import json
import sys
from collections.abc import Callable, Container

from ..core import UsageError
from ..journal.connection import SUCCESS, Connection, Ending
from ..journal.connection import UNKNOWN as STATUS_UNKNOWN
from ..journal.history import Endings, Network, Query, current_boot, follow, history
from ..journal.senders import UNKNOWN_MACHINE
from ..units.names import UnitName
from ..units.search import UnitSearch
from .console import line_printer
from .gated_service import gate_command
from .senders import senders_of
from .times import iso, local, parse_moment

STYLES = {"deny": "red", "error": "bold red", "gone": "dim"}
UNKNOWN = "-"


def configure(parser: argparse.ArgumentParser) -> None:
    add_query_options(parser)
    parser.add_argument("--refused", action="store_true", help="only connections that were refused or failed")
    parser.add_argument("--source", metavar="NET", action="append", default=[], help="only clients in this network")
    parser.add_argument("--follow", action="store_true", help="go on: show each new connection when it is over")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def add_query_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("units", metavar="UNIT", nargs="*", help="NAME, or a unit of it: NAME.socket, NAME@.service")
    parser.add_argument("--since", metavar="TIME", help="from then on: '1 hour ago', -1h, today, 14:30, 2026-11-22")
    parser.add_argument("--until", metavar="TIME", help="up to this time")
    parser.add_argument("--directory", metavar="DIR", help="read the journal's files in this directory")


def run(arguments: argparse.Namespace) -> int:
    query = make_query(arguments)
    if arguments.follow and (query.until is not None or query.directory):
        raise UsageError("--follow goes with neither --until nor --directory")
    endings = Endings(query.directory, "" if query.directory else current_boot())
    show = shower(endings, as_json=arguments.json)
    shown: set[str] = set()
    if arguments.follow:
        tell_of_unknown(query)
    try:
        for connection, ending in follow(query) if arguments.follow else history(query, endings):
            show(connection, ending)
            shown.add(connection.service)
    except KeyboardInterrupt:
        return 0
    return tell_of_unknown(query, shown)


def tell_of_unknown(query: Query, shown: Container[str] = ()) -> int:
    """Say why services have nothing to show: no unit has the name, or it runs no gate, which would write records.

    `shown` has the names of those with something to show. Returns the exit code: 1 if something was said. Nothing is
    said about the journal of another machine: its units are not here.
    """
    search, code = UnitSearch(), 0
    for service in () if query.directory else query.services:
        prefix = service.prefix
        if service.name in shown:
            continue
        if prefix in query.senders.others:
            hint = f"journalctl -u {prefix} -u '{prefix}@*'"
            say(f"{prefix!r} runs no gate, which would record its connections ({hint})")
            code = 1
        elif not any(search.fragment(f"{prefix}{kind}") for kind in (".socket", ".service", "@.service")):
            say(f"there are no connections of {prefix!r}, and no unit has that name")
            code = 1
    return code


def say(text: str) -> None:
    print(f"sockgatectl: {text}", file=sys.stderr)


def make_query(arguments: argparse.Namespace) -> Query:
    """Raises UsageError."""
    names = [service_name(name) for name in arguments.units]
    senders = UNKNOWN_MACHINE if arguments.directory else senders_of(UnitSearch())
    return Query(
        services=tuple(dict.fromkeys(gate for name in names for gate in senders.named(name))),
        senders=senders,
        since=parse_moment("--since", arguments.since) if arguments.since else None,
        until=parse_moment("--until", arguments.until) if arguments.until else None,
        refused=getattr(arguments, "refused", False),
        sources=tuple(parse_network(text) for text in getattr(arguments, "source", [])),
        directory=arguments.directory,
    )


def service_name(unit: str) -> str:
    """`smtp` of smtp, smtp.socket, smtp.service, smtp@.service or an instance of it. Raises UsageError."""
    try:
        return UnitName.parse(unit if unit.endswith((".socket", ".service")) else f"{unit}.socket").prefix
    except ValueError as error:
        raise UsageError(str(error)) from None


def parse_network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise UsageError(f"--source: {text!r} is neither an address nor a network such as 192.168.0.0/24") from None


def shower(endings: Endings, *, as_json: bool) -> Callable[[Connection, Ending | None], None]:
    if as_json:
        return lambda connection, ending: print(
            json.dumps(as_object(connection, ending, endings.is_open(connection))), flush=True
        )
    print_line = line_printer()
    failures = IgnoredFailures()

    def show(connection: Connection, ending: Ending | None) -> None:
        if connection.count > 1:
            how = f"x{connection.count}"
        else:
            how = describe_end(ending, open_=endings.is_open(connection), vague=failures.ignored(connection))
        print_line(as_line(connection, ending, how), STYLES.get(connection.verdict, ""))

    return show


def as_line(connection: Connection, ending: Ending | None, how: str) -> str:
    """Columns that a program can split at blanks. Only the last column contains blanks, and no column is empty."""
    lasted = ending.seconds if ending else connection.seconds
    seconds = f"{lasted:.3f}s" if ending or connection.count > 1 else UNKNOWN
    peer = connection.peer.replace(" ", "_") or UNKNOWN
    failure = ending.failure if ending else ""
    service, why = connection.service or UNKNOWN, failure or connection.reason or connection.rule
    columns = f"{service:<8} {peer:<21} {connection.verdict:<7} {how:<9} {seconds:>9} {why or UNKNOWN}"
    return f"{local(connection.start)}  {columns}"


def describe_end(ending: Ending | None, *, open_: bool, vague: bool) -> str:
    """One word: ok, status=3, SIGKILL, timeout.

    `open` if the session is not over. `ended` if the unit (ExecStart=-) keeps systemd from logging how it ended, or if
    the gate was restarted meanwhile and the kernel does not tell.
    """
    if ending is None:
        return "open" if open_ else UNKNOWN
    if ending.result == STATUS_UNKNOWN:
        return "ended"
    if ending.signal:
        return ending.signal
    if ending.status:
        return f"status={ending.status}"
    if ending.result != SUCCESS:
        return ending.result
    return "ended" if vague and ending.status is None else "ok"


def as_object(connection: Connection, ending: Ending | None, open_: bool) -> dict[str, str | int | float | bool | None]:
    return {
        "start": iso(connection.start),
        "service": connection.service,
        "unit": connection.unit or None,
        "protocol": connection.protocol or None,
        "remote_address": connection.remote_address or None,
        "remote_port": connection.remote_port,
        "local_address": connection.local_address or None,
        "local_port": connection.local_port,
        "verdict": connection.verdict,
        "rule": connection.rule or None,
        "reason": connection.reason or None,
        "count": connection.count,
        "last": iso(connection.last) if connection.count > 1 else None,
        "open": open_ and ending is None,
        "end": iso(ending.at) if ending else None,
        "duration": round(ending.seconds, 6) if ending else None,
        "result": ending.result if ending else None,
        "status": ending.status if ending else None,
        "signal": ending.signal if ending else None,
        "failure": (ending.failure or None) if ending else None,
        "cpu": ending.cpu if ending else None,
        "memory": ending.memory if ending else None,
    }


class IgnoredFailures:
    """Which services have `ExecStart=-`. systemd logs that their processes ended, but not how."""

    def __init__(self) -> None:
        self._search: UnitSearch | None = None
        self._known: dict[str, bool] = {}

    def ignored(self, connection: Connection) -> bool:
        unit = connection.unit or f"{connection.service}@.service"  # journald does not know a sender that has gone
        if connection.resident:
            return False
        template = UnitName.parse(unit).template or unit
        if template not in self._known:
            self._search = self._search or UnitSearch()
            service = self._search.load(template)
            command = gate_command(service) if service else None
            self._known[template] = bool(command and "-" in command.prefixes)
        return self._known[template]
