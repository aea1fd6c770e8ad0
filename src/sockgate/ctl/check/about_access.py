"""Rules about what the access options mean, where that is not what they seem to say."""

from collections.abc import Iterator
from ipaddress import ip_address

from ...core.errors import UsageError
from ...core.xinetd_access import Entry, XinetdAccess
from ..gated import GatedService
from .about_command import place_of
from .machine import Machine
from .problem import Problem


def entries_misleading(gated: GatedService, _: Machine) -> Iterator[Problem]:
    for check in gated.gate.checks if gated.gate else ():
        for entry in check.entries() if isinstance(check, XinetdAccess) else ():
            if is_misleading(entry):
                place = place_of(UsageError(repr(entry.text)), gated)
                yield Problem(gated.service, place, f"{entry.text!r} means {entry.meaning()}", "write what you mean")


def is_misleading(entry: Entry) -> bool:
    """Whether it covers other addresses than those that are written, but for zeros at the end."""
    if entry.caveat or entry.name or "{" in entry.text:
        return bool(entry.caveat)
    try:
        ip_address(entry.text.partition("/")[0])
    except ValueError:
        return True  # of fewer than four numbers, octal or hexadecimal
    return False
