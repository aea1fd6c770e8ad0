"""What the rules of a gate cost: CPU for each connection or each change of a file, and memory."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from ...access.tcprules_access import RulesAccess, TextRules
from ...core.peer import internet_peer, pack
from ...host.host import Host
from ...units.search import UnitSearch
from ..gated_service import GatedService, build_gate
from .command import place_of_file
from .fault import Fault
from .service import is_resident

WORTH_A_LOOK = 1 << 14  # bytes of files: less costs nothing to speak of
COSTLY = 0.02  # seconds of CPU for each connection: more than the gate itself takes
COSTLY_CHANGE = 0.5  # seconds in which a resident gate accepts no client
STRANGER = "203.0.113.7"
PACKAGES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
MEASURE = """
import sys
sys.path[:0] = [sys.argv[1]]
from sockgate.ctl.check.cost import measured
print(*measured(sys.argv[2], sys.argv[3], sys.argv[4:]))
"""


class Cost(NamedTuple):
    """Of one reading of the rules, and one decision by them.

    seconds  of CPU
    space    bytes of address space, with files that are mapped
    data     bytes of memory of its own
    """

    seconds: float = 0.0
    space: int = 0
    data: int = 0


def cost_of(gated: GatedService, search: UnitSearch) -> Cost:
    """Measured in an interpreter of its own: nothing else has used the memory before."""
    if gated.gate is None or size_of_files(gated, search) < WORTH_A_LOOK:
        return Cost()
    words = [search.root or "/", gated.program, *(word.text for word in gated.words)]
    command = [sys.executable, "-I", "-c", MEASURE, PACKAGES, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
    try:
        seconds, space, data = done.stdout.split()
        return Cost(float(seconds), int(space), int(data))
    except ValueError:
        return Cost()  # it could not read the rules, and another inspection reports the fault


def measured(root: str, program: str, words: list[str]) -> Cost:
    """What it takes to build this gate and to decide about one client. Raises GateError."""
    search, client = UnitSearch(root), internet_peer(pack(STRANGER), 40000, pack("192.0.2.1"), 25)
    space, data, begin = memory("VmSize"), memory("VmData"), time.process_time()
    build_gate(program, words, search).decide(client)
    return Cost(time.process_time() - begin, memory("VmPeak") - space, memory("VmData") - data)


def memory(what: str) -> int:
    """Bytes of this process, as proc(5) has them."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        line = next(line for line in file if line.startswith(f"{what}:"))
    return int(line.split()[1]) << 10


def size_of_files(gated: GatedService, search: UnitSearch) -> int:
    return sum(size(file, search) for file in gated.files)


def size(file: str, search: UnitSearch) -> int:
    """In bytes; 0 for a file that cannot be seen."""
    path = search.host_path(file)
    return os.path.getsize(path) if os.path.isfile(path) else 0


def rules_costly(gated: GatedService, host: Host) -> Iterator[Fault]:
    """Rules that take longer than all the rest of the gate."""
    seconds = cost_of(gated, host.search).seconds
    resident = is_resident(gated)
    if seconds < (COSTLY_CHANGE if resident else COSTLY):
        return
    file = max(gated.files, key=lambda file: size(file, host.search))
    when = "whenever a file changes, and clients wait meanwhile" if resident else "for each connection"
    yield Fault(
        gated.service, place_of_file(file, gated),
        f"the rules take {seconds:.2f} s of CPU {when}; the largest file is {file!r}", remedy(gated, file, host),
    )  # fmt: skip


def remedy(gated: GatedService, file: str, host: Host) -> str:
    for check in gated.gate.checks if gated.gate else ():
        if not (isinstance(check, RulesAccess) and isinstance(check.store, TextRules)):
            continue
        if check.store.name == host.search.host_path(file):
            return f"compile it: sockgatectl rules compile {file} {file}.cdb, and --rules {file}.cdb"
    return "" if is_resident(gated) else "with Accept=no, sockgated reads them once"
