"""Secrets of a script. They are in files that only some users may read, and every user can read a unit."""

from dataclasses import replace

from ...connection.server import scrub
from ...units.model import Variable, Word
from ..outcomes import Answer, approximated, in_text, translated
from ..shell.findings import HIDDEN, Started

Answers = list[tuple[str, Answer]]
WORD = "SOCKGATE_WORD_"  # the gate takes these variables away from the server
SHORTEST = 3  # characters: a shorter text stands in too many words by chance
WHY = "it is from a file that only some users may read"


def keep_apart(command: Started, variables: dict[str, str], answers: Answers) -> tuple[dict[str, str], dict[str, str]]:
    """(variables of the unit, variables of a file that root alone reads)"""
    secrets = {}
    for name, value in variables.items():
        if not (name in command.secret_variables or f"{name}={value}" in command.secret_words):
            continue
        answers[:] = [pair for pair in answers if pair[0] != f"export {name}"]
        if scrub({name.encode(): b""}):
            secrets[name] = value
            answer = translated("EnvironmentFile=", text=f"{WHY}: the file of the unit has mode 0600")
        else:  # the gate takes this variable away, unless it sets it itself
            answer = approximated(f"{WHY}, and each user may read it in the unit", f"--env {name}=...")
        answers.append((f"export {name}", answer))
    return {name: value for name, value in variables.items() if name not in secrets}, secrets


def words_apart(command: Started, server: list[str], answers: Answers) -> tuple[tuple[Word, ...], dict[str, str]]:
    """The arguments of the server with variables in place of secret ones, and those variables."""
    words: list[Word] = []
    secrets: dict[str, str] = {}
    for word in server:
        if word not in command.secret_words:
            words.append(word)
            continue
        name = f"{WORD}{len(secrets) + 1}"
        secrets[name] = word
        words.append(Variable(name))
        answers.append((HIDDEN, translated(f"${{{name}}}", text=f"{WHY}: EnvironmentFile= has it, with mode 0600")))
    return tuple(words), secrets


def tell_options(command: Started, gate: list[tuple[str, str | None]], answers: Answers) -> None:
    """Options of the gate cannot be kept apart."""
    for option, value in gate:
        if any(len(word) >= SHORTEST and word in (value or "") for word in command.secret_words):
            answers.append((option, approximated(f"{WHY}, and each user may read it in the unit")))


def hidden(command: Started, answers: Answers) -> Answers:
    """The answers without their secrets."""
    texts = {word for word in command.secret_words if len(word) >= SHORTEST}
    texts |= {command.exported[name] for name in command.secret_variables if len(command.exported[name]) >= SHORTEST}
    texts |= {word.partition("=")[2] for word in texts if len(word.partition("=")[2]) >= SHORTEST}
    return [(without(what, texts), hidden_answer(answer, texts)) for what, answer in answers] if texts else answers


def hidden_answer(answer: Answer, texts: set[str]) -> Answer:
    became = tuple(without(in_text(each), texts) for each in answer.became)
    return replace(answer, text=without(answer.text, texts), became=became)


def without(text: str, secrets: set[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
