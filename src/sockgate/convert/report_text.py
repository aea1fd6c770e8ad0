"""The report as text, for somebody who sees it for the first time."""

from dataclasses import replace

from .input_files import printable
from .report import Entry, Outcome
from .result import Conversion

HEADINGS = {
    Outcome.REFUSED: "Refused: not carried over",
    Outcome.APPROXIMATED: "Approximated: works, with this difference",
    Outcome.IGNORED: "Ignored by the old program: never had the effect that was probably meant",
    Outcome.TRANSLATED: "Translated: means the same",
}


def render_text(conversion: Conversion, folder: str) -> str:
    """What needs attention comes first; a summary and what to do next come last, where a terminal shows them."""
    lines: list[str] = []
    for outcome, heading in HEADINGS.items():
        entries = [entry for entry in conversion.report.entries if entry.outcome is outcome]
        if entries:
            lines += [f"{heading} ({len(entries)})", *("  " + line for line in render_entries(entries)), ""]
    lines += summary(conversion, folder)
    return "\n".join(lines) + "\n"


def render_entries(entries: list[Entry]) -> list[str]:
    """One line for each; what a line of defaults means for many services in the same words is one line as well."""
    services: dict[Entry, list[str]] = {}
    for entry in entries:
        services.setdefault(replace(entry, service=""), []).append(printable(entry.service))
    return [render_entry(entry, ", ".join(filter(None, dict.fromkeys(names)))) for entry, names in services.items()]


def render_entry(entry: Entry, names: str) -> str:
    service = f"{names}: " if names else ""
    became = " -> " + ", ".join(printable(word) for word in entry.became) if entry.became else ""
    text = f": {printable(entry.text)}" if entry.text else ""
    return f"{entry.place}: {service}{printable(entry.what)}{became}{text}"


def units_of(name: str) -> str:
    return f"{name.removesuffix('.conf')}.socket"


def summary(conversion: Conversion, folder: str) -> list[str]:
    counts = ", ".join(f"{conversion.report.count(outcome)} {outcome}" for outcome in Outcome)
    units = " ".join(unit.name for unit in conversion.units) or "none"
    refused = " ".join(printable(name) for name in conversion.refused)
    return [
        *conversion.report.notes,
        f"Services converted: {len(conversion.services)}. Of everything read: {counts}.",
        *([f"Refused, and served by nobody afterwards: {refused}"] if refused else []),
        f"Units in {folder}: {units}",
        *(f"For {file.path}, which {units_of(file.name)} needs: {file.name}" for file in conversion.files),
    ]
