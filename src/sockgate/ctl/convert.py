"""Turn the configuration of xinetd, inetd, tcpserver or couriertcpd into units."""

import argparse
import json
import os
import sys
from dataclasses import replace

from ..atomic_write import FileAccess, write_atomically
from ..convert import engines, programs, xinetd
from ..convert.obstacles import Surroundings
from ..convert.report_text import render_text
from ..convert.result import Conversion
from ..convert.unit_names import check_prefix
from ..core import UsageError
from ..host.host import this_host
from ..units.search import UNIT_FOLDER, UnitSearch
from .convert_install import Installation, install, refuse_losses, switch_over


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("program", choices=programs.NAMES, help="the old program")
    parser.add_argument("files", nargs="+", metavar="FILE", help="its configuration")
    parser.add_argument("--output", metavar="DIR", help="the folder for the units; made if it is missing")
    parser.add_argument("--install", action="store_true", help="put the units where systemd looks for them")
    parser.add_argument("--now", action="store_true", help="with --install: also switch over at once")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--prefix", default="", help="put this before the name of each unit")
    parser.add_argument(
        "--engine", choices=engines.CHOICES, default=engines.AUTO,
        help="begin with a gate for each connection, with a resident one, or with what the old program was like (auto)",
    )  # fmt: skip
    parser.add_argument("--systemd", type=int, metavar="VERSION", help="the version of systemd for which the units are")


def run(arguments: argparse.Namespace) -> int:
    """Returns 0 if everything means the same afterwards, or --now has switched over; 1 if the report is to be read."""
    if not (arguments.output or arguments.install):
        raise UsageError("convert: say where the units go with --output DIR, or --install")
    if arguments.now and not arguments.install:
        raise UsageError("convert: --now needs --install")
    missing = [file for file in arguments.files if not os.path.exists(file)]
    if missing:
        usual = os.path.join(programs.USUAL_FOLDERS.get(arguments.program, ""), missing[0])
        raise UsageError(f"convert: {missing[0]!r} does not exist", f"is it {usual}?" if os.path.exists(usual) else "")
    if arguments.prefix:
        check_prefix(arguments.prefix)
    host = this_host(arguments.systemd or 0)
    host = replace(host, compat=not host.inetd and xinetd.reads_inetd_conf("/"))
    surroundings = Surroundings(UnitSearch("/"), replaces=True) if arguments.install else None
    conversion = programs.convert(
        arguments.program, arguments.files, host, arguments.prefix, surroundings, arguments.engine
    )  # fmt: skip
    if arguments.now:
        refuse_losses(conversion)
    installation = None
    if arguments.install:
        installation = install(conversion, arguments.program, UnitSearch("/"), now=arguments.now)
    if arguments.output:
        write_into(arguments.output, conversion)
    show(conversion, arguments, installation)
    if installation and arguments.now:
        switch_over(installation)
        if not arguments.json:
            print("Switched over. Next: sockgatectl check")
        return 0
    return 0 if conversion.report.clean else 1


def write_into(folder: str, conversion: Conversion) -> None:
    for name, text in conversion.named_texts:
        write_atomically(os.path.join(folder, name), text, durable=False)
    for file in conversion.files:
        write_atomically(os.path.join(folder, file.name), file.text, FileAccess(file.mode), durable=False)


def show(conversion: Conversion, arguments: argparse.Namespace, installation: Installation | None) -> None:
    if arguments.json:
        told = conversion.as_json() | ({"install": installation.as_json()} if installation else {})
        json.dump(told, sys.stdout, indent=2)
        print()
        return
    folders = filter(None, (arguments.output, UNIT_FOLDER if installation else ""))
    print(render_text(conversion, " and in ".join(folders)), end="")
    if installation:
        print(f"\n{installation.text(now=arguments.now)}", end="")
    elif conversion.units:
        print("Next: the same with --install puts them into place, and prints the commands that switch over and back.")
