"""`make fuzz-verify`: what the converter writes for every input that `make fuzz` kept, shown to systemd-analyze verify.

    python -m tests.fuzz.verify [TARGET...]

All that it prints is a fault: the units must be accepted without a message.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from sockgate.convert import programs
from sockgate.units.writer import format_unit
from tests.fuzz.run import CORPUS, FOUND
from tests.fuzz.targets import HOST

PROGRAMS = Path(__file__).parents[2] / "build/bin"
READERS = {
    "xinetd-conf": "xinetd", "inetd-conf": "inetd", "run-script": "tcpserver", "courier-settings": "couriertcpd",
}  # fmt: skip
AT_ONCE = 200  # units in one call


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", default=list(READERS))
    complaints = 0
    for target in parser.parse_args().targets:
        with tempfile.TemporaryDirectory() as folder:
            inputs, units = write_units(target, Path(folder))
            printed = list(verify(units))
        complaints += len(printed)
        print(
            f"{target:18} {inputs} inputs, {len(units)} units, {len(printed)} complaints",
            *sorted(set(printed)),
            sep="\n  ",
        )
    return int(complaints > 0)


def write_units(target: str, folder: Path) -> tuple[int, list[Path]]:
    """The units of every input, all with names of their own."""
    machine = replace(HOST, programs=str(PROGRAMS), control=str(PROGRAMS / "sockgatectl"))
    inputs = sorted(path for where in (CORPUS, FOUND) for path in (where / target).glob("*"))
    units = []
    for number, path in enumerate(inputs):
        (folder / "input").write_bytes(path.read_bytes())
        for unit in programs.convert(READERS[target], [str(folder / "input")], machine, f"f{number}-").units:
            (folder / unit.name).write_text(format_unit(unit))
            units.append(folder / unit.name)
    return len(inputs), units


def verify(units: list[Path]) -> Iterator[str]:
    left = iter(units)
    while batch := list(islice(left, AT_ONCE)):  # a socket and its service stand side by side, and AT_ONCE is even
        done = subprocess.run(["systemd-analyze", "verify", *batch], capture_output=True, text=True,
                              errors="backslashreplace")  # fmt: skip
        yield from (done.stdout + done.stderr).splitlines()


if __name__ == "__main__":
    sys.exit(main())
