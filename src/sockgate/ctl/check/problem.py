"""What a rule reports."""

import re
from typing import NamedTuple

from ...units.reader import Place
from ...units.unit import Unit

# A time or number that switches a limit off: 0, 0s, 0ms.
ZERO = re.compile(r"0+[a-z]*\Z")


class Problem(NamedTuple):
    """What is wrong, in which unit, where it is written (None: nowhere), and the line or command that mends it."""

    unit: Unit
    place: Place | None
    message: str
    hint: str = ""


def setting(unit: Unit, line: str) -> str:
    """The hint for a setting that is missing or wrong."""
    section = {"CollectMode": "Unit", "StartLimitIntervalSec": "Unit"}.get(
        line.partition("=")[0], unit.unit_name.type.capitalize()
    )
    return f"put {line} under [{section}] with `systemctl edit {unit.name}`"
