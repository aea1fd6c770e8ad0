"""The gates of this machine as the journal knows them: by their units, their names and their users."""

import os

from ..core import GateError, UsageError
from ..core.options import parse, service_named_in
from ..host.accounts import Accounts, is_number
from ..journal.senders import GateUnit, Senders
from ..units.environment import load_environment
from ..units.search import UnitSearch
from ..units.unit import Unit
from .gated_service import PROGRAMS, GatedService, gate_command

ROOT = ("", "root", "0")
ACCOUNTS = Accounts("", asks_services=True)


def senders_of(search: UnitSearch) -> Senders:
    """All services, those with a gate apart from the others."""
    gates: dict[str, GateUnit] = {}
    others: set[str] = set()
    for name in search.names("service"):
        service = search.load(name)
        gate = gate_unit(service, search) if service else None
        if gate:
            gates[gate.prefix] = gate
        else:
            others.add(name.partition("@")[0].removesuffix(".service"))
    return Senders(gates, frozenset(others - gates.keys()))


def gate_unit(service: Unit, search: UnitSearch) -> GateUnit | None:
    """The gate that this service runs; None if it runs none."""
    prefix = service.unit_name.prefix
    try:
        command = gate_command(service)
        if command is None:
            return None
        variables, _ = load_environment(service, search)
        words = [word.text for word in command.arguments(variables)]
        return GateUnit(prefix, name_in(os.path.basename(command.program), words) or prefix, uid_of(service))
    except GateError:  # the line is wrong, and systemd starts nothing
        return GateUnit(prefix, prefix, uid_of(service))


def of_gated(gated: GatedService) -> GateUnit:
    """The gate of a service that was loaded already."""
    prefix = gated.service.unit_name.prefix
    words = [word.text for word in gated.words]
    return GateUnit(prefix, name_in(gated.program, words) or prefix, uid_of(gated.service))


def name_in(program: str, words: list[str]) -> str:
    """What the gate calls the service, by its command line (see Gate)."""
    try:
        settings = parse(words, PROGRAMS[program])
    except UsageError:
        return service_named_in(words)
    return settings.name or (settings.command[0].rpartition("/")[2] if settings.command else "")


def uid_of(service: Unit) -> int | None:
    """The number of the user that it runs as; None if that is not known before it runs."""
    user = service.value("Service", "User")
    if service.is_true("Service", "DynamicUser"):
        return None
    if user in ROOT:
        return 0
    if is_number(user):
        return int(user)
    account = ACCOUNTS.user(user)
    return account.pw_uid if account else None
