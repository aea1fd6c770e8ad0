"""What an inspection reports."""

import re
from typing import NamedTuple

from ...units.reader import Place
from ...units.unit import Unit

# A time or number that switches a limit off: 0, 0s, 0ms.
ZERO = re.compile(r"0+[a-z]*\Z")
MOST = 20  # findings that are shown of one file
OF_EVERY_UNIT = ("CollectMode", "StartLimitIntervalSec")


class Fault(NamedTuple):
    """What is wrong, in which unit, at which place (None if it is not written), and how to mend it.

    hint   for a person: a command, or what to write
    lines  `Key=value` lines that mend it in a drop-in of the unit; empty if no line can
    """

    unit: Unit
    place: Place | None
    message: str
    hint: str = ""
    lines: tuple[str, ...] = ()


def by_setting(unit: Unit, place: Place | None, message: str, *lines: str) -> Fault:
    """A problem that these settings can mend."""
    wanted = " and ".join(lines)
    return Fault(
        unit, place, message, f"put {wanted} under [{section_of(unit, lines[0])}] with `systemctl edit {unit.name}`",
        lines,
    )  # fmt: skip


def switch_off(service: str) -> str:
    """The commands that stop and disable a service.

    `disable --now` does not stop a service that has only an init script, such as exim4 on Debian 12.
    """
    return f"systemctl stop {service}; systemctl disable {service}"


def section_of(unit: Unit, line: str) -> str:
    return "Unit" if line.partition("=")[0] in OF_EVERY_UNIT else unit.unit_name.type.capitalize()
