"""`make fuzz`: drives every target with atheris, guided by coverage.

    python -m tests.fuzz.run [--runs N] [TARGET...]

What it finds worth keeping goes to build/fuzz/TARGET; an input that fails stays in build/fuzz as TARGET-crash-HASH.
"""

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path("build/fuzz")
LONGEST_INPUT = 4096
MOST_SECONDS = 1.0  # of CPU for one input; the clock of a busy machine proves nothing
HANGS_AFTER = 30  # seconds by the clock


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    arguments = parser.parse_args()
    names = arguments.targets or list(importlib.import_module("tests.fuzz.targets").TARGETS)
    return max(run(name, arguments.runs) for name in names)


def run(name: str, runs: int) -> int:
    """One target in a process of its own, because libFuzzer ends the process that it runs in."""
    seeds, found = CORPUS / name, FOUND / name
    seeds.mkdir(exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    limits = [f"-runs={runs}", f"-max_len={LONGEST_INPUT}", f"-timeout={HANGS_AFTER}"]
    options = [f"-artifact_prefix={FOUND}/{name}-", *limits, str(found), str(seeds)]
    start = time.monotonic()
    command = [sys.executable, "-m", "tests.fuzz.run", "--drive", name, *options]
    # libFuzzer leaves by _exit, so its folder is cleared up here.
    with (FOUND / f"{name}.log").open("wb") as log, tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        done = subprocess.run(command, stderr=log, stdout=log, env=os.environ | {"TMPDIR": folder})
    verdict = "no crash" if not done.returncode else f"FAILED, see {FOUND}/{name}.log"
    print(f"{name:18} {verdict}, {time.monotonic() - start:4.0f} s", flush=True)
    return done.returncode


def drive(name: str, options: list[str]) -> None:
    """Give this process to libFuzzer."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["sockgate"]):
        target = importlib.import_module("tests.fuzz.targets").TARGETS[name]

    def timed(data: bytes) -> None:
        start = time.process_time()
        target(data)
        seconds = time.process_time() - start
        assert seconds < MOST_SECONDS, f"{seconds:.1f} s for {len(data)} bytes"

    atheris.Setup([name, *options], timed)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--drive"]:
        os.environ.setdefault("PYTHONHASHSEED", "0")
        drive(sys.argv[2], sys.argv[3:])
    sys.exit(main())
