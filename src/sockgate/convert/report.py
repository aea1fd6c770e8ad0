"""The report: what became of all that was read, with one entry for each attribute or option, with file and line."""

from collections.abc import Container
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .input_files import Place, printable


class Outcome(StrEnum):
    """What became of one thing in the old configuration."""

    BROKEN = "broken"  # written, but the service refuses every client or cannot start; the text says how to mend it
    TRANSLATED = "translated"  # means the same afterwards
    APPROXIMATED = "approximated"  # means nearly the same; the text names the difference
    REFUSED = "refused"  # not carried over; the text says why, and what to do instead
    IGNORED = "ignored"  # the old program never obeyed it; the text says what was probably meant


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the report.

    what      the attribute, option or statement as it was written
    became    the directives or gate options that replace it, each as it stands in the unit
    text      the difference, why it is refused, or why the old program ignored it; and what to do
    blocks    whether the whole service is not converted because of it
    advice    what to change in the unit; left out if no unit is written
    resident  what stands in place of this if the service begins with the resident engine; None for the same
    """

    outcome: Outcome
    place: Place
    service: str
    what: str
    became: tuple[str, ...] = ()
    text: str = ""
    blocks: bool = False
    advice: str = ""
    resident: "Entry | None" = None

    def __str__(self) -> str:
        service = f"{printable(self.service)}: " if self.service else ""
        became = " -> " + " ".join(printable(word) for word in self.became) if self.became else ""
        text = f": {printable(self.text)}" if self.text else ""
        return f"{self.place}: {service}{self.outcome}: {printable(self.what)}{became}{text}"

    def as_json(self) -> dict[str, object]:
        return {
            "outcome": str(self.outcome),
            "file": printable(self.place.file),
            "line": self.place.line,
            "service": printable(self.service),
            "what": printable(self.what),
            "became": [printable(word) for word in self.became],
            "text": printable(self.text),
        }


@dataclass(slots=True)
class Report:
    """All entries of one conversion, in the order in which they were found, and notes about the whole conversion."""

    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self, outcome: Outcome, place: Place, service: str, what: str, text: str = "", became: tuple[str, ...] = ()
    ) -> None:
        self.entries.append(Entry(outcome, place, service, what, became, text))

    def settle(self, resident: Container[str]) -> None:
        """Decide the entries that depend on the engine. The services with these names begin with the resident one."""
        self.entries = [
            replace((entry.service in resident and entry.resident) or entry, resident=None) for entry in self.entries
        ]

    def give_advice(self, written: Container[str]) -> None:
        """Add the advice to the texts for the services with these names. Drop it for all others."""
        self.entries = [with_advice(entry, written) for entry in self.entries]

    def count(self, outcome: Outcome) -> int:
        return sum(entry.outcome is outcome for entry in self.entries)

    @property
    def clean(self) -> bool:
        """Whether all means the same afterwards."""
        return all(entry.outcome is Outcome.TRANSLATED for entry in self.entries)


def with_advice(entry: Entry, written: Container[str]) -> Entry:
    if not entry.advice:
        return entry
    advice = f". {entry.advice}" if entry.service in written else ""
    return replace(entry, text=entry.text + advice, advice="")
