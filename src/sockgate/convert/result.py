"""The result of one run of the converter: the services, their units, and the report."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..connection.gate import Gate
from ..core.errors import ConfigError, GateError
from ..core.options import parse
from .machine import Machine
from .report import Entry, Outcome, Report
from .service import Service
from .stunnel import ConfigFile
from .unit_names import make_unique
from .unit_plan import UnitFile, check_printable, config_files, gate_words, unit_files

FOR_EVERY_SERVICE = "What differs for every service, standard error first of all, is listed in sockgate-migrating(7)."


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was converted (services, their units, and files that those need) and what became of everything else."""

    services: tuple[Service, ...]
    units: tuple[UnitFile, ...]
    report: Report
    files: tuple[ConfigFile, ...] = ()

    @property
    def refused(self) -> list[str]:
        """The services, by the old name, that the old program served and that have no unit now."""
        blocked = (entry.service for entry in self.report.entries if entry.blocks and entry.outcome is Outcome.REFUSED)
        return list(dict.fromkeys(filter(None, blocked)))

    def as_json(self) -> dict[str, object]:
        return {
            "services": [
                {"name": service.name, "file": service.place.file, "line": service.place.line}
                for service in self.services
            ],
            "refused": self.refused,
            "units": [unit.name for unit in self.units],
            "files": [file.path for file in self.files],
            "notes": self.report.notes,
            "report": [entry.as_json() for entry in self.report.entries],
        }


def check_gate(service: Service, report: Report) -> None:
    """Build the gate that the unit will run: options that cannot work refuse the service (raises UsageError).

    A file that is missing may come later; until then the gate refuses everybody, which the report says.
    """
    try:
        Gate(parse([*gate_words(service), "--", *service.command]))
    except ConfigError as error:
        text = f"{error}: until this is mended the gate refuses everybody"
        report.add(Outcome.APPROXIMATED, service.place, service.name, f"service {service.name}", text)


def build(services: Iterable[Service], report: Report, machine: Machine, prefix: str = "") -> Conversion:
    """Units for each service. One that no unit file can express is refused and costs no other."""
    written: list[Service] = []
    units: list[UnitFile] = []
    configs: list[ConfigFile] = []
    for service in make_unique(services, prefix):
        try:
            files, beside = unit_files(service, machine), config_files(service)
            for unit in files:
                check_printable(unit)
            if service.gated:
                check_gate(service, report)
        except GateError as error:
            what, text = f"service {service.name}", f"{error}; the service is not converted"
            report.entries.append(Entry(Outcome.REFUSED, service.place, service.name, what, (), text, blocks=True))
            continue
        written.append(service)
        units += files
        configs += beside
    if written:
        report.notes.append(FOR_EVERY_SERVICE)
    return Conversion(tuple(written), tuple(units), report, tuple(configs))
