"""Show the gated services live: the table of `status`, and the last refusals. Ctrl-C ends it."""

import argparse
import time

from ..core import UsageError
from ..journal.connection import Connection
from ..units.search import UnitSearch
from .console import Screen, counted, plain_table
from .status.render import HEADERS, row, times
from .status.services import ServiceState, find_services, refresh
from .times import local

MOST_REFUSALS = 10


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("units", metavar="UNIT", nargs="*", help="NAME.socket, NAME@.service, NAME.service or NAME")
    parser.add_argument(
        "--interval", metavar="SECONDS", type=float, default=2.0, help="seconds between two looks (%(default)s)"
    )
    parser.add_argument("--count", metavar="N", type=int, help="end after this number of looks")


def run(arguments: argparse.Namespace) -> int:
    if not 0.1 <= arguments.interval <= 3600:
        raise UsageError(f"--interval: {arguments.interval:g} is not from 0.1 to 3600")
    if arguments.count is not None and arguments.count < 1:
        raise UsageError(f"--count: {arguments.count} is not 1 or more")
    services = find_services(arguments.units, UnitSearch())
    looks = 0
    try:
        with Screen() as screen:
            while True:
                refresh(services)
                used = [service for service in services if arguments.units or service.used]
                screen.show("\n".join(page(used)))
                looks += 1
                if looks == arguments.count:
                    return 0
                time.sleep(arguments.interval)
    except KeyboardInterrupt:
        return 0


def page(services: list[ServiceState]) -> list[str]:
    clients = sum(service.connected for service in services)
    lines = [f"{time.strftime('%H:%M:%S')}  {counted(len(services), 'service')}, {counted(clients, 'client')}", ""]
    lines += plain_table(HEADERS, [row(service) for service in services])
    refusals = sorted((refusal for service in services for refusal in service.last), key=lambda each: -each.last)
    return [*lines, "", "last refusals", *map(refusal_line, refusals[:MOST_REFUSALS])]


def refusal_line(refusal: Connection) -> str:
    what = refusal.reason or refusal.rule
    return f"{local(refusal.last)[:-4]}  {refusal.service:<8} {refusal.peer + times(refusal):<21} {what}"
