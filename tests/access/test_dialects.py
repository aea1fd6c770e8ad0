"""One interface for all dialects: each has a file, a builder of one type, and a row."""

from pathlib import Path

import pytest

from sockgate import access
from sockgate.access import (
    DIALECTS,
    Check,
    address_access,
    builder_of,
    courier_access,
    courier_local_access,
    hosts_access,
    tcprules_access,
    times_and_load,
    xinetd_access,
)
from sockgate.core.options import GATE_OPTIONS
from tests.core.clients import client

# For the type checker, which cannot see what `builder_of` loads by name.
BUILDERS: dict[str, "access.Builder"] = {
    "times_and_load": times_and_load.build,
    "address_access": address_access.build,
    "xinetd_access": xinetd_access.build,
    "courier_access": courier_access.build,
    "courier_local_access": courier_local_access.build,
    "hosts_access": hosts_access.build,
    "tcprules_access": tcprules_access.build,
}


def test_each_row_leads_to_its_builder() -> None:
    assert {name: builder_of(name) for _, name in DIALECTS} == BUILDERS


def test_each_file_that_has_a_builder_has_a_row() -> None:
    folder = Path(access.__file__).parent
    built = {path.stem for path in folder.glob("*.py") if "\ndef build(" in path.read_text()}
    assert built == {name for _, name in DIALECTS}


def test_each_option_of_a_row_is_a_gates() -> None:
    known = {option.name for option in GATE_OPTIONS}
    named = [option for options, _ in DIALECTS for option in options]
    assert set(named) <= known
    assert len(named) == len(set(named))


def test_a_check_without_a_decision_is_a_fault() -> None:
    with pytest.raises(NotImplementedError):
        Check().decide(client("192.0.2.1"))
