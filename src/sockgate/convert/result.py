"""The result of one run of the converter: the services, their units, and the report."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..connection import Gate
from ..core import ConfigError, GateError
from ..core.options import parse
from ..host.host import Host
from ..units.model import UnitFile
from ..units.writer import format_unit
from . import rules_text
from .engines import AUTO, with_engine
from .extra_files import ExtraFile
from .file_access import remedy, runs_as_root, unreadable
from .outcomes import entry_of
from .report import Entry, Outcome, Report
from .service import Engine, Service
from .unit_plan import extra_files, gate_words, unit_files

NOT_TESTED = "Convert as root to have it tested whether the users of the services can read the files of their gates."
FOR_EVERY_SERVICE = "What differs for every service, standard error first of all, is listed in sockgate-migrating(7)."


@dataclass(frozen=True, slots=True)
class Converted:
    """One service with all that it needs: its units, the socket first, their texts, and extra files."""

    service: Service
    units: tuple[UnitFile, ...]
    texts: tuple[str, ...]
    files: tuple[ExtraFile, ...] = ()

    @property
    def socket_unit(self) -> UnitFile:
        return self.units[0]

    @property
    def named_texts(self) -> Iterator[tuple[str, str]]:
        """The name and the text of each unit."""
        return zip((unit.name for unit in self.units), self.texts, strict=True)


@dataclass(frozen=True, slots=True)
class Conversion:
    """The converted services, and what became of all the rest."""

    converted: tuple[Converted, ...]
    report: Report

    @property
    def services(self) -> tuple[Service, ...]:
        return tuple(one.service for one in self.converted)

    @property
    def units(self) -> tuple[UnitFile, ...]:
        return tuple(unit for one in self.converted for unit in one.units)

    @property
    def named_texts(self) -> Iterator[tuple[str, str]]:
        """The name and the text of each unit."""
        return (named for one in self.converted for named in one.named_texts)

    @property
    def files(self) -> tuple[ExtraFile, ...]:
        return tuple(file for one in self.converted for file in one.files)

    @property
    def unwritten(self) -> set[str]:
        """The old names of the services without a unit, for any reason."""
        blocked = {entry.service for entry in self.report.entries if entry.blocks and entry.service}
        return blocked - {service.old_name for service in self.services}

    @property
    def broken(self) -> list[str]:
        """The names of units that would serve no client yet."""
        named = {entry.service for entry in self.report.entries if entry.outcome is Outcome.BROKEN}
        return [service.name for service in self.services if {service.name, service.old_name} & named]

    @property
    def refused(self) -> list[str]:
        """The old names of the services that the old program served and that have no unit now."""
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


def check_gate(service: Service, host: Host, report: Report) -> None:
    """Build the gate that the unit will run. Raises UsageError for options that cannot work: the service is refused.

    A missing file may come later. Until then the gate refuses every client, and the report says so.
    """
    try:
        gate = gate_of(service)
        texts = (
            [] if runs_as_root(service) else [remedy(service, path) for path in unreadable(service, gate.files, host)]
        )
    except ConfigError as error:
        told = is_told(error, service, report)
        texts = [] if told else [f"{error}: until this is mended the gate refuses every client"]
    for text in texts:
        report.add(Outcome.BROKEN, service.place, service.old_name, f"service {service.name}", text)


def is_told(error: ConfigError, service: Service, report: Report) -> bool:
    """Whether the report says already that the file is missing which makes this service refuse every client."""
    file = error.cause.file if error.cause else ""
    entries = (entry for entry in report.entries if entry.outcome is Outcome.BROKEN)
    return bool(file) and any(entry.service == service.old_name and file in " ".join(entry.became) for entry in entries)


def gate_of(service: Service) -> Gate:
    """The gate of the unit. A file of rules that the conversion makes is not there yet, and has a place for now."""
    words = gate_words(service)
    if not service.rules:
        return Gate(parse([*words, "--", *map(str, service.command)]))
    import tempfile  # only here: the generator needs none, and PID 1 waits for it

    path = rules_text.path_of(service.name)
    with tempfile.NamedTemporaryFile("w", suffix=".rules") as file:
        file.write("".join(f"{rule}\n" for rule in service.rules))
        file.flush()
        gate = Gate(parse([*(file.name if word == path else word for word in words), "--", *map(str, service.command)]))
        del gate.sources[file.name]
        return gate


def build(services: Iterable[Service], report: Report, host: Host, engine: str = AUTO) -> Conversion:
    """Make units for each service. A service that no unit file can express is refused; the others still count."""
    converted: list[Converted] = []
    for undecided in services:
        service, answer = with_engine(undecided, engine)
        try:
            one = converted_service(service, host)
            if service.gated or service.takes_connections:
                check_gate(service, host, report)
        except GateError as error:
            what, text = f"service {service.name}", f"{error}; the service is not converted"
            report.entries.append(Entry(Outcome.REFUSED, service.place, service.name, what, (), text, blocks=True))
            continue
        converted.append(one)
        if answer:
            report.entries.append(entry_of(service.old_name, service.place, f"--engine {engine}", answer))
    report.settle({one.service.old_name for one in converted if one.service.engine is Engine.RESIDENT})
    report.give_advice({one.service.old_name for one in converted})
    if converted:
        report.notes.append(FOR_EVERY_SERVICE)
    if not host.privileged and any(one.service.gated and not runs_as_root(one.service) for one in converted):
        report.notes.append(NOT_TESTED)
    return Conversion(tuple(converted), report)


def converted_service(service: Service, host: Host) -> Converted:
    """The service with its units and files. Raises ConfigError for what a unit or a file cannot hold."""
    units = unit_files(service, host)
    return Converted(service, units, tuple(map(format_unit, units)), extra_files(service))
