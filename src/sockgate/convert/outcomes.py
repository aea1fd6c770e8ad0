"""The answers that a handler can give: what became of one thing that was read."""

from dataclasses import dataclass, replace

from ..units.model import Directive
from ..units.writer import report_form
from .input_files import Place
from .report import Entry, Outcome

Became = str | Directive


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a handler about a value, a word or a line.

    became    the directives of the unit, and the options of the gate as they stand in it
    blocks    whether the service cannot be written: access would change, or the old program did not run it either
    advice    what to change in the unit, if one is written
    resident  the answer in place of this one if the service begins with the resident engine; None for the same
    """

    outcome: Outcome
    text: str = ""
    became: tuple[Became, ...] = ()
    blocks: bool = False
    advice: str = ""
    resident: "Answer | None" = None


def translated(*became: Became, text: str = "") -> Answer:
    return Answer(Outcome.TRANSLATED, text, became)


def approximated(text: str, *became: Became) -> Answer:
    return Answer(Outcome.APPROXIMATED, text, became)


def broken(text: str, *became: Became) -> Answer:
    """Written, but the service refuses every client, or cannot start, until this is mended."""
    return Answer(Outcome.BROKEN, text, became)


def ignored(text: str, *, advice: str = "") -> Answer:
    return Answer(Outcome.IGNORED, text, advice=advice)


def refused(text: str) -> Answer:
    """Left out; the rest of the service is converted."""
    return Answer(Outcome.REFUSED, text)


def blocked(text: str) -> Answer:
    """Left out, and the service with it."""
    return Answer(Outcome.REFUSED, text, blocks=True)


def by_engine(connection: Answer, resident: Answer) -> Answer:
    """An answer that depends on the engine, which is chosen when the whole service is known."""
    return replace(connection, resident=resident)


def entry_of(service: str, place: Place, what: str, answer: Answer) -> Entry:
    """The line of the report for an answer."""
    text = f"{answer.text}; the service is not converted" if answer.blocks else answer.text
    resident = entry_of(service, place, what, answer.resident) if answer.resident else None
    became = tuple(map(in_text, answer.became))
    return Entry(answer.outcome, place, service, what, became, text, answer.blocks, answer.advice, resident)


def in_text(became: Became) -> str:
    """A directive as it stands in the unit."""
    return report_form(became.key, became.value) if isinstance(became, Directive) else became
