"""What settings would say if this machine gave another answer to one of their questions.

The socket evaluates the settings again when it starts, for the variables of the server. What became an option of the
gate or a directive stays as it is now.
"""

from collections.abc import Callable

from ..input_files import UNKNOWN
from ..outcomes import approximated, blocked, entry_of
from ..report import Report
from ..shell.findings import Question
from ..shell.state import State
from ..shell.worlds import World, explore

# They decide which clients come in.
DECISIVE = (
    "ACCESSFILE", "IMAPACCESSFILE", "POP3ACCESSFILE", "BLACKLISTS", "TCPDOPTS", "DROP", "ADDRESS", "SSLADDRESS", "PORT",
    "SSLPORT",
)  # fmt: skip


def report_questions(name: str, state: State, evaluate: Callable[[World], State], report: Report) -> bool:
    """A line for each question; whether the service is refused, since another answer changes who comes in."""
    told: set[Question] = set()
    for one in explore(state, evaluate).elsewhere:
        changed = [variable for variable in DECISIVE if value(one.state, variable) != value(state, variable)]
        if not changed or told & set(one.questions):
            continue
        told |= set(one.questions)
        asked = " and ".join(question.asked for question in one.questions)
        answers = "; ".join(question.answer for question in one.questions)
        text = f"{answers}. With another answer {' and '.join(changed)} would say something else about clients: write "
        answer = blocked(f"{text}the value that is meant without the question and convert again")
        report.entries.append(entry_of(name, one.questions[-1].place, asked, answer))
    for question in state.questions.values():
        if question not in told and not question.is_doubled:
            text = f"{question.answer}; the socket asks again when it starts, for the variables of the server alone"
            report.entries.append(entry_of(name, question.place, question.asked, approximated(text)))
    return bool(told)


def value(state: State, variable: str) -> str | None:
    return UNKNOWN if state.more_set and variable not in state.variables else state.variables.get(variable)
