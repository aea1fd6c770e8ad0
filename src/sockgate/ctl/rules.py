"""Compile a text of access rules, or show what is in a text or a compiled file. See sockgate-rules(5)."""

import argparse
import sys

from ..core.rule_files import RuleWarning
from ..rulefile.compiler import compile_rules
from ..rulefile.reader import missing_catch_all, show_rules
from .console import ProgressBar


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="compile|show")
    compile_parser = actions.add_parser("compile", help="write the cdb of a text, as a whole or not at all")
    compile_parser.add_argument("source", metavar="FILE", help="the text of rules")
    compile_parser.add_argument("target", metavar="CDB", help="the compiled file to write or replace")
    show_parser = actions.add_parser("show", help="print the rules of a text or cdb in normal form")
    show_parser.add_argument("source", metavar="FILE", help="a text, or a cdb that sockgatectl or tcprules compiled")


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "compile":
        return compile_file(arguments.source, arguments.target)
    if sys.stdout.isatty():
        for line in show_rules(arguments.source):
            print(line.encode("latin-1").decode(errors="backslashreplace"))
    else:
        output = sys.stdout.buffer  # values are bytes of the administrator, in any encoding
        for line in show_rules(arguments.source):
            output.write(line.encode("latin-1") + b"\n")
        output.flush()
    warn(missing_catch_all(arguments.source))
    return 0


def compile_file(source: str, target: str) -> int:
    with ProgressBar(f"compiling {source}") as progress:
        compiled = compile_rules(source, target, progress)
    warn(compiled.warning)
    return 0


def warn(warning: RuleWarning | None) -> None:
    if warning:
        print(f"sockgatectl: {warning}", file=sys.stderr)
