"""Inspections of the limits of the service: memory, processes, records, clients that wait."""

from collections.abc import Iterator

from ...dispatch.options import parse, read_limits, read_process
from ...host.host import Host
from ...units.timespan import parse_timespan
from ..gated_service import GatedService
from .cost import Cost, cost_of
from .fault import ZERO, Fault, by_setting
from .service import is_resident

MEGABYTE = 1 << 20
SUFFIXES = {"": 1, "K": 1 << 10, "M": MEGABYTE, "G": 1 << 30, "T": 1 << 40}
# What Python itself needs, and some room. (In a test it did not start with 12 MB of address space.)
LEAST = {"LimitAS": 24 * MEGABYTE, "LimitDATA": 16 * MEGABYTE, "MemoryMax": 16 * MEGABYTE, "MemoryHigh": 16 * MEGABYTE}
ENOUGH = 64 * MEGABYTE
OWN_PROCESSES = 2  # the gate itself and its guardian
LEAST_BACKLOG = 128
STOP_KEYS = ("TimeoutStopSec", "TimeoutSec")
DEFAULT_STOP = "90s"  # DefaultTimeoutStopSec= in systemd-system.conf(5)
STOP_MARGIN = 10  # seconds for the gate to end after its sessions are over


def memory_short(gated: GatedService, host: Host) -> Iterator[Fault]:
    """Memory limits from the old start script of a C program. The gate is Python and does not start under them."""
    sizes = {key: size for key in LEAST if (size := parse_size(gated.service.value("Service", key))) is not None}
    cost = cost_of(gated, host.search) if sizes else Cost()
    times = 2 if is_resident(gated) else 1  # when a file changes, it has the new rules and the old ones
    for key, size in sizes.items():
        needed = LEAST[key] + times * (cost.space if key == "LimitAS" else cost.data)
        if size < needed:
            option = ""
            if key.startswith("Limit"):
                option = f", and give the server its own with --rlimit {key.removeprefix('Limit').lower()}={size}"
            problem = by_setting(
                gated.service, gated.service.place_of("Service", key),
                f"{key}={gated.service.value('Service', key)} is too little for the gate, which would not start",
                f"{key}={-(-max(needed, ENOUGH) // MEGABYTE)}M",
            )  # fmt: skip
            yield problem._replace(hint=problem.hint + option)


def parse_size(text: str) -> int | None:
    """The bytes of `64M` or `8M:16M` (soft and hard). None for no limit, or if the limit is not a number of bytes."""
    digits = text.partition(":")[0].rstrip("KMGTB")
    suffix = text.partition(":")[0][len(digits) :].removesuffix("B")
    if not (digits.isascii() and digits.isdigit()) or suffix not in SUFFIXES:
        return None
    return int(digits) * SUFFIXES[suffix]


def processes_short(gated: GatedService, _: Host) -> Iterator[Fault]:
    """A limit of processes that is too low. Every session of a resident gate is at least one process of its unit."""
    text = gated.service.value("Service", "TasksMax")
    if not is_resident(gated) or gated.error or not text.isdigit():
        return
    limits = read_limits(parse([word.text for word in gated.words]))
    if int(text) < limits.connections + OWN_PROCESSES:
        yield by_setting(
            gated.service, gated.service.place_of("Service", "TasksMax"),
            f"TasksMax={text} is too little for {limits.connections} clients at a time (--max-connections)",
            f"TasksMax={4 * limits.connections + OWN_PROCESSES}",
        )  # fmt: skip


def drain_cut_off(gated: GatedService, _: Host) -> Iterator[Fault]:
    """--drain longer than TimeoutStopSec=. Then systemd kills a gate that still waits for its sessions."""
    if not is_resident(gated) or gated.error:
        return
    drain = read_process(parse([word.text for word in gated.words])).drain
    own = next((key for key in STOP_KEYS if gated.service.value("Service", key)), "")
    key, text = own or STOP_KEYS[0], gated.service.value("Service", own, DEFAULT_STOP)
    stop = parse_timespan(text)
    if drain and stop and stop <= drain:
        yield by_setting(
            gated.service, gated.service.place_of("Service", key) if own else None,
            f"{key}={text} ends --drain {drain} early: sessions that are still running lose their gate",
            f"TimeoutStopSec={drain + STOP_MARGIN}s",
        )  # fmt: skip


def records_dropped(gated: GatedService, _: Host) -> Iterator[Fault]:
    service = gated.service
    values = [service.value("Service", key) for key in ("LogRateLimitIntervalSec", "LogRateLimitBurst")]
    if is_resident(gated) and not any(ZERO.match(value) for value in values):
        yield by_setting(
            service, service.place_of("Service", "LogRateLimitIntervalSec") if values[0] else None,
            "the journal drops what is more than 10,000 records in 30 s, two for each client: sockgatectl log has gaps",
            "LogRateLimitIntervalSec=0",
        )  # fmt: skip


def queue_short(gated: GatedService, _: Host) -> Iterator[Fault]:
    socket = gated.socket
    text = socket.value("Socket", "Backlog") if socket else ""
    if socket and text.isdigit() and int(text) < LEAST_BACKLOG:
        yield by_setting(
            socket, socket.place_of("Socket", "Backlog"),
            f"Backlog={text}: of more clients at once than that, the others wait a second or more to be heard",
            "Backlog=4096",
        )  # fmt: skip
