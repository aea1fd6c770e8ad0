"""The journal's message catalogue."""

import re
from pathlib import Path

from sockgate.connection import log
from sockgate.dispatch.records import records, sums

CATALOG = Path(log.__file__).parents[1] / "catalog/sockgate.catalog"
ENTRY = re.compile(r"^-- ([0-9a-f]{32})\nSubject: .+\nDefined-By: sockgate\nDocumentation: man:", re.MULTILINE)
ID = re.compile(r"[0-9a-f]{32}\Z")


def test_every_kind_of_record_has_an_entry_and_only_one() -> None:
    constants = {**vars(log), **vars(records)}
    known = sorted({value for value in constants.values() if isinstance(value, str) and ID.match(value)})
    assert sorted(ENTRY.findall(CATALOG.read_text())) == known
    assert len(known) >= 9


def test_an_entry_shows_only_fields_that_records_have() -> None:
    shown = set(re.findall(r"@([A-Z_]+)@", CATALOG.read_text()))
    source = "".join(Path(module.__file__ or "").read_text() for module in (log, records, sums))
    assert shown
    assert {field for field in shown if field not in source} == set()
