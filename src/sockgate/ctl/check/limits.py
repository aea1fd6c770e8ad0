"""Inspections of the limits of the service: memory, processes, records, clients that wait."""

from collections.abc import Iterator

from ...core.numbers import natural
from ...dispatch.options import parse, read_limits, read_options, read_process
from ...dispatch.processes import OWN_SUBGROUP
from ...dispatch.session_groups import CONTROLLERS, SUBGROUP_SINCE
from ...host.host import Host
from ...units.timespan import parse_timespan
from ...units.unit import FALSE, TRUE, Unit
from ..gated_service import GatedService
from .cost import Cost, cost_of
from .fault import ZERO, Fault, Setting, by_setting
from .service import ROOT, is_resident

MEGABYTE = 1 << 20
SUFFIXES = {"": 1, "K": 1 << 10, "M": MEGABYTE, "G": 1 << 30, "T": 1 << 40}
# What Python itself needs, and some room. (In a test it did not start with 12 MB of address space.)
LEAST = {"LimitAS": 24 * MEGABYTE, "LimitDATA": 16 * MEGABYTE, "MemoryMax": 16 * MEGABYTE, "MemoryHigh": 16 * MEGABYTE}
ENOUGH = 64 * MEGABYTE
OWN_PROCESSES = 2  # the gate itself and its guardian
OWN_DESCRIPTORS = 64  # of the gate, and of clients that wait for a look-up
DEFAULT_DESCRIPTORS = "1024"  # the soft limit that systemd sets (DefaultLimitNOFILE= in systemd-system.conf(5))
KILL = "CAP_KILL"
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
                (key, f"{-(-max(needed, ENOUGH) // MEGABYTE)}M"),
            )  # fmt: skip
            yield problem._replace(hint=problem.hint + option)


def parse_size(text: str) -> int | None:
    """The bytes of `64M` or `8M:16M` (soft and hard). None for no limit, or if the limit is not a number of bytes."""
    digits = text.partition(":")[0].rstrip("KMGTB")
    suffix = text.partition(":")[0][len(digits) :].removesuffix("B")
    number = natural(digits, 19)
    return None if number is None or suffix not in SUFFIXES else number * SUFFIXES[suffix]


def processes_short(gated: GatedService, _: Host) -> Iterator[Fault]:
    """A limit of processes that is too low. Every session of a resident gate is at least one process of its unit."""
    text = gated.service.value("Service", "TasksMax")
    most = natural(text)
    if not is_resident(gated) or gated.error or most is None:
        return
    limits = read_limits(parse([word.text for word in gated.words]))
    if most < limits.connections + OWN_PROCESSES:
        yield by_setting(
            gated.service, gated.service.place_of("Service", "TasksMax"),
            f"TasksMax={text} is too little for {limits.connections} clients at a time (--max-connections)",
            ("TasksMax", f"{4 * limits.connections + OWN_PROCESSES}"),
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
            ("TimeoutStopSec", f"{drain + STOP_MARGIN}s"),
        )  # fmt: skip


def signals_forbidden(gated: GatedService, _: Host) -> Iterator[Fault]:
    """A gate that is to end sessions, but may not send a signal to a server that has become another user."""
    service = gated.service
    kept = [line.value for line in service.list("Service", "CapabilityBoundingSet")]
    if not is_resident(gated) or gated.error or not kept or kept[0].startswith("~"):
        return
    lifetimes = read_options(parse([word.text for word in gated.words])).lifetimes
    changes_user = service.value("Service", "User") in ROOT and "CAP_SETUID" in " ".join(kept).split()
    if (lifetimes.session or lifetimes.idle) and changes_user and KILL not in " ".join(kept).split():
        option = "--session-timeout" if lifetimes.session else "--idle-timeout"
        yield by_setting(
            service, service.place_of("Service", "CapabilityBoundingSet"),
            f"{option} cannot end a server that becomes another user: CapabilityBoundingSet= is without {KILL}",
            ("CapabilityBoundingSet", KILL),
        )  # fmt: skip


def descriptors_short(gated: GatedService, _: Host) -> Iterator[Fault]:
    """--idle-timeout keeps a descriptor for each session."""
    own = gated.service.value("Service", "LimitNOFILE")
    text = (own or DEFAULT_DESCRIPTORS).partition(":")[0]
    most = natural(text)
    if not is_resident(gated) or gated.error or most is None:
        return
    options = read_options(parse([word.text for word in gated.words]))
    if options.lifetimes.idle and most < options.limits.connections + OWN_DESCRIPTORS:
        yield by_setting(
            gated.service, gated.service.place_of("Service", "LimitNOFILE") if own else None,
            f"--idle-timeout keeps a descriptor for each client: {text} are too few for {options.limits.connections}"
            " clients at a time (--max-connections)",
            ("LimitNOFILE", f"{options.limits.connections + 2 * OWN_DESCRIPTORS}"),
        )  # fmt: skip


def groups_withheld(gated: GatedService, host: Host) -> Iterator[Fault]:
    """A gate that gives each session a control group, and has no control of them. It refuses every client."""
    service = gated.service
    if not is_resident(gated) or gated.error:
        return
    settings = parse([word.text for word in gated.words])
    needed = {option: controller for option, controller in CONTROLLERS.items() if option in settings}
    mends = list(mends_for_groups(service, list(needed.values()), host)) if needed else []
    if mends:
        needs = "needs" if len(needed) == 1 else "need"
        yield by_setting(
            service, None, f"{' and '.join(needed)} {needs} control of the service's control group", *mends
        )


def mends_for_groups(service: Unit, controllers: list[str], host: Host) -> Iterator[Setting]:
    if not delegated(service).issuperset(controllers):
        yield "Delegate", " ".join(controllers)
    if host.systemd_version >= SUBGROUP_SINCE and service.value("Service", "DelegateSubgroup") != OWN_SUBGROUP:
        yield "DelegateSubgroup", OWN_SUBGROUP
    if service.value("Service", "ProtectControlGroups", FALSE[0]) not in FALSE:
        yield "ProtectControlGroups", "no"


def delegated(service: Unit) -> set[str]:
    """The controllers that systemd leaves to the gate. A list adds to those before, `no` takes all away."""
    given: set[str] = set()
    for line in service.list("Service", "Delegate"):
        given = set() if line.value in FALSE else given.union(line.value.split())
        if line.value in TRUE:
            given.update(CONTROLLERS.values())
    return given


def records_dropped(gated: GatedService, _: Host) -> Iterator[Fault]:
    service = gated.service
    values = [service.value("Service", key) for key in ("LogRateLimitIntervalSec", "LogRateLimitBurst")]
    if is_resident(gated) and not any(ZERO.match(value) for value in values):
        yield by_setting(
            service, service.place_of("Service", "LogRateLimitIntervalSec") if values[0] else None,
            "the journal drops what is more than 10,000 records in 30 s, two for each client: sockgatectl log has gaps",
            ("LogRateLimitIntervalSec", "0"),
        )  # fmt: skip


def queue_short(gated: GatedService, _: Host) -> Iterator[Fault]:
    socket = gated.socket
    text = socket.value("Socket", "Backlog") if socket else ""
    length = natural(text)
    if socket and length is not None and length < LEAST_BACKLOG:
        yield by_setting(
            socket, socket.place_of("Socket", "Backlog"),
            f"Backlog={text}: of more clients at once than that, the others wait a second or more to be heard",
            ("Backlog", "4096"),
        )  # fmt: skip
