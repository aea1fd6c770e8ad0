"""Command substitution: the few commands that need not run to know what they print."""

import os
import re
from dataclasses import dataclass

from ..input_files import ACCOUNT_MARK, UNKNOWN, Place, Unreadable, read_text
from .arithmetic import NotCalculated, calculate
from .builtins import program
from .conditions import test
from .expansion import host_name
from .findings import Question, is_secret
from .runner import Call, NotKnown, Runner
from .syntax import Block, Dialect, Pipeline, Simple

ELSEWHERE = frozenset((">", ">>", "1>", "1>>", "&>", ">&", ">|", "&>>"))
NOT_KNOWN = "the output cannot be known here, and nothing is run"
NO_COMMAND = "this command is not known, and nothing is run"
DECIMAL = re.compile(r"-?(0|[1-9]\d*) -?(0|[1-9]\d*)", re.ASCII)  # expr reads 010 as ten
ECHO_OPTIONS = re.compile("-[neE]+")


@dataclass(frozen=True, slots=True)
class Stage:
    """One command of a pipeline.

    source  the file that it reads
    quiet   what it says when it fails goes nowhere
    silent  what it prints goes elsewhere
    """

    call: Call
    source: str = ""
    quiet: bool = False
    silent: bool = False

    @property
    def words(self) -> list[str]:
        name = self.call.words[0] if self.call.words else ""
        return [os.path.basename(name), *self.call.arguments] if name else []


def printed(runner: Runner, body: Block, place: Place) -> str:
    """What all commands between && and || and ; print. Raises NotKnown."""
    output: list[str] = []
    status: bool | None = True
    failed = False  # the last command that ran has printed nothing, and failed
    for operator, pipeline in in_order(body):
        if operator in ("&&", "||"):
            if status is None:
                raise NotKnown(NOT_KNOWN)
            if status != (operator == "&&"):
                continue
        stages = stages_of(runner, pipeline, place)
        text, status = run(runner, stages)
        if pipeline.is_negated and status is not None:
            status = not status
        failed = text is None and not stages[0].quiet and not runner.state.follows_another_answer
        output.append(text or "")
    runner.state.printed = None if failed or status is None else int(not status)
    if failed:
        raise NotKnown(NOT_KNOWN)
    return "".join(output)


def in_order(body: Block) -> list[tuple[str, Pipeline]]:
    """All pipelines, each with the operator in front of it."""
    found = []
    for statement in body:
        if statement.is_background:
            raise NotKnown(NO_COMMAND)
        found += [("", statement.first), *statement.rest]
    return found


def stages_of(runner: Runner, pipeline: Pipeline, place: Place) -> list[Stage]:
    stages = [stage_of(runner, command, place) for command in pipeline.commands if isinstance(command, Simple)]
    if len(stages) < len(pipeline.commands):
        raise NotKnown(NO_COMMAND)
    return stages


def stage_of(runner: Runner, command: Simple, place: Place) -> Stage:
    if command.assignments and command.words:
        raise NotKnown(NOT_KNOWN)
    call = runner.expanded(command)
    source, quiet, silent = "", False, False
    for redirection in command.redirections:
        target = runner.fields(redirection.target, place)
        if any(UNKNOWN in word for word in (*call.words, *target)):
            raise NotKnown("")
        if redirection.operator == "<" and len(target) == 1:
            source = target[0]
        quiet |= redirection.operator == "2>" and target == ["/dev/null"]
        silent |= redirection.operator in ELSEWHERE
    if any(UNKNOWN in word for word in call.words):
        raise NotKnown("")  # a doubt says why
    return Stage(call, source, quiet, silent)


def run(runner: Runner, stages: list[Stage]) -> tuple[str | None, bool | None]:
    """(the output of a pipeline, None if its first command fails; whether that succeeds). Raises NotKnown."""
    first, *filters = stages
    if first.words[:1] in (["["], ["test"]) and not filters:
        status = test(runner, first.call)
        return "", None if status is None else not status
    if first.words == ["false"]:
        return "", False
    if (
        first.words[:1] == ["echo"]
        and runner.state.dialect is Dialect.DASH
        and any("\\" in word for word in first.words)
    ):
        raise NotKnown("echo of sh reads a backslash in its own way")
    text = printed_by(runner, first)
    if first.words[:1] == ["expr"] and text == "0":
        return filtered_by(filters, text), bool(filters)
    text = text if text is None else filtered_by(filters, text)
    return "" if stages[-1].silent else text, text is not None


def filtered_by(filters: list[Stage], text: str) -> str:
    for stage in filters:
        text = filtered(stage.words, text)
    return text


def printed_by(runner: Runner, stage: Stage) -> str | None:
    """The output of a command that is known, None if it fails. Raises NotKnown."""
    call = stage.call
    match stage.words:
        case [] | ["cat"] if stage.source:
            return contents(runner, call.place, f"< {stage.source}", stage.source)
        case [] | ["true" | ":", *_]:
            return ""
        case ["cat", name]:
            return contents(runner, call.place, f"cat {name}", name)
        case ["head" | "tail", *_, name] if not name.startswith("-"):
            text = contents(runner, call.place, " ".join(stage.words), name)
            return text if text is None else filtered(stage.words[:-1], text)
        case ["env", "-" | "-i", *_, "envdir", name, "awk", text] if "ENVIRON" in text:
            return assignments(runner, call.place, name, "export " * ("export" in text))
    made = made_of_words(stage.words)
    return about_machine(runner, stage) if made is None else made


def made_of_words(words: list[str]) -> str | None:
    """The output of commands that only look at their own words; None for another command. Raises NotKnown."""
    match words:
        case ["echo", *words] if not (words and ECHO_OPTIONS.fullmatch(words[0])):
            return f"{' '.join(words)}\n"
        case ["echo", "-n", *words]:
            return " ".join(words)
        case ["printf", "%s" | "%s\\n" as form, word]:
            return word + "\n" * (form != "%s")
        case ["dirname", path]:
            return os.path.dirname(path.rstrip("/") or "/") or "."
        case ["basename", path]:
            return path.rstrip("/").rpartition("/")[2]
        case ["expr", left, sign, right] if sign not in ("|", "&") and DECIMAL.fullmatch(left + " " + right):
            return calculated(f"{left} {sign} {right}")
    return None


def about_machine(runner: Runner, stage: Stage) -> str | None:
    """Commands that say something of accounts or of the name of this host. Raises NotKnown."""
    place = stage.call.place
    asked = " ".join(stage.words).replace(ACCOUNT_MARK, "")
    match stage.words:
        case ["pwd"]:
            return runner.state.folder
        case ["which", name] | ["command", "-v", name] | ["type", "-p", name]:
            return program(runner, stage.call, name) or None
        case ["getent", "passwd", name]:
            return account(runner, place, asked, name.replace(ACCOUNT_MARK, ""))
        case ["id", ("-u" | "-g")]:
            return "0"
        case ["whoami"] | ["id", "-un"]:
            return "root"
        case ["id", ("-u" | "-g") as which, name] | ["id", name, ("-u" | "-g") as which]:
            return f"{ACCOUNT_MARK}{which[1]}{name}{ACCOUNT_MARK}"
        case ["hostname"] | ["hostname", "-f" | "--fqdn"] | ["uname", "-n"]:
            return host_name(runner, place, asked)
        case ["hostname", "-s"]:
            return host_name(runner, place, asked).partition(".")[0]
        case ["dnsdomainname"] | ["hostname", "-d"] if "." in runner.state.host.node_name:
            return host_name(runner, place, asked).partition(".")[2]
    raise NotKnown(NOT_KNOWN)


def account(runner: Runner, place: Place, asked: str, name: str) -> str | None:
    """The line of an account, None if there is none."""
    found = runner.state.host.user(name)
    line = ":".join(map(str, found)) if found else None
    answer = f"there is the user {name}" if found else f"there is no user {name}"
    return runner.state.ask(Question(f"account {name}", place, asked, answer, freezes="/etc/passwd"), line)


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


def calculated(text: str) -> str:
    """What expr(1) says. Raises NotKnown."""
    try:
        return str(calculate(text, lambda name: "x"))  # a name is no number for expr
    except NotCalculated as error:
        raise NotKnown(str(error)) from None


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


def assignments(runner: Runner, place: Place, folder: str, prefix: str) -> str:
    """What qmail-ldap's scripts have awk(1) make of an envdir, for eval."""
    path = runner.state.path_of(folder)
    variables = runner.state.read_envdir(folder) or {}
    known = {name: value for name, value in variables.items() if value is not None and name != "PATH"}
    secret = any(is_secret(f"{path}/{name}") for name in known)
    answer = f"it sets {' '.join(known)}" if known else "it sets nothing"
    question = Question(f"envdir {path}", place, f"envdir {folder}", answer, freezes=f"{path}/", is_secret=secret)
    runner.state.ask(question, here=True)
    return "".join(f'{prefix}{name}="{value}"\n' for name, value in known.items())


def contents(runner: Runner, place: Place, asked: str, name: str) -> str | None:
    """The text of a file, None if there is none. Raises NotKnown if it cannot be read."""
    path = runner.state.path_of(name)
    text: str | None = None
    try:
        text = read_text(path)
    except Unreadable:
        if os.path.lexists(path):
            raise NotKnown(NOT_KNOWN) from None
    answer = "there is no such file" if text is None else "it can be read"
    question = Question(f"contents {path}", place, asked, answer, 1, freezes=path, is_secret=is_secret(path))
    return runner.state.ask(question, text, None if text is not None else UNKNOWN)
