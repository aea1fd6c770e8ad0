"""One finding, as it is reported."""

from typing import NamedTuple

from ...units.reader import Place
from .fault import Fault, Setting


class Finding(NamedTuple):
    """One thing that is wrong.

    hint   how to mend it
    mends  the settings of a drop-in that mend it; empty if none can
    """

    level: str
    unit: str
    place: Place | None
    message: str
    hint: str
    mends: tuple[Setting, ...] = ()

    def __str__(self) -> str:
        """One line, also where the name of another user's file has a line feed."""
        place = f"{self.place}: " if self.place else ""
        text = f"{place}{self.level}: {self.unit}: {self.message}" + (f" ({self.hint})" if self.hint else "")
        return text.replace("\n", "\\n")


def finding_of(level: str, problem: Fault) -> Finding:
    return Finding(level, problem.unit.name, problem.place, problem.message, problem.hint, problem.mends)
