"""sockgatectl: the administrator's program. It has one table of verbs. Each verb has a module of its own."""

import argparse
import importlib
import re
import signal
import sys
from collections.abc import Sequence
from typing import NamedTuple, NoReturn, Protocol, cast

from .. import __version__
from ..core import GateError, UsageError
from .console import protect_terminal

FAILED = 1  # findings, or something could not be done
WRONG_USAGE = 2

# An option, and a value that begins with a minus sign: --since -1h
OPTION, NEGATIVE = re.compile(r"--[a-z-]+"), re.compile(r"-\d")

# Messages of argparse, and what sockgatectl says in their place: the form of all its other messages.
WRONG_VALUES = (
    (re.compile(r"argument (\S+): invalid float value: (.*)"), r"\1: \2 is not a number"),
    (re.compile(r"argument (\S+): invalid int value: (.*)"), r"\1: \2 is not a whole number"),
    (re.compile(r"argument (\S+): invalid choice: (.*) \(choose from .*\)"), r"\1: \2 is none of: CHOICES"),
    (re.compile(r"argument (\S+): (.*)"), r"\1: \2"),
)

USAGE = "usage: sockgatectl VERB [OPTION...] [ARGUMENT...]"


class Verb(NamedTuple):
    """One row: `sockgatectl NAME`, the module in this package that does it, and a summary."""

    name: str
    module: str
    summary: str


class VerbModule(Protocol):
    """The functions that the module of a verb must have."""

    __doc__: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the verb's options and arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it. The exit code is 0, or 1 with findings. Raises GateError if it cannot be done."""


VERBS = (
    Verb("check", "check", "say what is wrong with the units that run a gate"),
    Verb("convert", "convert", "turn the configuration of xinetd, inetd, tcpserver or couriertcpd into units"),
    Verb(
        "courier-environment", "courier_environment", "evaluate Courier's shell configuration into an environment file"
    ),
    Verb("explain", "explain", "say what a gate would do with a client, and why"),
    Verb("install", "install", "put a server behind a gate: write its units"),
    Verb("log", "log", "show connections: client, verdict, end, duration"),
    Verb("report", "report", "sum up connections, as text or as an HTML page"),
    Verb("rules", "rules", "compile access rules, or show them"),
    Verb("status", "status", "say how the gated services are doing"),
    Verb("sync", "sync", "make the sockets those of /etc/inetd.conf and /etc/xinetd.d"),
    Verb("top", "top", "show the table of status, live"),
    Verb("uninstall", "uninstall", "remove the units that install wrote"),
)


def main() -> NoReturn:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `sockgatectl check | head` ends quietly
    protect_terminal()
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """Run one command line, and return its exit code."""
    if not words:
        print(overview(), file=sys.stderr)
        return WRONG_USAGE
    if words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if words[0] == "--version":
        print(f"sockgatectl {__version__}")
        return 0
    try:
        verb = find_verb(words[0])
        module = load(verb)
        return module.run(parser_of(verb, module).parse_args(joined(words[1:])))
    except GateError as error:
        print(f"sockgatectl: {error}", file=sys.stderr)
        return WRONG_USAGE if isinstance(error, UsageError) else FAILED


def find_verb(name: str) -> Verb:
    for verb in VERBS:
        if verb.name == name:
            return verb
    raise UsageError(f"unknown verb {name!r}", "the verbs are: " + " ".join(verb.name for verb in VERBS))


def joined(words: Sequence[str]) -> list[str]:
    """`--since -1h` as `--since=-1h`: argparse takes -1h for an option. No option of ours has a digit there."""
    found: list[str] = []
    for word in words:
        if NEGATIVE.match(word) and found and OPTION.fullmatch(found[-1]):
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


def load(verb: Verb) -> VerbModule:
    """Import the module of this verb. The others are not imported: `check` runs at every start of a socket."""
    return cast(VerbModule, importlib.import_module(f"{__package__}.{verb.module}"))


def parser_of(verb: Verb, module: VerbModule) -> argparse.ArgumentParser:
    parser = VerbParser(
        prog=f"sockgatectl {verb.name}", description=module.__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    module.configure(parser)
    return parser


class VerbParser(argparse.ArgumentParser):
    """A parser that reports wrong usage in one line, as all of sockgate does."""

    def error(self, message: str) -> NoReturn:
        message, hint = self.in_our_form(message), f"see {self.prog} --help"
        if message.endswith("expected one argument"):  # argparse reads --options "--deny=::1" as two options
            hint = "a value that starts with - is written --option=VALUE"
        raise UsageError(f"{self.prog.partition(' ')[2]}: {message}", hint)

    def in_our_form(self, message: str) -> str:
        for theirs, ours in WRONG_VALUES:
            if match := theirs.fullmatch(message):
                return match.expand(ours.replace("CHOICES", self.choices_of(match[1])))
        return message

    def choices_of(self, name: str) -> str:
        named = (action for action in self._actions if name in (*action.option_strings, action.metavar, action.dest))
        return " ".join(str(choice) for action in named for choice in action.choices or ())


def overview() -> str:
    width = max(len(verb.name) for verb in VERBS)
    lines = [USAGE, *(f"  {verb.name:<{width}}  {verb.summary}" for verb in VERBS)]
    return "\n".join([*lines, "`sockgatectl VERB --help` shows a verb's options. See sockgatectl(1)."])


if __name__ == "__main__":
    main()
