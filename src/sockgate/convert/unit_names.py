"""Names of units made from the names of old services."""

import itertools
import re
from collections.abc import Iterable
from dataclasses import replace

from ..core import UsageError
from .service import DATAGRAM, Service

LONGEST = 100
UNIT_STEM = re.compile("[A-Za-z0-9:_.-]+")


def unit_stem(name: str) -> str:
    """A unit's name without suffix: what systemd does not allow becomes `-`, and `@` would make it a template."""
    return re.sub(r"[^A-Za-z0-9:_.-]+", "-", name).strip("-.")[:LONGEST] or "service"


def check_prefix(prefix: str) -> None:
    """Raises UsageError for what cannot begin the name of a unit, or would lead to another folder."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9:_.-]*", prefix) or len(prefix) > LONGEST:
        raise UsageError(f"--prefix: {prefix!r} cannot begin the name of a unit", "letters, digits and : _ . - only")


def make_unique(services: Iterable[Service], prefix: str = "") -> list[Service]:
    """With a name of its own for each: echo on TCP and on UDP become `echo` and `echo-udp`."""
    taken: set[str] = set()
    unique = []
    for service in services:
        name = prefix + service.name
        protocol = "udp" if service.listens[0].kind == DATAGRAM else "tcp"
        if name in taken:
            name = f"{name}-{protocol}"
        numbered = (f"{name}-{count}" for count in itertools.count(2))
        name = name if name not in taken else next(candidate for candidate in numbered if candidate not in taken)
        taken.add(name)
        unique.append(replace(service, name=name, prefix=prefix))
    return unique
