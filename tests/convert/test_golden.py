"""Whole conversions: each folder of golden/ is the sentence that it shows.

`command` says what to convert; `expected/` holds the units and the report. After a change that is meant, run
`SOCKGATE_UPDATE_GOLDEN=1 pytest tests/convert/test_golden.py` and read the difference.
"""

import os
import shutil
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.machine import Machine
from sockgate.convert.report_text import render_text

GOLDEN = Path(__file__).parent / "golden"
MACHINE = Machine(systemd=257, hosts_files=("hosts.allow", "hosts.deny"), asks_services=False)


def produced() -> dict[str, str]:
    """The files that converting the current folder gives."""
    program, *files = Path("command").read_text().split()
    conversion = programs.convert(program, files, MACHINE)
    return {unit.name: str(unit) for unit in conversion.units} | {"report": render_text(conversion, "DIR")}


@pytest.mark.parametrize("name", sorted(folder.name for folder in GOLDEN.iterdir()))
def test_conversion_gives_exactly_the_expected_units_and_report(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN / name)
    folder = str(GOLDEN / name)
    files = {file: text.replace(folder, "FOLDER") for file, text in produced().items()}
    if "SOCKGATE_UPDATE_GOLDEN" in os.environ:
        shutil.rmtree("expected", ignore_errors=True)
        Path("expected").mkdir()
        for file, text in files.items():
            Path("expected", file).write_text(text)
    expected = {path.name: path.read_text() for path in Path("expected").iterdir()}
    assert files == expected
