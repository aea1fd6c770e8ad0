"""Rules about what the access options mean."""

from pathlib import Path

import pytest

from tests.ctl.check.good_units import TEMPLATE, TEMPLATE_UNIT, Cases, edit, prove


def unit(options: str) -> dict[str, str]:
    return {TEMPLATE: edit(TEMPLATE_UNIT, '"OPTIONS=--allow localhost"', f'"OPTIONS={options}"')}


def finding(text: str, meaning: str) -> list[str]:
    return [f"{TEMPLATE}:5: warning: '{text}' means {meaning} (write what you mean)"]


SINGLE = "xinetd reads it as a single address"

CASES: Cases = {
    "forms that mean what they say": (
        unit("--only-from 10.0.0.0 --only-from 192.168.1.0/24 --no-access 10.1.{2,3}"),
        [],
    ),
    "a name": (unit("--only-from .example.com"), []),
    "fewer than four numbers": (unit("--only-from 192.168.10"), finding("192.168.10", "192.168.0.10/32")),
    "an octal number": (unit("--no-access 010.0.0.7"), finding("010.0.0.7", "8.0.0.7/32")),
    "a mask": (unit("--only-from 10.0.0.0/255.0.0.0"), finding("10.0.0.0/255.0.0.0", f"10.0.0.0/32 ({SINGLE})")),
    "nobody": (unit("--only-from fd00::1/128"), finding("fd00::1/128", "nobody (xinetd matches nobody by it)")),
}


@pytest.mark.parametrize("case", CASES)
def test_an_entry_that_covers_others_than_it_seems_to_is_told(tmp_path: Path, case: str) -> None:
    prove(tmp_path, CASES[case])
