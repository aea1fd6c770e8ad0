"""From a candidate to a service record: first each attribute by its handler, then what follows from several of them."""

from ...host.host import Host
from ..accounts import by_setpriv
from ..input_files import Place
from ..outcomes import Answer, blocked, entry_of, ignored
from ..report import Report
from ..service import Service
from .attributes import ATTRIBUTES
from .combined import complete
from .configuration import Candidate
from .draft import Draft, Value, is_invalid, with_consequence
from .record import record_of


def convert(candidate: Candidate, host: Host, report: Report) -> Service | None:
    """The record of one service, or None if it cannot be written. In both cases the report has all of it."""
    draft = Draft(candidate.id, candidate.name, candidate.place, host)
    answers: list[tuple[Place, str, Answer]] = []
    for name, row in ATTRIBUTES.items():
        value = candidate.values.get(name)
        if value is not None:
            answer = with_consequence(row.handler(draft, value))
            if is_invalid(answer):
                answer = unless_switched_on(candidate, value, answer, row.harmless)
            answers.append((value.place, value.written, answer))
            answers += [(value.place, what, note) for what, note in draft.notes]
            draft.notes.clear()
    if not any(answer.blocks for _, _, answer in answers):
        answers += [(candidate.place, f"service {draft.name}", answer) for answer in complete(draft, candidate)]
    if draft.clear_groups:
        answers = [(place, what, by_setpriv(answer)) for place, what, answer in answers]
    entries = [entry_of(draft.id, place, what, answer) for place, what, answer in answers]
    report.entries += sorted(entries, key=lambda entry: entry.place)
    return None if any(entry.blocks for entry in entries) else record_of(draft)


def unless_switched_on(candidate: Candidate, value: Value, answer: Answer, harmless: bool) -> Answer:
    """The answer about a value that xinetd cannot use. It disables the service, but another line may enable it again.

    Then the service runs without the value. The unit may also lack a harmless attribute. Without any other attribute,
    or with the value of another line, the service would differ from what the administrator expects.
    """
    switch = switched_on_by(candidate, value)
    if not switch:
        return answer
    if harmless and not value.has_other:
        candidate.values.pop(value.name)
        return ignored(f"{answer.text}, until {switch} switches it on without this")
    return blocked(f"{answer.text}, until {switch} switches it on without this; mend the line and convert again")


def switched_on_by(candidate: Candidate, value: Value) -> str:
    """The line that enables a service again, behind a value that disabled it. "" if there is none.

    A further 'disable' that comes first prevents this: in a disabled entry, xinetd reads no further behind it.
    """
    switch = candidate.values.get("disable")
    first = min(setting.place for setting in (*value.replaced, *value.settings))  # any of them may be bad
    if value.inherited or switch is None or switch.place < first or switch.word.lower() != "no":
        switch = None
    idle = min((place for place in candidate.idle if place > value.place), default=None)
    if idle and not value.inherited and (switch is None or idle < switch.place):
        return ""
    if candidate.enabled_at:
        return f"the list 'enabled' ({candidate.enabled_at})"
    return f"'disable = no' on line {switch.place.line}" if switch else ""
