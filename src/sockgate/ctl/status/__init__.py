"""Say how the gated services are doing: state, clients, limits, how many were let in and refused.

Without UNIT, a table of all that are enabled or listening; with UNIT, everything about these. Numbers count from when
the socket began to listen, as far back as the journal goes.
"""

import argparse
import json

from ...core import UsageError
from ...host.host import Host
from ..check import check
from ..check.table import PROBLEMS
from ..console import print_table
from .prometheus import metrics
from .render import HEADERS, as_object, paragraphs, row
from .services import ServiceState, find_services, refresh


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("units", metavar="UNIT", nargs="*", help="NAME.socket, NAME@.service, NAME.service or NAME")
    parser.add_argument("--json", action="store_true", help="one JSON array of services")
    parser.add_argument("--prometheus", action="store_true", help="metrics for node_exporter's textfile collector")


def run(arguments: argparse.Namespace) -> int:
    """The exit code is 1 if one of them does not listen, or could not serve a client."""
    if arguments.json and arguments.prometheus:
        raise UsageError("--json and --prometheus exclude each other")
    services = current_services(arguments.units)
    if arguments.json:
        print(json.dumps([as_object(service) for service in services], indent=2))
    elif arguments.prometheus:
        print("\n".join(metrics(services)))
    elif arguments.units:
        print("\n\n".join(map(as_text, services)))
    elif services:
        print_table(HEADERS, [row(service) for service in services])
    else:
        print("no service with a gate is enabled or listening")
    return int(not all(service.serves for service in services))


def current_services(units: list[str]) -> list[ServiceState]:
    """Raises GateError."""
    host = Host()
    services = find_services(units, host.search)
    refresh(services)
    services = [service for service in services if units or service.used]
    for service in services:
        service.findings = list(check(service.socket, host, PROBLEMS))
    return services


def as_text(service: ServiceState) -> str:
    return "\n".join([service.name, *(f"  {label + ':':<9} {text}" for label, text in paragraphs(service))])
