"""Turn the configuration of xinetd, inetd, tcpserver or couriertcpd into units."""

import argparse
import json
import os
import sys
import tempfile

from ..convert import readers
from ..convert.conversion import Conversion
from ..convert.machine import Machine, this_machine
from ..convert.render import render_text
from ..core.errors import ConfigError, UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("program", choices=readers.NAMES, help="the program that the files are for")
    parser.add_argument("files", nargs="+", metavar="FILE", help="its configuration")
    parser.add_argument("--output", metavar="DIR", required=True, help="where the units go; made if it is missing")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--prefix", default="", help="put this before the name of each unit")
    parser.add_argument("--systemd", type=int, metavar="VERSION", help="the systemd that the units are for")


def run(arguments: argparse.Namespace) -> int:
    """0 if everything means the same afterwards, 1 if the report has something to read."""
    missing = [file for file in arguments.files if not os.path.exists(file)]
    if missing:
        raise UsageError(f"convert: {missing[0]!r} does not exist")
    machine = this_machine()
    if arguments.systemd:
        machine = Machine(arguments.systemd, machine.programs)
    conversion = readers.convert(arguments.program, arguments.files, machine, arguments.prefix)
    write(conversion, arguments.output)
    if arguments.json:
        json.dump(conversion.as_json(), sys.stdout, indent=2)
        print()
    else:
        print(render_text(conversion, arguments.output), end="")
    return 0 if conversion.report.clean else 1


def write(conversion: Conversion, folder: str) -> None:
    """Every unit, each complete or not at all. Raises ConfigError."""
    try:
        os.makedirs(folder, exist_ok=True)
        for unit in conversion.units:
            write_file(os.path.join(folder, unit.name), str(unit))
    except OSError as error:
        raise ConfigError(f"unable to write {error.filename or folder!r}: {error.strerror}") from None


def write_file(path: str, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
