"""The report as text, for a reader who sees one for the first time."""

from dataclasses import replace

from .input_files import Place, printable
from .report import Entry, Outcome
from .result import Conversion

HEADINGS = {
    Outcome.BROKEN: "Broken: refuses every client, or cannot start, until this is mended",
    Outcome.REFUSED: "Refused: not carried over",
    Outcome.APPROXIMATED: "Approximated: works, with this difference",
    Outcome.IGNORED: "Ignored by the old program: never had the effect that was probably meant",
    Outcome.TRANSLATED: "Translated: means the same",
}
OF_A_UNIT = (Outcome.BROKEN, Outcome.APPROXIMATED, Outcome.TRANSLATED)
LONG = 60  # characters of a text that is told once


def render_text(conversion: Conversion, folder: str) -> str:
    """The whole text. What needs attention comes first. A summary, and what to do next, come last."""
    lines: list[str] = []
    left_out = [entry for entry in conversion.report.entries if is_of_no_unit(entry, conversion.unwritten)]
    for outcome, heading in HEADINGS.items():
        entries = [one for one in conversion.report.entries if one.outcome is outcome and one not in left_out]
        if entries:
            lines += [f"{heading} ({len(entries)})", *("  " + line for line in render_entries(entries)), ""]
    if left_out:
        what = "line" if len(left_out) == 1 else "lines"
        lines += [f"Not shown: {len(left_out)} {what} about services that are not converted (--json has them).", ""]
    lines += summary(conversion, folder)
    return "\n".join(lines) + "\n"


def is_of_no_unit(entry: Entry, unwritten: set[str]) -> bool:
    """Whether this entry is about the content of a unit that was not written."""
    return entry.outcome in OF_A_UNIT and entry.service in unwritten


def render_entries(entries: list[Entry]) -> list[str]:
    """One line for each entry. If a line of defaults means the same for many services, that is also only one line.

    A long text is written once. Later lines refer to the first.
    """
    services: dict[Entry, list[str]] = {}
    for entry in entries:
        services.setdefault(replace(entry, service=""), []).append(printable(entry.service))
    told: dict[str, Place] = {}
    lines = []
    for entry, names in services.items():
        first = told.setdefault(entry.text, entry.place)
        again = first != entry.place and len(entry.text) > LONG
        shown = replace(entry, text=f"as for {first}") if again else entry
        lines.append(render_entry(shown, ", ".join(filter(None, dict.fromkeys(names)))))
    return lines


def render_entry(entry: Entry, names: str) -> str:
    service = f"{names}: " if names else ""
    became = " -> " + ", ".join(printable(word) for word in entry.became) if entry.became else ""
    text = f": {printable(entry.text)}" if entry.text else ""
    return f"{entry.place}: {service}{printable(entry.what)}{became}{text}"


def units_of(name: str) -> str:
    return f"{name.rpartition('.')[0]}.socket"


def summary(conversion: Conversion, folder: str) -> list[str]:
    counts = ", ".join(f"{conversion.report.count(outcome)} {outcome}" for outcome in Outcome)
    units = " ".join(unit.name for unit in conversion.units) or "none"
    refused = " ".join(printable(name) for name in conversion.refused)
    broken = " ".join(conversion.broken)
    return [
        *conversion.report.notes,
        f"Services converted: {len(conversion.services)}. Of everything read: {counts}.",
        *([f"Broken, until what is said above is mended: {broken}"] if broken else []),
        *([f"Refused, and without a unit: {refused}"] if refused else []),
        f"Units in {folder}: {units}",
        *(f"For {file.path}, which {units_of(file.name)} needs: {file.name}" for file in conversion.files),
    ]
