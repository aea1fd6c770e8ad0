"""What became of everything that was read: one entry per attribute or option, with its file and line."""

from collections.abc import Container
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .input_files import Place, printable


class Outcome(StrEnum):
    """What became of one thing in the old configuration."""

    BROKEN = "broken"  # written, and the service refuses every client or cannot start; the text says what mends it
    TRANSLATED = "translated"  # means the same afterwards
    APPROXIMATED = "approximated"  # nearly; the text says how it differs
    REFUSED = "refused"  # not carried over; the text says why, and what to do instead
    IGNORED = "ignored"  # the old program never honoured it; the text says what was probably meant


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the report.

    what     the attribute, option or statement as it was written
    became   the directives or gate options that stand for it now, each as it is in the unit
    text     how it differs, why it is refused, why the old program ignored it; what to do
    blocks   the whole service is not converted for it
    advice   what to change in the unit; it is not told if there is no unit
    """

    outcome: Outcome
    place: Place
    service: str
    what: str
    became: tuple[str, ...] = ()
    text: str = ""
    blocks: bool = False
    advice: str = ""

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
    """Every entry of one conversion, in the order in which things were found; and notes that concern all of it."""

    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self, outcome: Outcome, place: Place, service: str, what: str, text: str = "", became: tuple[str, ...] = ()
    ) -> None:
        self.entries.append(Entry(outcome, place, service, what, became, text))

    def give_advice(self, written: Container[str]) -> None:
        """Let the texts end with their advice, for the services of these names; drop it for the others."""
        self.entries = [with_advice(entry, written) for entry in self.entries]

    def count(self, outcome: Outcome) -> int:
        return sum(entry.outcome is outcome for entry in self.entries)

    @property
    def clean(self) -> bool:
        """Everything means afterwards what it meant before."""
        return all(entry.outcome is Outcome.TRANSLATED for entry in self.entries)


def with_advice(entry: Entry, written: Container[str]) -> Entry:
    if not entry.advice:
        return entry
    advice = f". {entry.advice}" if entry.service in written else ""
    return replace(entry, text=entry.text + advice, advice="")
