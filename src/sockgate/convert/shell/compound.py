"""Compound commands: if, case, for, while, groups, subshells and functions.

What is known to run is run, what is known not to run is read, and what nobody knows is run in doubt.
"""

import glob
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from .state import Function
from .tokens import LITERAL, NEWLINE, UNKNOWN, ScriptError, Word

if TYPE_CHECKING:
    from .interpreter import Interpreter

Compound = Callable[["Interpreter", bool], "bool | None"]
MOST_WORDS = 100  # of a `for` that is run for each


def conditional(interpreter: "Interpreter", live: bool) -> bool | None:
    """if ... fi: the branch that runs, or all of them in doubt."""
    taken: bool | None = False  # whether a branch before this one ran
    interpreter.at += 1
    while True:
        result = interpreter.condition(frozenset(("then",)), live and taken is False)
        runs = None if taken is None or (taken is False and result is None) else not taken and result
        interpreter.expect("then")
        branch(interpreter, frozenset(("elif", "else", "fi")), runs, live)
        taken = taken or runs
        word = interpreter.peek()
        interpreter.at += 1
        if word == "else":
            branch(interpreter, frozenset(("fi",)), None if taken is None else not taken, live)
            interpreter.expect("fi")
            return None
        if word == "fi":
            return None


def branch(interpreter: "Interpreter", until: frozenset[str], runs: bool | None, live: bool) -> None:
    if runs is None and live and not interpreter.shell.stopped:
        place = interpreter.place()
        interpreter.doubtful(lambda: interpreter.block(until, live=True))
        interpreter.shell.doubt(place, "if", "the condition cannot be known")
    else:
        interpreter.depth += 1
        interpreter.block(until, live=live and bool(runs))
        interpreter.depth -= 1


def case(interpreter: "Interpreter", live: bool) -> bool | None:
    """case WORD in PATTERN) ... ;; esac: the first that matches, or all of them in doubt."""
    place = interpreter.place()
    interpreter.at += 1
    word = next_word(interpreter)
    interpreter.skip_newlines()
    if next_word(interpreter).text != "in":
        raise ScriptError(place.line, "'in' is missing")
    live = live and not interpreter.shell.stopped
    value = "".join(interpreter.expand_piece(piece, place) for piece in word.pieces) if live else ""
    taken: bool | None = False
    while True:
        skip_separators(interpreter)
        if interpreter.peek() == "esac":
            break
        patterns = clause(interpreter)
        runs = live and taken is False and matches(interpreter, value, patterns)
        if runs is None or (live and taken is None):
            taken = None
            interpreter.doubtful(lambda: interpreter.block(frozenset((";;", "esac")), live=True))
        else:
            taken = taken or runs
            interpreter.depth += 1
            interpreter.block(frozenset((";;", "esac")), live=bool(runs))
            interpreter.depth -= 1
    interpreter.at += 1
    if live and taken is None:
        interpreter.shell.doubt(place, "case", "which of its branches runs cannot be known")
    return None


def next_word(interpreter: "Interpreter") -> Word:
    token = interpreter.tokens[interpreter.at] if interpreter.at < len(interpreter.tokens) else None
    if not isinstance(token, Word):
        raise ScriptError(interpreter.place().line, "a word is missing")
    interpreter.at += 1
    return token


def skip_separators(interpreter: "Interpreter") -> None:
    while interpreter.peek() in (NEWLINE, ";", ";;"):
        interpreter.at += 1


def clause(interpreter: "Interpreter") -> list[Word]:
    """(PATTERN | PATTERN), with or without the first parenthesis."""
    if interpreter.peek() == "(":
        interpreter.at += 1
    patterns = [next_word(interpreter)]
    while interpreter.peek() == "|":
        interpreter.at += 1
        patterns.append(next_word(interpreter))
    interpreter.expect(")")
    return patterns


def matches(interpreter: "Interpreter", value: str, patterns: list[Word]) -> bool | None:
    unknown = False
    for pattern in patterns:
        text = ""
        for piece in pattern.pieces:
            part = interpreter.expand_piece(piece, interpreter.place())
            text += glob.escape(part) if piece.is_quoted and piece.kind == LITERAL else part
        if text == "*":
            return None if unknown else True
        if UNKNOWN in text or UNKNOWN in value:
            unknown = True
        elif fnmatchcase(value, text):
            return None if unknown else True
    return None if unknown else False


def loop(interpreter: "Interpreter", live: bool) -> bool | None:
    """for NAME in WORDS; do ...; done, once for each word."""
    place = interpreter.place()
    interpreter.at += 1
    name = next_word(interpreter).text
    words = loop_words(interpreter, live)
    interpreter.expect("do")
    start = interpreter.at
    live = live and not interpreter.shell.stopped
    if live and (len(words) > MOST_WORDS or any(UNKNOWN in word for word in words)):
        interpreter.shell.variables[name] = UNKNOWN
        interpreter.doubtful(lambda: interpreter.block(frozenset(("done",)), live=True))
        interpreter.shell.doubt(place, "for", "for which words it runs cannot be known")
    else:
        interpreter.depth += 1
        for word in words if live else ():
            interpreter.shell.count(place)
            interpreter.at = start
            interpreter.shell.variables[name] = word
            interpreter.block(frozenset(("done",)), live=True)
        if interpreter.at == start:
            interpreter.block(frozenset(("done",)), live=False)
        interpreter.depth -= 1
    interpreter.expect("done")
    return None


def loop_words(interpreter: "Interpreter", live: bool) -> list[str]:
    place = interpreter.place()
    interpreter.skip_newlines()
    words: list[str] = list(interpreter.shell.arguments)
    token = interpreter.tokens[interpreter.at] if interpreter.at < len(interpreter.tokens) else None
    if isinstance(token, Word) and token.text == "in":
        interpreter.at += 1
        words = []
        while interpreter.at < len(interpreter.tokens) and isinstance(interpreter.tokens[interpreter.at], Word):
            word = next_word(interpreter)
            words += interpreter.expand(word, place) if live and not interpreter.shell.stopped else []
    skip_separators(interpreter)
    return words


def repetition(interpreter: "Interpreter", live: bool) -> bool | None:
    """while and until: in doubt, since what changes between two rounds is not known."""
    place, word = interpreter.place(), interpreter.peek()
    interpreter.at += 1

    def step() -> None:
        interpreter.condition(frozenset(("do",)), live)
        interpreter.expect("do")
        interpreter.block(frozenset(("done",)), live)

    if live and not interpreter.shell.stopped:
        interpreter.doubtful(step)
        interpreter.shell.doubt(place, word, f"'{word}' is not evaluated")
    else:
        step()
    interpreter.expect("done")
    return None


def group(interpreter: "Interpreter", live: bool) -> bool | None:
    interpreter.at += 1
    interpreter.block(frozenset("}"), live)
    interpreter.at += 1
    return interpreter.shell.status if live else None


def subshell(interpreter: "Interpreter", live: bool) -> bool | None:
    """( ... ): what it starts is started, and nothing else is left of it."""
    shell = interpreter.shell
    variables, exported, folder = dict(shell.variables), set(shell.exported), shell.folder
    limits, umask, done = dict(shell.limits), shell.umask, shell.done
    arguments, returning, functions = shell.arguments, shell.returning, dict(shell.functions)
    interpreter.at += 1
    interpreter.block(frozenset(")"), live)
    interpreter.at += 1
    shell.variables, shell.exported, shell.folder = variables, exported, folder
    shell.limits, shell.umask, shell.done = limits, umask, done
    shell.arguments, shell.returning, shell.functions = arguments, returning, functions
    return shell.status if live else None


def definition(interpreter: "Interpreter", live: bool) -> bool | None:
    """NAME () COMMAND, and bash's `function NAME COMMAND`."""
    if interpreter.peek() == "function":
        interpreter.at += 1
    name = next_word(interpreter).text
    if interpreter.peek() == "(":
        interpreter.at += 1
        interpreter.expect(")")
    interpreter.skip_newlines()
    if interpreter.peek() not in COMPOUNDS:
        raise ScriptError(interpreter.place().line, f"the body of {name!r} is missing")
    start = interpreter.at
    interpreter.command(live=False)
    if live:
        tokens = tuple(interpreter.tokens[start : interpreter.at])
        interpreter.shell.functions[name] = Function(tokens, interpreter.file)
    return True if live else None


COMPOUNDS: dict[str, Compound] = {
    "if": conditional,
    "case": case,
    "for": loop,
    "while": repetition,
    "until": repetition,
    "{": group,
    "(": subshell,
    "function": definition,
}
