"""make bench-moved: each old program beside what `sockgatectl convert` makes of its configuration, in one run.

Each pair runs in one booted machine, with the journal and the niceness that each has by itself: the old program as its
own configuration says, and the converted units on another port, with the engine that `--engine auto` chose. They take
turns within a round, and what is compared are the two of one round (rates.py says why). The measure: the moved service
is at least as fast as the original.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.launchers import CDB, MOST, Launcher, answers
from tests.bench.rates import BUILD, DIALOG, measure_once, prepare, progress, settle
from tests.bench.results import ADVICE, FAILED, UNCLEAR, Ratio, Result, Run
from tests.system.convert import oracle
from tests.system.machine import Machine

HERE = Path(__file__).parent
OLD_PORT, NEW_PORT = 3100, 3200
LEAST = 1.0
XINETD = f"""service {{name}}
{{{{
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    wait = no
    user = root
    port = {{port}}
    bind = 127.0.0.1
    cps = 0 0
    instances = {MOST}
    {{more}}
}}}}
"""
TCP_ENV = """flags = NAMEINARGS NODELAY
    passenv = PATH
    server = /usr/local/bin/tcp-env
    server_args = tcp-env -R /usr/local/bin/line
    log_type = FILE /var/log/bench-moved
    log_on_success = PID HOST EXIT DURATION
    log_on_failure = HOST"""
PLAIN = "server = /usr/local/bin/line"
RUN = f"#!/bin/sh\nexec tcpserver -HRl0 -x {CDB} -c {MOST} -b 4096 127.0.0.1 {{port}} /usr/local/bin/line\n"
COURIER = f"""PORT={{port}}
ADDRESS=127.0.0.1
MAXDAEMONS={MOST}
MAXPERIP={MOST}
MAXPERC={MOST}
TCPDOPTS="-stderrlogger=/usr/sbin/courierlogger -nodnslookup"
"""


@dataclass(frozen=True, slots=True)
class Original:
    """An old program with its configuration.

    program  the name that `convert` knows it by
    file     the path of its configuration
    text     the configuration; with a file that begins with +, it is added to what is there
    start    the words that start it
    dialog   what its clients say
    """

    program: str
    file: str
    text: Callable[[int], str]
    start: str
    dialog: tuple[str, ...] = ()


def xinetd(name: str, more: str) -> Original:
    file = f"/etc/moved-{name}.conf"
    text = XINETD.replace("{name}", name).replace("{more}", more)
    return Original("xinetd", file, lambda port: text.format(port=port),
                    f"xinetd -f {file} -pidfile /run/moved-{name}.pid")  # fmt: skip


ORIGINALS = {
    "xinetd + tcp-env": xinetd("tcpenv", TCP_ENV),
    "xinetd": xinetd("plain", PLAIN),
    "tcpserver -x": Original("tcpserver", "/service/moved/run", lambda port: RUN.format(port=port),
                             "systemd-run --quiet --unit=moved-tcpserver /service/moved/run"),
    "couriertcpd": Original("couriertcpd", "+/etc/courier/esmtpd", lambda port: COURIER.format(port=port),
                            "/usr/lib/courier/esmtpd start", DIALOG),
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare moved services with their originals.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each measurement")
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 64])
    parser.add_argument("--release", action="append", help="bookworm and trixie, if it is not given")
    parser.add_argument("--only", action="append", choices=ORIGINALS, help="measure this pair; may be repeated")
    arguments = parser.parse_args()
    if os.geteuid():
        sys.exit("make bench-moved boots a machine: run it as root")
    slower = 0
    for release in arguments.release or ["bookworm", "trixie"]:
        with Machine(release, "more") as machine:
            set_up(machine)
            results = list(measured(machine, arguments))
        (BUILD / f"moved-{release}.json").write_text(json.dumps([asdict(result) for result in results], indent=1))
        slower += judge(release, results)
    return int(slower > 0)


def set_up(machine: Machine) -> None:
    prepare(machine)
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-o", BUILD / "tcp-env", HERE / "tcpenv.c"], check=True)
    machine.path("/usr/local/bin/tcp-env").write_bytes((BUILD / "tcp-env").read_bytes())
    machine.run("chmod", "755", "/usr/local/bin/tcp-env")


def measured(machine: Machine, arguments: argparse.Namespace) -> Iterator[Result]:
    for number, name in enumerate(arguments.only or ORIGINALS):
        original = ORIGINALS[name]
        pair = start_both(machine, name, original, OLD_PORT + number, NEW_PORT + number)
        runs: dict[tuple[str, int], list[Run]] = {}
        for turn in range(arguments.rounds):
            for clients in arguments.clients:
                for launcher in pair if turn % 2 else reversed(pair):
                    progress(f"{name}: round {turn + 1} of {arguments.rounds}, {clients} clients, {launcher.name}")
                    run = measure_once(machine, launcher, clients, original.dialog, arguments.seconds)
                    runs.setdefault((launcher.name, clients), []).append(run)
            settle(machine)
        progress("")
        yield from (Result(name, program, clients, these, 0.0) for (program, clients), these in runs.items())


def start_both(machine: Machine, name: str, original: Original, old: int, new: int) -> tuple[Launcher, Launcher]:
    """The original, and what becomes of its configuration on another port."""
    path = original.file.removeprefix("+")
    before = machine.read(path) if path != original.file else ""
    machine.write(path, before + original.text(new), 0o755)
    oracle.convert(machine, original.program, path)
    machine.write(path, before + original.text(old), 0o755)
    machine.shell(f"cd /; install -d -o courier /run/courier; {original.start}")
    for port in (old, new):
        machine.wait_for(lambda port=port: answers(machine, port), f"{name} to answer on {port}", 30)  # type: ignore[misc]
    return Launcher("original", old, ""), Launcher("moved", new, "")


def judge(release: str, results: list[Result]) -> int:
    """Print each pair. Returns how many moved services are surely slower than their originals."""
    outcomes = []
    print(f"\n{release}: connections per second, medians; moved to original within a round")
    for name, clients in dict.fromkeys((result.workload, result.clients) for result in results):
        of_this = (result for result in results if (result.workload, result.clients) == (name, clients))
        found = {result.program: result for result in of_this}
        ratio = Ratio.of(found["moved"], found["original"])
        outcomes.append(ratio.outcome(least=LEAST))
        rates = f"{found['original'].median('rate'):>8,.0f}{found['moved'].median('rate'):>8,.0f}"
        print(f"{outcomes[-1]}: {name:<18}{clients:>4} clients:{rates}   {ratio}")
    if UNCLEAR in outcomes:
        print(ADVICE)
    return outcomes.count(FAILED)


if __name__ == "__main__":
    sys.exit(main())
