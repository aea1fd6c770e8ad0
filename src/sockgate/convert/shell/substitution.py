"""Command substitution: the few commands whose output can be known without running anything."""

import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..input_files import Place, Unreadable, read_text
from .commands import test
from .tokens import ACCOUNT_MARK, NEWLINE, UNKNOWN, ScriptError, Token, Word, tokenize

if TYPE_CHECKING:
    from .interpreter import Interpreter

CALCULATION = re.compile(r"\s*(-?\w+)\s*([-+*/%])\s*(-?\w+)\s*", re.ASCII)
ELSEWHERE = (">", ">>", "1>", "1>>", "&>", ">&")
NOT_KNOWN = "the output cannot be known here, and nothing is run"


class NotKnown(Exception):
    """The output cannot be known; the text is the reason."""


@dataclass(slots=True)
class Stage:
    """One command of a pipeline.

    source  the file that it reads
    quiet   what it says when it fails goes nowhere
    silent  what it prints goes elsewhere
    """

    words: list[str] = field(default_factory=list)
    source: str = ""
    quiet: bool = False
    silent: bool = False


def unknown(interpreter: "Interpreter", place: Place, what: str, text: str) -> str:
    interpreter.shell.doubt(place, what, text)
    return UNKNOWN


def substitution(interpreter: "Interpreter", text: str, place: Place) -> str:
    """`command`, $(command) and $((number * number)); UNKNOWN with a doubt where that cannot be known."""
    shown = f"`{' '.join(text.split())}`"
    try:
        if text.startswith("(") and text.endswith(")"):
            return calculate(interpreter, text[1:-1], place)
        output = output_of(interpreter, tokenize(text.strip(), place.line), place)
    except ScriptError as error:
        return unknown(interpreter, place, shown, str(error))
    except NotKnown as error:
        return unknown(interpreter, place, shown, str(error)) if str(error) else UNKNOWN
    return output.rstrip("\n")


def output_of(interpreter: "Interpreter", tokens: list[Token], place: Place) -> str:
    """What all commands between && || and ; print. Raises NotKnown."""
    printed: list[str] = []
    status: bool | None = True
    failed = False  # the last command that ran has printed nothing, and failed
    for operator, pipeline in pipelines(interpreter, tokens, place):
        if operator in ("&&", "||"):
            if status is None:
                raise NotKnown(NOT_KNOWN)
            if status != (operator == "&&"):
                continue
        text, status = run(interpreter, pipeline, place)
        failed = text is None and not pipeline[0].quiet
        printed.append(text or "")
    if failed:
        raise NotKnown(NOT_KNOWN)
    return "".join(printed)


def pipelines(interpreter: "Interpreter", tokens: list[Token], place: Place) -> list[tuple[str, list[Stage]]]:
    """The pipelines, each with the operator in front of it."""
    found: list[tuple[str, list[Stage]]] = [("", [Stage()])]
    redirection = ""
    for token in tokens:
        if isinstance(token, Word):
            add_word(found[-1][1][-1], interpreter.expand(token, place), redirection)
            found[-1][1][-1].quiet |= redirection == "2>" and token.text == "/dev/null"
            found[-1][1][-1].silent |= redirection in ELSEWHERE
            redirection = ""
        elif token.is_redirection:
            redirection = token.descriptor + token.text
        elif token.text == "|":
            found[-1][1].append(Stage())
        elif token.text in ("&&", "||", ";", NEWLINE):
            found.append((token.text, [Stage()]))
        else:
            raise NotKnown("this command is not known, and nothing is run")
    return [(operator, stages) for operator, stages in found if stages[0].words or stages[0].source]


def add_word(stage: Stage, words: list[str], redirection: str) -> None:
    if any(UNKNOWN in word for word in words):
        raise NotKnown  # the word itself has said why
    if redirection in ("<", "0<"):
        stage.source = "".join(words)
    elif not redirection:
        stage.words += words


def run(interpreter: "Interpreter", stages: list[Stage], place: Place) -> tuple[str | None, bool | None]:
    """(output, whether it succeeds); no output is a failure that printed nothing. Raises NotKnown."""
    first, *filters = stages
    if stages[-1].silent:
        text, status = run(interpreter, [replace(stage, silent=False) for stage in stages], place)
        return "", status
    if first.words[:1] in (["["], ["test"]) and not filters:
        return "", test(interpreter, first.words[1:], {}, place)
    text = printed_by(interpreter, first)
    for stage in filters:
        text = text if text is None else filtered(stage.words, text)
    return text, text is not None


def printed_by(interpreter: "Interpreter", stage: Stage) -> str | None:
    """The output of a command that is known, None if it fails. Raises NotKnown."""
    shell = interpreter.shell
    match [os.path.basename(stage.words[0]), *stage.words[1:]] if stage.words else []:
        case ["getent", "passwd", name]:
            account = shell.machine.user(name.replace(ACCOUNT_MARK, ""))
            return ":".join(map(str, account)) if account else None
        case ["id", ("-u" | "-g")]:
            return "0"
        case ["id", ("-u" | "-g") as which, name] | ["id", name, ("-u" | "-g") as which]:
            return f"{ACCOUNT_MARK}{which[1]}{name}{ACCOUNT_MARK}"
        case [] | ["cat"] if stage.source:
            return contents(interpreter, stage.source)
        case ["cat", name]:
            return contents(interpreter, name)
        case ["head" | "tail", *_, name] if not name.startswith("-"):
            text = contents(interpreter, name)
            return text if text is None else filtered(stage.words[:-1], text)
        case ["hostname"] | ["hostname", "-f" | "--fqdn"] | ["uname", "-n"]:
            return os.uname().nodename
        case ["hostname", "-s"]:
            return os.uname().nodename.partition(".")[0]
        case ["dnsdomainname"] | ["hostname", "-d"] if "." in os.uname().nodename:
            return os.uname().nodename.partition(".")[2]
        case ["echo", *words] if not words or not re.fullmatch("-[neE]+", words[0]):
            return " ".join(words)
        case ["pwd"]:
            return shell.folder
        case ["which" | "type", name] | ["command", "-v", name] | ["type", "-p", name]:
            return shell.which(name) or None
        case ["whoami"] | ["id", "-un"]:
            return "root"
        case ["env", "-" | "-i", *_, "envdir", name, "awk", program] if "ENVIRON" in program:
            return assignments(shell.read_envdir(name) or {}, "export " * ("export" in program))
        case ["dirname", path]:
            return os.path.dirname(path.rstrip("/") or "/") or "."
        case ["basename", path]:
            return path.rstrip("/").rpartition("/")[2]
        case ["expr", left, sign, right]:
            return calculate(interpreter, f"{left} {sign} {right}", Place(interpreter.file, 0))
        case ["true"]:
            return ""
    raise NotKnown(NOT_KNOWN)


def filtered(words: list[str], text: str) -> str:
    """What a filter makes of the text. Raises NotKnown."""
    match words:
        case ["cat"]:
            return text
        case ["head", "-1" | "-n1"] | ["head", "-n", "1"]:
            return text.partition("\n")[0]
        case ["tail", "-1" | "-n1"] | ["tail", "-n", "1"]:
            return text.rstrip("\n").rpartition("\n")[2]
        case ["cut", *options] if field := cut_field(options):
            delimiter, number = field
            lines = (line.split(delimiter) for line in text.rstrip("\n").split("\n"))
            return "\n".join(cut(fields, number) for fields in lines)
    raise NotKnown(NOT_KNOWN)


def calculate(interpreter: "Interpreter", text: str, place: Place) -> str:
    """One operation with two numbers. Raises NotKnown."""
    match = CALCULATION.fullmatch(text.replace("$", ""))
    if match is None:
        raise NotKnown("this calculation is not understood")
    left, right = (operand(interpreter, match[number]) for number in (1, 3))
    if match[2] in "/%":
        if not right:
            raise NotKnown("this calculation divides by nothing")
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return str(quotient if match[2] == "/" else left - quotient * right)
    return str({"+": left + right, "-": left - right, "*": left * right}[match[2]])


def operand(interpreter: "Interpreter", word: str) -> int:
    value = interpreter.shell.variables.get(word, word)
    if not re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
        raise NotKnown("this calculation is not understood")
    return int(value)


def cut_field(options: list[str]) -> tuple[str, int] | None:
    """-d CHARACTER -f NUMBER, the value of each behind it or apart."""
    match options:
        case ["-d", delimiter, *rest]:
            pass
        case [first, *rest] if first.startswith("-d"):
            delimiter = first[2:]
        case _:
            return None
    number = "".join(rest).removeprefix("-f")
    return (delimiter, int(number)) if len(delimiter) == 1 and re.fullmatch("[1-9]", number) else None


def cut(fields: list[str], number: int) -> str:
    """A line without the delimiter comes whole."""
    return fields[0] if len(fields) == 1 else fields[number - 1] if number <= len(fields) else ""


def assignments(variables: dict[str, str | None], prefix: str) -> str:
    """What qmail-ldap's scripts have awk(1) make of an envdir, for eval."""
    known = {name: value for name, value in variables.items() if value is not None and name != "PATH"}
    return "".join(f'{prefix}{name}="{value}"\n' for name, value in known.items())


def contents(interpreter: "Interpreter", name: str) -> str | None:
    """The text of a file, None if there is none. Raises NotKnown if it cannot be read."""
    path = interpreter.shell.path_of(name)
    try:
        return read_text(path)
    except Unreadable:
        if os.path.lexists(path):
            raise NotKnown(NOT_KNOWN) from None
        return None
