"""Whole conversions: each folder of golden/ is the sentence that it shows.

`command` says what to convert; `expected/` holds the units and the report. After a change that is meant, run
`SOCKGATE_UPDATE_GOLDEN=1 pytest tests/convert/test_golden.py` and read the difference.
"""

import grp
import os
import pwd
import re
import shutil
from pathlib import Path

import pytest

from sockgate.connection import Gate
from sockgate.convert import programs
from sockgate.convert.report import Outcome
from sockgate.convert.report_text import render_text
from sockgate.convert.result import Conversion
from sockgate.convert.xinetd.configuration import Configuration
from sockgate.core import GateError
from sockgate.core.options import GATE_OPTIONS
from sockgate.core.options import parse as parse_options
from sockgate.dispatch.options import OPTIONS as RESIDENT_OPTIONS
from sockgate.dispatch.options import parse as parse_resident
from sockgate.dispatch.options import read_options
from sockgate.host.host import Host
from sockgate.units import reader
from sockgate.units.command import parse_commands
from sockgate.units.names import UnitName
from sockgate.units.writer import format_unit

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(folder.name for folder in GOLDEN.iterdir())
PROGRAMS = ("/bin/cat", "/bin/sh", "/usr/bin/env", "/usr/sbin/tcpd")


class Bare(Host):
    """A machine that has these programs and no other, and Courier's account beside those that each Debian has.

    What is installed where the tests run does not count.
    """

    def is_executable(self, path: str) -> bool:
        return path in PROGRAMS

    def user(self, name: str) -> pwd.struct_passwd | None:
        # Not kept: CPython 3.11 complains of such a value if it is there at the end, after its type (structseq.c).
        account = ("courier", "x", 64000, 64000, "", "/var/lib/courier", "/usr/sbin/nologin")
        return pwd.struct_passwd(account) if name == "courier" else super().user(name)

    def group(self, name: str) -> grp.struct_group | None:
        return grp.struct_group(("courier", "x", 64000, [])) if name == "courier" else super().group(name)

    @property
    def node_name(self) -> str:
        return "mail.example.org"


HOST = Bare(systemd=257, hosts_files=("hosts.allow", "hosts.deny"), asks_services=False)


@pytest.fixture(params=NAMES)
def folder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = GOLDEN / str(request.param)
    monkeypatch.chdir(path)
    return path


def converted() -> Conversion:
    """The files of the current folder, converted as `command` says."""
    program, *files = Path("command").read_text().split()
    return programs.convert(program, files, HOST)


def test_conversion_gives_exactly_the_expected_units_and_report(folder: Path) -> None:
    conversion = converted()
    produced = {unit.name: format_unit(unit) for unit in conversion.units} | {"report": render_text(conversion, "DIR")}
    files = {file: text.replace(str(folder), "FOLDER") for file, text in produced.items()}
    if "SOCKGATE_UPDATE_GOLDEN" in os.environ:
        shutil.rmtree("expected", ignore_errors=True)
        Path("expected").mkdir()
        for file, text in files.items():
            Path("expected", file).write_text(text)
    expected = {path.name: path.read_text() for path in Path("expected").iterdir()}
    assert files == expected


@pytest.mark.usefixtures("folder")
def test_the_reader_of_units_and_the_gate_take_what_is_written() -> None:
    for unit in converted().units:
        assignments, ignored = reader.parse(format_unit(unit), unit.name)
        assert not ignored
        for assignment in assignments:
            if assignment.key == "ExecStart":
                (command,) = parse_commands(assignment, UnitName.parse(unit.name))
                if command.program.endswith(("/sockgate", "/sockgated")):
                    build_gate(command.program.rpartition("/")[2], list(command.words))


def build_gate(program: str, words: list[str]) -> None:
    """The gate takes these options. A file that is missing where the tests run is no fault of the options."""
    try:
        if program == "sockgated":
            read_options(parse_resident(words))
        Gate(parse_options(words, RESIDENT_OPTIONS if program == "sockgated" else GATE_OPTIONS))
    except GateError as error:
        if "unable to read" not in str(error) and "No such file" not in str(error):
            raise


@pytest.mark.usefixtures("folder")
def test_every_entry_that_is_not_translated_names_a_file_and_a_reason() -> None:
    for entry in converted().report.entries:
        assert entry.place.file
        assert entry.text or entry.outcome is Outcome.TRANSLATED, entry


@pytest.mark.usefixtures("folder")
def test_every_line_of_a_service_that_xinetd_runs_is_in_the_report() -> None:
    if not Path("command").read_text().startswith("xinetd "):
        return
    conversion = converted()
    told = {(entry.place.file, entry.place.line) for entry in conversion.report.entries}
    configuration = Configuration(conversion.report)
    configuration.read(Path("command").read_text().split()[1])
    for candidate in configuration.running():
        for value in candidate.values.values():
            assert any((setting.place.file, setting.place.line) in told for setting in value.settings), value.written


@pytest.mark.usefixtures("folder")
def test_every_directive_and_option_that_the_report_names_is_in_a_unit() -> None:
    conversion = converted()
    lines = {line for unit in conversion.units for line in format_unit(unit).split("\n")}
    plain = {line.translate({ord('"'): None}).replace("$$", "$").replace("%%", "%") for line in lines}
    for entry in conversion.report.entries:
        if entry.blocks or entry.service in conversion.unwritten:
            continue
        for became in entry.became:
            if re.match(r"(User|Group|[A-Z][a-z]+[A-Z]\w*)=.", became) and not became.startswith("ExecStart="):
                assert became in plain, entry
            elif became.startswith("--"):
                assert any(became.partition(" ")[0] in line for line in plain), entry
