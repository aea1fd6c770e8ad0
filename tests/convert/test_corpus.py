"""Every file of the corpus: converted, or refused with file, line and attribute; nothing is lost."""

from pathlib import Path

import pytest

from sockgate.connection.gate import Gate
from sockgate.convert import programs
from sockgate.convert.input_files import read_text
from sockgate.convert.machine import Machine
from sockgate.convert.report import Outcome
from sockgate.convert.result import Conversion
from sockgate.convert.xinetd.configuration import Configuration
from sockgate.convert.xinetd.grammar import Block, parse
from sockgate.core.errors import GateError
from sockgate.core.options import parse as parse_options
from sockgate.units import reader
from sockgate.units.command import parse_commands
from sockgate.units.names import UnitName

CORPUS = Path(__file__).parent / "corpus"
PROGRAMS = {"xinetd": "xinetd", "inetd": "inetd", "tcpserver": "tcpserver", "courier": "couriertcpd"}
FILES = sorted(path for folder in PROGRAMS for path in (CORPUS / folder).iterdir())
MACHINE = Machine(systemd=257, hosts_files=(), asks_services=False)


def convert(path: Path) -> Conversion:
    return programs.convert(PROGRAMS[path.parent.name], [str(path)], MACHINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_written_is_read_back_by_systemd_and_by_the_gate(path: Path) -> None:
    for unit in convert(path).units:
        assignments, ignored = reader.parse(str(unit), unit.name)
        assert not ignored
        for assignment in assignments:
            if assignment.key == "ExecStart":
                (command,) = parse_commands(assignment, UnitName.parse(unit.name))
                if command.program.endswith("/sockgate"):
                    check_gate(list(command.words))


def check_gate(words: list[str]) -> None:
    """The gate takes these options; that a file is missing on this machine is no fault of theirs."""
    try:
        Gate(parse_options(words))
    except GateError as error:
        if "unable to read" not in str(error) and "No such file" not in str(error):
            raise


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_refusal_names_its_file_and_says_why(path: Path) -> None:
    conversion = convert(path)
    for entry in conversion.report.entries:
        assert entry.place.file.startswith("/")
        if entry.outcome is not Outcome.TRANSLATED:
            assert entry.text, entry
    text = read_text(str(path))
    if not conversion.services and any(line.strip() and not line.lstrip().startswith("#") for line in text.split("\n")):
        assert conversion.report.entries or not list(parse(text, "")) or only_defaults(path)


def only_defaults(path: Path) -> bool:
    return all(not isinstance(item, Block) or item.is_defaults for item in parse(read_text(str(path)), ""))


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.name == "xinetd"], ids=lambda path: path.name)
def test_every_line_of_a_service_that_xinetd_runs_is_in_the_report(path: Path) -> None:
    conversion = convert(path)
    told = {(entry.place.file, entry.place.line) for entry in conversion.report.entries}
    configuration = Configuration(conversion.report)
    configuration.read(str(path))
    for candidate in configuration.running():
        for value in candidate.values.values():
            assert any((setting.place.file, setting.place.line) in told for setting in value.settings), value.written


def test_nine_of_ten_services_convert_without_a_refusal() -> None:
    converted, refused = 0, set()
    for path in FILES:
        if path.parent.name != "xinetd":
            continue
        conversion = convert(path)
        converted += len(conversion.services)
        refused |= {
            (entry.place.file, entry.service) for entry in conversion.report.entries
            if entry.outcome is Outcome.REFUSED and "RPC" not in entry.text
        }  # fmt: skip
    assert converted >= 35
    assert converted / (converted + len(refused)) >= 0.9, refused
