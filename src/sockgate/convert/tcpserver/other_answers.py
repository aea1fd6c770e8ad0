"""The servers that a script would start if this machine gave another answer to one of its questions.

The script is evaluated again for each other answer, and for pairs and more where the first one leads to a new
question. Each question has a line in the report. Where another answer would let in fewer clients, the service is
refused: the unit does not ask again, so a file that is missing today would open a door for good.
"""

from ..outcomes import Answer, approximated, blocked, entry_of, translated
from ..report import Report
from ..shell.findings import HIDDEN, Question, Started
from ..shell.state import State
from ..shell.worlds import Elsewhere, Explored
from ..starters import server_at
from .command_words import shown
from .strictness import stricter


def servers_of(state: State) -> tuple[Started, ...]:
    return tuple(command for command in state.commands if server_at(command.words) is not None)


def report_questions(name: str, names: list[str], state: State, explored: Explored, report: Report) -> frozenset[int]:
    """A line for each question; the numbers of the servers that are refused. names: of the servers."""
    servers = servers_of(state)
    refused: list[tuple[int, frozenset[Question]]] = []
    for one in explored.elsewhere:
        for number, server in enumerate(servers):
            other = counterpart(server, number, servers_of(one.state))
            reason = stricter(state.host, server, other) if other else ""
            is_told = any(
                number == refused_one and questions <= set(one.questions) for refused_one, questions in refused
            )
            if other and reason and not is_told:
                refused.append((number, frozenset(one.questions)))
                answer = blocked(fewer(one.questions, f"{reason}: {told(other)}"))
                asked = " and ".join(dict.fromkeys(question.asked for question in one.questions))
                report.entries.append(entry_of(names[number], one.questions[-1].place, shown([asked]), answer))
    used = frozenset().union(*(server.all_keys for server in servers))
    for question in state.questions.values():
        alone = [one for one in explored.elsewhere if one.questions == (question,)]
        if not question.is_doubled and not any(questions == {question} for _, questions in refused):
            answer = consequence(question, servers, alone, used)
            report.entries.append(entry_of(name, question.place, shown([question.asked]), answer))
    if not explored.is_whole and servers:
        text = "it asks this machine so much that not every combination of answers was tried: fewer clients may come in"
        report.entries.append(entry_of(name, servers[0].place, "questions", approximated(text)))
    return frozenset(number for number, _ in refused)


def fewer(questions: tuple[Question, ...], difference: str) -> str:
    """Why a service is refused."""
    answers = "; ".join(dict.fromkeys(question.answer for question in questions))
    return (
        f"{answers}. With another answer fewer clients may come in ({difference}): write the command that is meant "
        "without the question and convert again"
    )


def counterpart(server: Started, number: int, others: tuple[Started, ...]) -> Started | None:
    """The server of another world that corresponds to this one: it has the same last words, or the same place."""
    return next((other for other in others if other.words[-1:] == server.words[-1:] and other.place == server.place),
                others[number] if number < len(others) else None)  # fmt: skip


def consequence(
    question: Question, servers: tuple[Started, ...], elsewhere: list[Elsewhere], used: frozenset[str]
) -> Answer:
    """The answer of this machine, and the effect of it."""
    frozen = bool(question.freezes) and question.key in used
    if frozen:
        return approximated(f"{question.answer}; the unit keeps that, and {question.freezes} no longer counts")
    for one in elsewhere:
        others = servers_of(one.state)
        if not others and servers:
            return approximated(f"{question.answer}; otherwise the script starts no server, and the unit does not ask")
        for server, other in zip(servers, others, strict=False):
            if server.words != other.words:
                text = f"{question.answer}; otherwise {told(other)}, and the unit does not ask again"
                return approximated(text)
            if inherited(server) != inherited(other):
                return approximated(f"{question.answer}; otherwise the server has other variables or limits")
        if len(others) > len(servers):
            last = others[-1]
            return approximated(f"{question.answer}; otherwise the script would start {told(last)} as well")
    return translated(text=f"{question.answer}; nothing that is started depends on it")


def inherited(server: Started) -> tuple[object, ...]:
    """Everything but the words."""
    return server.exported, server.folder, server.limits, server.umask, server.path


def told(server: Started) -> str:
    """The words of a server for the report, with secrets hidden."""
    return shown([HIDDEN if word in server.secret_words else word for word in server.words])
