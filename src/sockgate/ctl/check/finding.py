"""One finding, as it is reported."""

from typing import NamedTuple

from ...units.reader import Place
from .fault import Fault


class Finding(NamedTuple):
    """One thing that is wrong: place, level, text, how to mend it, and the `lines` of a drop-in if they can mend it."""

    level: str
    unit: str
    place: Place | None
    message: str
    hint: str
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        return f"{place}{self.level}: {self.unit}: {self.message}" + (f" ({self.hint})" if self.hint else "")


def finding_of(level: str, problem: Fault) -> Finding:
    return Finding(level, problem.unit.name, problem.place, problem.message, problem.hint, problem.lines)
