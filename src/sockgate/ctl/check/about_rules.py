"""Rules about the access rules of --rules: what in them has no effect."""

from collections.abc import Iterator
from itertools import islice

from ...core.rules import RulesAccess
from ...rulefile.reader import dead_entries, read_rules
from ...units.reader import Place
from ..gated import GatedService
from .machine import Machine
from .problem import Problem

MOST = 20  # of a list with a mistake in every line, nobody reads more


def rules_in_vain(gated: GatedService, machine: Machine) -> Iterator[Problem]:
    for path in rules_files(gated):
        shown = path.removeprefix(machine.search.root)
        for entry in islice(dead_entries(path), MOST):
            file, _, line = entry.where.removeprefix(machine.search.root).rpartition(":")
            place = Place(file, int(line)) if line.isdigit() else option_place(gated)
            where = "" if line.isdigit() else f"{shown!r}: "
            yield Problem(gated.service, place, f"{where}{entry.text!r} has no effect: {entry.reason}")


def rules_without_end(gated: GatedService, machine: Machine) -> Iterator[Problem]:
    for path in rules_files(gated):
        if not any(rule.key == "" for rule in read_rules(path)):
            shown = path.removeprefix(machine.search.root)
            message = f"{shown!r} has no rule for everybody else, so they are let in"
            yield Problem(gated.service, option_place(gated), message, "add ':deny' or ':allow' and compile it anew")


def rules_files(gated: GatedService) -> Iterator[str]:
    for check in gated.gate.checks if gated.gate else ():
        if isinstance(check, RulesAccess):
            yield check.store.name


def option_place(gated: GatedService) -> Place:
    return next((word.place for word in gated.words if word.text.startswith("--rules")), gated.command.place)
