"""Rules of other programs as a text for --rules (sockgate-rules(5)), in a file of the converted unit."""

import os
import re
from collections.abc import Iterable

from ..access.tcprules import parse
from .extra_files import FOLDER, ExtraFile
from .input_files import Place, printable

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
QUOTES = "\"'|/!#%+;^~"


def path_of(name: str) -> str:
    return f"{FOLDER}/{name}.rules"


def rules_file(name: str, origin: Place, rules: tuple[str, ...]) -> ExtraFile:
    header = f"# Converted from {printable(str(origin))} by sockgatectl; see sockgate-migrating(7).\n"
    return ExtraFile(path_of(name), header + "".join(f"{rule}\n" for rule in rules))


def variables_in(rules: Iterable[str]) -> set[str]:
    """The variables that rules of ours set."""
    return {os.fsdecode(name) for _, _, action in parse(rules, "") for name in action.variables}


def quoted_variable(name: str, value: str) -> str:
    """VAR="VALUE" of a rule; "" if no rule can hold it."""
    quote = next((letter for letter in QUOTES if letter not in value), "")
    if not NAME.fullmatch(name) or not quote or not value.isprintable():
        return ""
    return f"{name}={quote}{value}{quote}"
