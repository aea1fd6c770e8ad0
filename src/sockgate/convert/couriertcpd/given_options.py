"""The options of couriertcpd in TCPDOPTS, BLACKLISTS and DROP, as couriertcpd gets them.

The start scripts put these values, as they are, into the text of a second shell. That shell splits them into words, so
quotes in a value group, `$` expands, and `;` ends the command.
"""

import os
import re
from dataclasses import dataclass

from ..input_files import UNKNOWN
from ..outcomes import blocked
from ..shell.evaluator import evaluate_text
from ..shell.interpreters import dialect_of
from ..shell.state import State
from ..shell.syntax import ScriptError
from .settings import Settings

VARIABLES = ("TCPDOPTS", "BLACKLISTS", "DROP")
PROGRAM, END = "/usr/sbin/couriertcpd", "PORT"
NOTHING = dict.fromkeys(("HOME", "USER", "LOGNAME", "SHELL", "LANG", "HOSTNAME"), "")  # env -i starts the shell
NOT_ONE_COMMAND = "a second shell reads this value, and finds more in it than the options of one command"
ESCAPES = {"\\": "\\", "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Given:
    """One option: the variable that has it, its name, and its value; None without an equals sign."""

    variable: str
    name: str
    value: str | None

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}={self.value}"


def given_options(settings: Settings) -> list[Given]:
    """All options, in the order in which couriertcpd gets them."""
    return [parsed(variable, word) for variable in VARIABLES for word in words_of(settings, variable)]


def parsed(variable: str, word: str) -> Given:
    name, equals, value = word.partition("=")
    return Given(variable, name, value if equals else None)


def words_of(settings: Settings, variable: str) -> list[str]:
    """The words that the second shell makes of a value; none, and an answer that blocks, if that cannot be known."""
    text = settings.values.get(variable, "")
    if settings.server.echoes:
        text = echoed(text, settings.host.posix_shell)
    shell = State(settings.host, os.path.dirname(os.path.abspath(settings.path)),
                  dialect_of("sh", settings.host.posix_shell))  # fmt: skip
    shell.variables.update(NOTHING | settings.values)
    try:
        evaluate_text(shell, f"{PROGRAM} {text} {END}", settings.path)
    except ScriptError as error:
        settings.answer(variable, blocked(f"a second shell reads this value, and cannot: {error}"))
        return []
    found = [command.words for command in (*shell.commands, *shell.uncertain)]
    if len(found) != 1 or shell.uncertain or (found[0][0], found[0][-1]) != (PROGRAM, END):
        settings.answer(variable, blocked(NOT_ONE_COMMAND))
        return []
    words = found[0][1:-1]
    if any(UNKNOWN in word for word in words):
        settings.answer(variable, blocked("what it comes to cannot be known without running it; write it out"))
        return []
    return list(words)


def echoed(text: str, shell: str) -> str:
    """What `echo $TCPDOPTS` writes: words with one blank between them, and dash's echo knows escapes."""
    joined = " ".join(text.split())
    if shell != "dash":
        return joined
    return re.sub(r"\\(.)", lambda match: ESCAPES.get(match[1], match[0]), joined)
