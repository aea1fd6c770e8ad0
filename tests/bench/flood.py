"""make bench-flood: clients that are refused as fast as they come, and one good client meanwhile.

Each program refuses one address and serves another. They run side by side in a booted machine and are measured in
turns, in every round once each. The result is the median of all rounds: refused clients per second, the wait of the
good client until its server has answered, and the records or lines that the flood left.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tests.bench import launchers
from tests.bench.launchers import DENIED, LINE, OURS, TCPSERVER, XINETD_DENYING, Launcher
from tests.bench.rates import prepare, progress
from tests.system.machine import Machine

FIRST_PORT = 3500
SERVED = "127.0.0.1"
PROGRAMS = (OURS, TCPSERVER, "couriertcpd", XINETD_DENYING)
CLIENTS = 16  # of the flood


class Run(NamedTuple):
    """One measurement: refused clients per second, and milliseconds of the good client."""

    refused: float
    p50: float
    p99: float


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare how programs bear a flood of clients that they refuse.")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    parser.add_argument("--release", default="bookworm")
    arguments = parser.parse_args()
    if os.geteuid():
        sys.exit("make bench-flood boots a machine: run it as root")
    runs: dict[str, list[Run]] = {name: [] for name in PROGRAMS}
    with Machine(arguments.release, "more") as machine:
        prepare(machine)
        running = launchers.start_all(machine, LINE, FIRST_PORT, PROGRAMS)
        for number in range(arguments.rounds):
            first = number % len(running)
            for launcher in (*running[first:], *running[:first]):
                progress(f"round {number + 1} of {arguments.rounds}: {launcher.name}")
                runs[launcher.name].append(measure(machine, launcher, arguments.seconds))
        progress("")
        records = len(machine.journal("SYSLOG_IDENTIFIER=sockgated"))
    print("\n".join(table(runs)))
    print(f"sockgated left {records} records of all rounds")
    return judge(runs)


def measure(machine: Machine, launcher: Launcher, seconds: float) -> Run:
    with ThreadPoolExecutor(2) as pool:
        futures = [
            pool.submit(load, machine, launcher, source, clients, seconds)
            for source, clients in ((DENIED, CLIENTS), (SERVED, 1))
        ]
        flood, good = (future.result() for future in futures)
    if flood.served or not good.served:
        raise SystemExit(f"{launcher.name}: of the flood {flood.served} were served, of the others {good.served}")
    return Run(flood.rate, good.p50, good.p99)


class Load(NamedTuple):
    """What the load program measured: connections per second, milliseconds."""

    rate: float
    p50: float
    p99: float
    served: int


def load(machine: Machine, launcher: Launcher, source: str, clients: int, seconds: float) -> Load:
    words = ["-p", str(launcher.port), "-c", str(clients), "-t", str(seconds), "-s", source]
    found = json.loads(machine.run("/usr/local/bin/load", *words).stdout)
    return Load(found["rate"], found["p50"], found["p99"], sum(found["served"]))


def table(runs: dict[str, list[Run]]) -> Iterator[str]:
    yield f"{'':<16}{'refused a second':>18}{'wait ms':>10}{'p99 ms':>10}"
    for name, these in runs.items():
        middle = [statistics.median(getattr(run, figure) for run in these) for figure in Run._fields]
        yield f"{name:<16}{middle[0]:>18,.0f}{middle[1]:>10.2f}{middle[2]:>10.2f}"


def judge(runs: dict[str, list[Run]]) -> int:
    """Whether sockgated refuses more than the best of the others, and keeps its good client waiting for less time."""
    failures = 0
    for figure, best, sign in (("refused", max, 1), ("p50", min, -1)):
        rivals = {name: statistics.median(getattr(run, figure) for run in these) for name, these in runs.items()}
        ours = rivals.pop(OURS)
        name = best(rivals, key=lambda name: rivals[name])
        behind = sign * ours < sign * rivals[name]
        failures += behind
        print(f"{'FAILED' if behind else 'passed'}: {figure}: {ours:,.2f}, {name} {rivals[name]:,.2f}")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
