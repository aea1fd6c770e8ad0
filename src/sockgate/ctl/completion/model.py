"""The words that can stand on the command line of a program."""

import argparse
from dataclasses import dataclass

from ...core.options import FLAG, GATE_OPTIONS, OPTIONAL, Option
from ...dispatch.options import OPTIONS
from ..main import VERBS, load, parser_of

FILE, FOLDER, UNIT = "file", "folder", "unit"
KINDS = {"FILE": FILE, "CDB": FILE, "DIR": FOLDER, "UNIT": UNIT}


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that can be completed: its name, and one of KINDS, or a list of words, or neither."""

    name: str
    kind: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flag:
    """An option. If `value` is None, the option takes no value."""

    name: str
    summary: str
    value: Choice | None


@dataclass(frozen=True, slots=True)
class VerbWords:
    """One verb of a program, or a whole program without verbs. `operands` are its arguments that are no options."""

    name: str
    summary: str
    flags: tuple[Flag, ...]
    operands: Choice | None


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    verbs: tuple[VerbWords, ...]

    @property
    def has_verbs(self) -> bool:
        return bool(self.verbs[0].name)


def program(name: str) -> Program:
    """One of sockgate's programs. Raises KeyError for another name."""
    return {"sockgate": gate("sockgate", GATE_OPTIONS), "sockgated": gate("sockgated", OPTIONS), "sockgatectl": ctl()}[
        name
    ]


def gate(name: str, table: tuple[Option, ...]) -> Program:
    flags = [Flag(option.name, option.summary, gate_value(option)) for option in table]
    flags += [Flag("--help", "show the options", None), Flag("--version", "show the version", None)]
    return Program(name, (VerbWords("", "", tuple(flags), Choice("PROGRAM", FILE)),))


def gate_value(option: Option) -> Choice | None:
    if option.arity in (FLAG, OPTIONAL):  # the next word is not the value of such an option
        return None
    words = tuple(option.metavar.split("|")) if "|" in option.metavar else ()
    return Choice(option.metavar, KINDS.get(option.metavar, ""), words)


def ctl() -> Program:
    verbs = []
    for verb in VERBS:
        actions = list(actions_of(parser_of(verb, load(verb))))
        flags = [flag_of(action) for action in actions if action.option_strings]
        operands = [value_of(action) for action in actions if not action.option_strings]
        unique = tuple({flag.name: flag for flag in flags}.values())
        verbs.append(VerbWords(verb.name, verb.summary, unique, operands[0] if operands else None))
    return Program("sockgatectl", tuple(verbs))


def actions_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The options and operands of a verb, then those of its own verbs."""
    actions = []
    for action in parser._actions:  # argparse has no other way to ask for them
        actions.append(action)
        if isinstance(action, argparse._SubParsersAction):
            for name in action.choices:
                actions += actions_of(action.choices[name])
    return actions


def flag_of(action: argparse.Action) -> Flag:
    summary = (action.help or "").replace("%(default)s", str(action.default))
    name = next(option for option in action.option_strings if option.startswith("--"))
    return Flag(name, summary, None if action.nargs == 0 else value_of(action))


def value_of(action: argparse.Action) -> Choice:
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    return Choice(metavar, KINDS.get(metavar, ""), tuple(action.choices or ()))
