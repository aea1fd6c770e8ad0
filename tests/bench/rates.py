"""make bench: connections per second of sockgated and of the programs that it replaces, in one run.

They run side by side in a booted machine, in its network namespace, with its journal, and are measured in turns:
each round takes every program once at every number of clients; programs that are not compared run in every sixth round.
What is compared are two programs of one round, which follow each other within seconds: this machine may run a third
slower for minutes, and then it does so for both. The result is the median of all rounds, with its standard error.
sockgated runs as the shipped units have it: itself at Nice=-11, its servers at 0 as all others are. It runs a second
time at 0, which says what is priority and what is speed; this one is shown, and not judged. All figures are also
written to build/bench/rates.json. With --before DIR, this tree is compared with another tree, and with no other
program.

"held" is how much later the second of two clients that come at once hears from its server, in microseconds: for that
time one connection keeps the accept loop from the next one.

CPU is that of the whole machine, journal and PID 1 included, but for the clients; memory is the peak of the program
itself (VmHWM), with what its other processes have of their own.

A moved service stands beside its original in `make bench-moved`: there each program has its own configuration.
"""

import argparse
import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tests.bench import launchers
from tests.bench.launchers import (
    C_SERVERS,
    EARLIER,
    EQUAL,
    LIMIT,
    OURS,
    SLOW,
    TCPSERVER,
    XINETD_DENYING,
    Launcher,
    Server,
)
from tests.bench.results import ADVICE, FAILED, OUTCOMES, UNCLEAR, Ratio, Result, Run
from tests.system.machine import TREE, Machine
from tests.system.services import compile_static, courier_smtp

HERE = Path(__file__).parent
BUILD = TREE / "build/bench"
FIRST_PORT = 3000
DIALOG = ("EHLO client.test", "QUIT")
# The server, and what its clients say.
WORKLOADS: dict[str, tuple[Server, tuple[str, ...]]] = {
    "one line": (launchers.LINE, ()),
    "SMTP, EHLO to QUIT": (launchers.SMTP, DIALOG),
}
SELDOM = 6  # rounds, of which one takes the slow programs as well
SETTLE_SECONDS, MOST_SETTLING, QUIET = 0.1, 30, 0.05  # QUIET: the share of one processor
LEAST_OF_BEST, LEAST_OF_BEFORE = 0.98, 0.98  # the first within one standard error
MOST_OF_QUICKEST = {1: 1.1, 64: 1.0}  # by clients: the p99, to that of the quickest C super-server


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare sockgated with the programs that it replaces.")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each measurement")
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 64])
    parser.add_argument("--release", default="bookworm")
    parser.add_argument("--workload", choices=WORKLOADS, action="append")
    parser.add_argument("--only", action="append", help="measure this program; may be repeated")
    parser.add_argument("--before", type=Path, metavar="DIR", help="another tree of sockgate, to compare with alone")
    arguments = parser.parse_args()
    if arguments.before:
        arguments.only = [OURS, EARLIER]
    if os.geteuid():
        sys.exit("make bench boots a machine: run it as root")
    results = []
    with Machine(arguments.release, "more") as machine:
        prepare(machine)
        if arguments.before:
            launchers.install_before(machine, arguments.before)
        for number, workload in enumerate(arguments.workload or WORKLOADS):
            results += measure(machine, workload, FIRST_PORT + 100 * number, arguments)
    (BUILD / "rates.json").write_text(json.dumps([asdict(result) for result in results], indent=1))
    print_table(results)
    failures = judge(results)
    print("\nmoved services beside their originals: make bench-moved")
    return failures


def prepare(machine: Machine) -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("load", "limit", "line"):
        compile_static(HERE / f"{name}.c", BUILD / name)
        machine.path(f"/usr/local/bin/{name}").write_bytes((BUILD / name).read_bytes())
        machine.run("chmod", "755", f"/usr/local/bin/{name}")
    launchers.set_up(machine)
    courier_smtp(machine)


def measure(machine: Machine, workload: str, first_port: int, arguments: argparse.Namespace) -> list[Result]:
    """Every program in turns, starting with another one in each round."""
    server, dialog = WORKLOADS[workload]
    names = arguments.only or [name for name in launchers.STARTERS if name not in (EARLIER, XINETD_DENYING)]
    running = launchers.start_all(machine, server, first_port, names)
    runs: dict[tuple[str, int], list[Run]] = {}
    slow = [launcher for launcher in running if launcher.name in SLOW]
    fast = [launcher for launcher in running if launcher not in slow]
    for number in range(arguments.rounds):
        first = number % max(1, len(fast))
        turns = fast[first:] + fast[:first] + (slow if number % SELDOM == 0 else [])
        for clients in arguments.clients:
            for launcher in turns:
                progress(f"{workload}: round {number + 1} of {arguments.rounds}, {clients} clients, {launcher.name}")
                run = measure_once(machine, launcher, clients, dialog, arguments.seconds)
                runs.setdefault((launcher.name, clients), []).append(run)
            if number % SELDOM == 0:
                settle(machine)
    progress("")
    memory = {launcher.name: peak_memory(machine, launcher) for launcher in running}
    machine.systemctl("stop", *(f"bench-{launcher.port}.*" for launcher in running))
    return [Result(workload, name, clients, these, memory[name]) for (name, clients), these in runs.items()]


def measure_once(machine: Machine, launcher: Launcher, clients: int, dialog: tuple[str, ...], seconds: float) -> Run:
    talk = [word for line in dialog for word in ("-d", line)]
    before = machine.cpu_seconds()
    figures = load(machine, launcher, "-c", str(clients), "-t", str(seconds), *talk)
    cpu = machine.cpu_seconds() - before
    held = load(machine, launcher, "-2", "-t", str(seconds / 2))["p50"] if clients == 1 and not dialog else None
    return Run(figures["rate"], figures["p50"], figures["p99"], cpu / figures["connections"] * 1e6, held)


def load(machine: Machine, launcher: Launcher, *words: str) -> dict[str, float]:
    """What the load program measured."""
    figures = json.loads(machine.run("/usr/local/bin/load", "-p", str(launcher.port), *words).stdout)
    served = sum(figures["served"])
    if served != figures["connections"]:
        raise SystemExit(
            f"{launcher.name}: of {figures['connections']} connections only {served} were served: {figures}"
        )
    return dict(figures)


def settle(machine: Machine) -> None:
    """Until what the last program left behind is dealt with: after Accept=yes, PID 1 clears units away for a while, and
    the next measured program would pay for it."""
    for _ in range(MOST_SETTLING):
        before = machine.cpu_seconds()
        time.sleep(SETTLE_SECONDS)
        if machine.cpu_seconds() - before < QUIET * SETTLE_SECONDS:
            return


def peak_memory(machine: Machine, launcher: Launcher) -> float:
    """Of the process itself, and what others of the same program, started by it, have for themselves."""
    pid = 1
    if launcher.unit:
        pid = int(machine.systemctl("show", "--property=MainPID", "--value", launcher.unit).stdout)
    kilobytes = field(machine.read(f"/proc/{pid}/status"), "VmHWM")
    if launcher.unit:
        kilobytes += sum(own_memory(machine, child) for child in same_program(machine, pid))
    return kilobytes / 1024


def same_program(machine: Machine, pid: int) -> Iterator[int]:
    command = machine.read(f"/proc/{pid}/cmdline")
    for child in machine.read(f"/proc/{pid}/task/{pid}/children").split():
        with contextlib.suppress(OSError):
            if machine.read(f"/proc/{child}/cmdline") == command:
                yield int(child)


def own_memory(machine: Machine, pid: int) -> float:
    text = machine.read(f"/proc/{pid}/smaps_rollup")
    return field(text, "Private_Clean") + field(text, "Private_Dirty")


def field(text: str, name: str) -> float:
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:"))


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def print_table(results: list[Result]) -> None:
    for workload in dict.fromkeys(result.workload for result in results):
        print(f"\n{workload}: connections per second, median (least to most)")
        print(
            f"{'':<22}{'clients':>8}{'rate':>8}{'':<18}{'p50 ms':>8}{'p99 ms':>8}{'CPU us':>8}{'MB':>7}{'held us':>9}"
        )
        of_this = [result for result in results if result.workload == workload]
        for result in sorted(of_this, key=lambda result: (result.clients, -result.median("rate"))):
            rates = [run.rate for run in result.runs]
            span = f"({min(rates):,.0f} to {max(rates):,.0f})"
            print(
                f"{result.program:<22}{result.clients:>8}{result.median('rate'):>8,.0f} {span:<17}"
                f"{result.median('p50'):>8.2f}{result.median('p99'):>8.2f}{result.median('cpu'):>8,.0f}"
                f"{result.memory:>7.1f}{result.held:>6}"
            )


def judge(results: list[Result]) -> int:
    """Say how sockgated compares with the best of the others. Returns 1 if it does not pass.

    It does not where it is surely behind. How it compares with the limit is shown, and not judged: the limit keeps no
    list, no count and no record, so the ratio says how small the server is.
    """
    outcomes = []
    for workload, clients in dict.fromkeys((result.workload, result.clients) for result in results):
        found = {r.program: r for r in results if (r.workload, r.clients) == (workload, clients)}
        if OURS not in found:
            continue
        if EARLIER in found:
            of_before = Ratio.of(found[OURS], found[EARLIER])
            outcomes.append(of_before.outcome(least=LEAST_OF_BEFORE))
            print(f"{outcomes[-1]}: {workload}, {clients} clients: {of_before} of the tree before")
        rivals = [found[name] for name in C_SERVERS if name in found]
        if rivals:
            outcomes.append(judge_beside(rivals, found[OURS]))
            print_beside(found, rivals)
    if UNCLEAR in outcomes:
        print(ADVICE)
    return int(FAILED in outcomes)


def judge_beside(rivals: list[Result], ours: Result) -> str:
    """Say how our rate compares with the best of these, and our p99 with that of the quickest. Returns the outcome."""
    best, quickest = fastest(rivals), min(rivals, key=lambda result: result.median("p99"))
    of_best, latest = Ratio.of(ours, best), Ratio.of(ours, quickest, "p99")
    outcome = max(
        of_best.outcome(least=LEAST_OF_BEST, errors=1),
        latest.outcome(most=MOST_OF_QUICKEST.get(ours.clients, math.inf)),
        key=OUTCOMES.index,
    )
    print(
        f"{outcome}: {ours.workload}, {ours.clients} clients: {of_best} of the best C super-server ({best.program}), "
        f"p99 {latest} of the quickest ({quickest.program})"
    )
    return outcome


def print_beside(found: dict[str, Result], rivals: list[Result]) -> None:
    """What is shown, and not judged."""
    ours, best = found[OURS], fastest(rivals)
    if LIMIT in found:
        print(f"        {Ratio.of(ours, found[LIMIT])} of the limit")
    if ours.held and TCPSERVER in found:
        held = Ratio.of(ours, found[TCPSERVER], "held")
        print(f"        the accept loop is held by one connection for {held} of the time of {TCPSERVER}")
    if EQUAL in found:
        equal = found[EQUAL]
        print(f"        at Nice=0: {Ratio.of(equal, best)} of {best.program}, {Ratio.of(equal, ours)} of Nice=-11")


def fastest(rivals: list[Result]) -> Result:
    return max(rivals, key=lambda result: result.median("rate"))


if __name__ == "__main__":
    sys.exit(main())
