"""Which records are from a gate, and which are from another program that imitates one.

Every user of a machine may write records, with any fields but those that begin with an underscore. journald adds these
itself, from what the kernel tells about the sender: its unit, its user, its process. So a field such as
SOCKGATE_SERVICE= helps to find records, and the sender's unit decides whether a record counts.

journald learns the unit from /proc. If the sender has ended before, the record has no unit. Then its INVOCATION_ID=
counts, if PID 1 has written of a run with that number, and if the sender's user is that of the unit. Of a service that
is no longer there the user is not known; such a record counts only in the files of another machine.

What this cannot tell apart: a gate, and a server that the same unit runs as the same user.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..units.names import UnitName
from .reader import Journal, Record, number, text

# What each of these runs is what any user wants: a user's manager, a user's jobs, a user's shell.
OF_ANY_USER = frozenset(("user", "cron", "crond", "anacron", "atd", "ssh", "sshd"))
DYNAMIC_USERS = range(61184, 65520)  # systemd.exec(5), DynamicUser=
# The fields from which `Origins.unit_of` finds the sender.
SENDER_FIELDS = ("_SYSTEMD_UNIT", "_UID", "INVOCATION_ID", "SOCKGATE_SERVICE")


class GateUnit(NamedTuple):
    """A service with a gate in its units.

    prefix  of its units: NAME of NAME@.service and NAME.service
    name    by which the gate calls the service in its records
    uid     the user that the gate runs as; None if that is not known: then it is a dynamic one
    """

    prefix: str
    name: str
    uid: int | None = None


@dataclass(frozen=True, slots=True)
class Senders:
    """The services of a machine, by the prefix of their units. The files of another machine come without its services.

    gates   those that run a gate
    others  those that run none
    """

    gates: Mapping[str, GateUnit]
    others: frozenset[str]

    def named(self, name: str) -> tuple[GateUnit, ...]:
        """The services that an administrator calls so: by the unit, or by the name in the records."""
        return tuple(gate for gate in self.gates.values() if name in (gate.prefix, gate.name)) or (
            GateUnit(name, name),
        )

    def may_run_a_gate(self, unit: str) -> bool:
        """Whether this is the unit of a gate, or of a service that is no longer there."""
        prefix = prefix_of(unit)
        return bool(prefix) and (prefix in self.gates or prefix not in self.others | OF_ANY_USER)


UNKNOWN_MACHINE = Senders({}, frozenset())


def prefix_of(unit: str) -> str:
    """NAME of NAME.service, NAME@.service and each of its instances. Empty for other units."""
    try:
        name = UnitName.parse(unit)
    except ValueError:
        return ""
    return name.prefix if name.type == "service" else ""


class Origins:
    """Finds out from which unit a record is."""

    def __init__(self, senders: Senders, directory: str | None = None, services: tuple[GateUnit, ...] = ()) -> None:
        """With `services`, only records of these count."""
        self._senders = senders
        self._directory = directory
        self._prefixes = {service.prefix for service in services}
        self._names = {service.name for service in services}
        self._runs: Journal | None = None

    def unit_of(self, record: Record) -> str:
        """The unit of the gate that wrote this. Empty if no gate did, or if the gate is of another service."""
        unit = text(record, "_SYSTEMD_UNIT") or self._unit_of_run(record)
        if not self._senders.may_run_a_gate(unit):
            return ""
        prefix = prefix_of(unit)
        if not self._prefixes or prefix in self._prefixes:
            return unit
        forgotten = prefix not in self._senders.gates
        return unit if forgotten and text(record, "SOCKGATE_SERVICE") in self._names else ""

    def _unit_of_run(self, record: Record) -> str:
        run = text(record, "INVOCATION_ID")
        if not run:
            return ""
        if self._runs is None:
            self._runs = Journal([], self._directory)
        self._runs.select([["_PID=1", f"INVOCATION_ID={run}"]])
        unit = next((text(each, "UNIT") for each in self._runs.records()), "")
        gate = self._senders.gates.get(prefix_of(unit))
        if gate is None:  # every user can learn the number of a run, and nothing says who the user of this one was
            return "" if self._senders.gates else unit
        uid = number(record, "_UID")
        return unit if uid == gate.uid or (gate.uid is None and uid in DYNAMIC_USERS) else ""
