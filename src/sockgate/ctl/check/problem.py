"""What a rule reports."""

import re
from typing import NamedTuple

from ...units.reader import Place
from ...units.unit import Unit

# A time or number that switches a limit off: 0, 0s, 0ms.
ZERO = re.compile(r"0+[a-z]*\Z")
MOST = 20  # findings that are shown of one file
OF_EVERY_UNIT = ("CollectMode", "StartLimitIntervalSec")


class Problem(NamedTuple):
    """What is wrong, in which unit, where it is written (None: nowhere), and what mends it.

    hint   for a person: a command, or what to write
    lines  `Key=value` each, which mend it in a drop-in of the unit; empty if none can
    """

    unit: Unit
    place: Place | None
    message: str
    hint: str = ""
    lines: tuple[str, ...] = ()


def by_setting(unit: Unit, place: Place | None, message: str, *lines: str) -> Problem:
    """A problem that these settings mend."""
    wanted = " and ".join(lines)
    return Problem(
        unit, place, message, f"put {wanted} under [{section_of(unit, lines[0])}] with `systemctl edit {unit.name}`",
        lines,
    )  # fmt: skip


def switch_off(service: str) -> str:
    """Not `disable --now`, which does not stop what has an init script only, as exim4 on Debian 12 does."""
    return f"systemctl stop {service}; systemctl disable {service}"


def section_of(unit: Unit, line: str) -> str:
    return "Unit" if line.partition("=")[0] in OF_EVERY_UNIT else unit.unit_name.type.capitalize()
