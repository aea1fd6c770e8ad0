"""What an inspection reports."""

import re
from typing import NamedTuple

from ...units.reader import Place
from ...units.unit import Unit

# A time or number that switches a limit off: 0, 0s, 0ms.
ZERO = re.compile(r"0+[a-z]*\Z")
MOST = 20  # findings that are shown of one file
OF_EVERY_UNIT = ("CollectMode", "StartLimitIntervalSec")
Setting = tuple[str, str]  # key, and value in systemd's own syntax


class Fault(NamedTuple):
    """What is wrong, in which unit, at which place (None if it is not written), and how to mend it.

    hint   for a person: a command, or what to write
    mends  the settings that mend it in a drop-in of the unit; empty if none can
    """

    unit: Unit
    place: Place | None
    message: str
    hint: str = ""
    mends: tuple[Setting, ...] = ()


def by_setting(unit: Unit, place: Place | None, message: str, *mends: Setting) -> Fault:
    """A problem that these settings can mend."""
    wanted = " and ".join(f"{key}={value}" for key, value in mends)
    section = section_of(unit, mends[0][0])
    return Fault(unit, place, message, f"put {wanted} under [{section}] with `systemctl edit {unit.name}`", mends)


def switch_off(service: str) -> str:
    """The commands that stop and disable a service.

    `disable --now` does not stop a service that has only an init script, such as exim4 on Debian 12.
    """
    return f"systemctl stop {service}; systemctl disable {service}"


def section_of(unit: Unit, key: str) -> str:
    return "Unit" if key in OF_EVERY_UNIT else unit.unit_name.type.capitalize()
