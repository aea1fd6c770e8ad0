"""make bench-sandbox: what the sandboxes of the shipped per-connection units cost, in one run.

The unit serves with its sandbox and without any, in turns, one client at a time, in a booted machine. Courier's units
serve with Courier's servers, and each client leaves at once; the others with a program that says one line. A round
takes both within seconds. Its ratio is what counts: this machine may run slower for minutes, and then it does so for
both. What is judged is the CPU time of the whole machine for a connection, PID 1 and journal included. The time of a
connection for its client is shown beside it; on a machine that does other work as well it says little. Most of what a
mount namespace costs is that systemd reads the table of mounts some twenty times. So the root of the machine is no
overlay: its line is three times as long as that of a host's root.

OWN is what `sockgatectl install` writes. With --each, it also measures what each setting adds to the others: the unit
without one of its settings, and the unit with one more, which only the resident unit has. By itself a setting says
little: the first that needs a mount namespace pays for it.
"""

import argparse
import json
import os
import re
import statistics
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.bench.rates import BUILD, settle
from tests.system import services
from tests.system.machine import Machine

HERE = Path(__file__).parent
OWN = "own"
SERVICES = ("smtp", "smtps", "imap", "imaps", "pop3", "pop3s", OWN)
LAST_WORDS = {"imap": "a LOGOUT", "pop3": "QUIT"}  # to a server of Debian's, in the unit as it is
RELEASES = ("bookworm", "trixie", "forky")
NONE, SHIPPED = "without", "as shipped"
FIRST_PORT = 3000
HIGHEST_RATIO = 1.4

# All other settings of the units, in both: the command, the user, the output, the limits of memory and processes.
SANDBOX = re.compile(
    r"(AmbientCapabilities|CapabilityBoundingSet|DevicePolicy|InaccessiblePaths|IPAddressDeny|KeyringMode|LockPersonality"
    r"|MemoryDenyWriteExecute|NoNewPrivileges|Private\w+|ProcSubset|Protect\w+|Read(Only|Write)Paths|RemoveIPC"
    r"|Restrict(?!art)\w+|SystemCall\w+|TemporaryFileSystem)="
)
LISTS = ("RestrictAddressFamilies", "SystemCallFilter")  # an empty value begins them anew
SOCKET = """[Socket]
ListenStream=127.0.0.1:{port}
Accept=yes
TriggerLimitIntervalSec=0
PollLimitIntervalSec=0
"""
ONE_LINE = "Environment=SOCKGATE_SERVER=/usr/local/bin/line MAILDIRPATH="


class Run(NamedTuple):
    """One measurement, of one connection: milliseconds for its client, and of CPU."""

    time: float
    cpu: float


class Variant(NamedTuple):
    """One service of the machine: its name for a person, its port, the lines of its unit, and what its client says."""

    name: str
    port: int
    lines: tuple[str, ...]
    last_words: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what a sandbox costs.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each measurement")
    parser.add_argument("--release", choices=RELEASES, action="append")
    parser.add_argument("--service", choices=SERVICES, action="append")
    parser.add_argument("--each", action="store_true", help="what each setting adds as well")
    arguments = parser.parse_args()
    if os.geteuid():
        sys.exit("make bench-sandbox boots a machine: run it as root")
    worst = max(measure_release(release, arguments) for release in arguments.release or RELEASES)
    print(f"CPU ratio at most {worst:.2f}, allowed {HIGHEST_RATIO}")
    return int(worst > HIGHEST_RATIO)


def measure_release(release: str, arguments: argparse.Namespace) -> float:
    """The highest ratio. Services with the same sandbox are measured once."""
    measured: dict[tuple[str, ...], str] = {}
    worst = 0.0
    with Machine(release, copied=True) as machine:
        prepare(machine)
        for number, service in enumerate(arguments.service or SERVICES):
            print(f"{release} (systemd {machine.systemd_version}), {service}@.service", end="")
            same = measured.setdefault(tuple(filter(SANDBOX.match, settings(machine, f"{service}@.service"))), service)
            if same != service:
                print(f": the sandbox of {same}@.service\n")
                continue
            print(flush=True)
            wanted = list(variants(machine, service, FIRST_PORT + 100 * number, each=arguments.each))
            worst = max(worst, report(measure(machine, wanted, arguments.rounds, arguments.seconds)))
    return worst


def prepare(machine: Machine) -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("load", "line"):
        services.compile_static(HERE / f"{name}.c", BUILD / name)
        machine.path(f"/usr/local/bin/{name}").write_bytes((BUILD / name).read_bytes())
        machine.run("chmod", "755", f"/usr/local/bin/{name}")
    services.add_qmail_users(machine)
    own = ("--listen", "7", "--user", "daemon", "--server", "/usr/local/bin/line")
    machine.run("sockgatectl", "install", OWN, *own)
    machine.systemctl("daemon-reload")
    machine.systemctl("start", *(f"{service}.socket" for service in LAST_WORDS))  # writes Courier's settings
    for service in SERVICES:
        machine.run("touch", f"/run/sockgate/{service}.env")


def variants(machine: Machine, service: str, first_port: int, *, each: bool) -> Iterator[Variant]:
    """The unit without any sandbox and as shipped; with `each` also without one setting, and with one more."""
    lines = settings(machine, f"{service}@.service")
    plain = [line for line in lines if not SANDBOX.match(line)]
    tried = {NONE: plain, SHIPPED: lines}
    if each:
        of_connection, of_resident = (in_groups(these) for these in (lines, settings(machine, f"{service}.service")))
        for name, group in of_connection.items():
            tried[f"without {name}"] = [line for line in lines if line not in group]
        for name, group in of_resident.items():
            if group != of_connection.get(name):
                tried[f"with {' '.join(group)}"] = [*lines, f"{name}=", *group] if name in LISTS else [*lines, *group]
    for port, (name, these) in enumerate(tried.items(), first_port):
        yield Variant(name, port, tuple(these), LAST_WORDS.get(service, ""))


def in_groups(lines: Iterable[str]) -> dict[str, list[str]]:
    """The lines of a sandbox, those of one setting together."""
    found: dict[str, list[str]] = {}
    for line in filter(SANDBOX.match, lines):
        found.setdefault(line.partition("=")[0], []).append(line)
    return found


def settings(machine: Machine, unit: str) -> list[str]:
    """The unit with its drop-ins, as this systemd has it. It is another's text here, so %p would be another name."""
    service = re.split("[@.]", unit)[0]
    text = machine.systemctl("cat", unit).stdout.replace("%p", service)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return lines if service in LAST_WORDS else [*lines, ONE_LINE]


def measure(machine: Machine, wanted: list[Variant], rounds: int, seconds: float) -> dict[str, list[Run]]:
    start(machine, wanted)
    runs: dict[str, list[Run]] = {variant.name: [] for variant in wanted}
    for number in range(rounds):
        first = number % len(wanted)
        for variant in wanted[first:] + wanted[:first]:
            runs[variant.name].append(measure_once(machine, variant, seconds))
    machine.systemctl("stop", *(f"bench-{variant.port}.socket" for variant in wanted))
    return runs


def start(machine: Machine, wanted: Iterable[Variant]) -> None:
    """Give every variant a socket, and one client, which waits for what is done only once."""
    for variant in wanted:
        unit = f"/run/systemd/system/bench-{variant.port}"
        machine.write(f"{unit}.socket", SOCKET.format(port=variant.port))
        machine.write(f"{unit}@.service", "\n".join(variant.lines) + "\n")
    machine.systemctl("daemon-reload")
    machine.systemctl("start", *(f"bench-{variant.port}.socket" for variant in wanted))
    for variant in wanted:
        measure_once(machine, variant, 0.1)


def measure_once(machine: Machine, variant: Variant, seconds: float) -> Run:
    settle(machine)
    before = machine.cpu_seconds()
    command = ["/usr/local/bin/load", "-p", str(variant.port), "-c", "1", "-t", str(seconds)]
    command += ["-d", variant.last_words] if variant.last_words else []
    figures = json.loads(machine.run(*command).stdout)
    settle(machine)
    served = sum(figures["served"])
    if not served or served != figures["connections"]:
        raise SystemExit(f"{variant.name}: of {figures['connections']} connections {served} were served: {figures}")
    return Run(1000 / figures["rate"], (machine.cpu_seconds() - before) * 1000 / served)


def report(runs: dict[str, list[Run]]) -> float:
    """Print a line for each variant. Return the ratio of the shipped unit."""
    for name, these in runs.items():
        print(f"  {name:<40} {line_of(these, runs[NONE])}")
    print(flush=True)
    return ratio(runs[SHIPPED], runs[NONE], "cpu")


def line_of(these: list[Run], without: list[Run]) -> str:
    parts = []
    for figure in Run._fields:
        median = statistics.median(float(getattr(run, figure)) for run in these)
        parts.append(f"{figure} {median:7.2f} ms, ratio {ratio(these, without, figure):.2f}")
    return "   ".join(parts)


def ratio(ours: list[Run], theirs: list[Run], figure: str) -> float:
    """The median of the ratios within each round."""
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(float(getattr(a, figure)) / float(getattr(b, figure)) for a, b in pairs)


if __name__ == "__main__":
    sys.exit(main())
