"""Many clients of smtp.service under sockgated, the load generator of the benchmarks being those, and what it takes.

`make soak` runs the tests that use this at full size, as SOCKGATE_LOAD=full tells them, and shows their figures.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system import services
from tests.system.machine import TREE, Machine

FULL = os.environ.get("SOCKGATE_LOAD") == "full"
PORT = 25
SOURCES = tuple(f"127.0.1.{number}" for number in range(1, 9))
HOLDER = "127.0.0.9"  # the server sends its bytes back to it
SERVER = "/usr/local/bin/answer"
# For what needs more than a mail server is to have.
ROOMY = "[Service]\nTasksMax=12000\nMemoryMax=6G\n"


@dataclass(frozen=True)
class Outcome:
    """What became of the clients of one run, over all their sources; rate in connections per second."""

    connections: int
    rate: float
    served: int
    empty: int
    lost: int


@dataclass(frozen=True)
class Footprint:
    """The gate's: its two processes, memory in kB.

    pss        what both take, pages that they share with others in part
    anonymous  of that, what is not a file's: others who come and go do not change it
    """

    pss: int
    anonymous: int
    descriptors: int
    zombies: int


def prepare(machine: Machine, build: Path) -> None:
    """The server and the load generator, and smtp.socket switched to sockgated."""
    services.add_qmail_users(machine)
    for source in (services.SERVERS / "answer.c", TREE / "tests/bench/load.c"):
        services.compile_static(source, build / source.stem)
        machine.path(f"/usr/local/bin/{source.stem}").write_bytes((build / source.stem).read_bytes())
        machine.run("chmod", "755", f"/usr/local/bin/{source.stem}")
    services.switch(machine, "sockgated", "smtp")


def serve(machine: Machine, resident: str, options: str = "", unit: str = "", server: str = SERVER) -> None:
    """Start smtp.socket anew, with these options of sockgated and of the gate and with this drop-in."""
    machine.write(
        "/etc/default/sockgate-smtp",
        f"SOCKGATE_SERVER={server}\nSOCKGATE_RESIDENT={resident}\nSOCKGATE_OPTIONS={options}\n",
    )
    services.drop_in(machine, "smtp.service", unit)
    machine.systemctl("stop", "smtp.socket", "smtp.service")
    machine.systemctl("start", "smtp.socket", "smtp.service")


def start(machine: Machine, *words: str, sources: tuple[str, ...] = SOURCES) -> "subprocess.Popen[str]":
    return machine.popen(
        "prlimit",
        "--nofile=20000",
        "load",
        "-p",
        str(PORT),
        *words,
        *(word for source in sources for word in ("-s", source)),
    )


def outcome(load: "subprocess.Popen[str]") -> Outcome:
    """When it is over, which -e makes it now."""
    output = load.communicate("")[0]
    assert load.returncode == 0, output
    result = json.loads(output)
    lost = sum(result["reset"]) + sum(result["unreachable"])
    return Outcome(result["connections"], result["rate"], sum(result["served"]), sum(result["empty"]), lost)


@contextmanager
def held(machine: Machine, number: int) -> "Iterator[subprocess.Popen[str]]":
    """So many open sessions, all of them known to their server."""
    with start(machine, "-H", str(number), sources=(HOLDER,)) as load:
        assert load.stdout is not None
        assert load.stdout.readline() == "held\n"
        yield load


def echoed(load: "subprocess.Popen[str]") -> int:
    """Of the sessions that are held: those that send a byte back. They are over then."""
    return int(json.loads(load.communicate("")[0])["echoed"])


def main_pid(machine: Machine) -> int:
    return int(machine.systemctl("show", "--property=MainPID", "--value", "smtp.service").stdout)


def footprint(machine: Machine) -> Footprint:
    main = main_pid(machine)
    memory = machine.shell(f"""
        cat /proc/{main}/smaps_rollup /proc/$(pgrep --oldest --parent {main} sockgated)/smaps_rollup
    """).stdout
    pss, anonymous = (
        sum(map(int, re.findall(rf"^{field}: +(\d+) kB", memory, re.MULTILINE))) for field in ("Pss", "Pss_Anon")
    )
    descriptors = len(os.listdir(machine.path(f"/proc/{main}/fd")))
    states = machine.run("ps", "--ppid", str(main), "-o", "stat=", check=False).stdout.split()
    return Footprint(pss, anonymous, descriptors, sum(state.startswith("Z") for state in states))


def wait_for_status(machine: Machine, text: str, seconds: float = 20) -> None:
    """Until `systemctl status` says this."""
    machine.wait_for(lambda: services.status_text(machine, "smtp").startswith(text), f"the status {text!r}", seconds)
