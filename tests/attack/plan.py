"""What an attack does, and when: all of it follows from the seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

SOURCES = tuple(f"10.9.0.{number}" for number in range(1, 33))
DENY, ALLOW, RELAY = "deny", "allow", "relay"

# What a process can be told by the kernel where it did nothing wrong: system call, errors.
ERRORS = (
    ("accept4", ("EMFILE", "ENFILE", "ENOMEM", "ECONNABORTED", "EPERM", "ENOBUFS", "EPROTO")),
    ("openat", ("EMFILE", "ENFILE", "ENOMEM", "EIO", "EACCES", "ELOOP")),
    ("newfstatat", ("EIO", "ENOMEM", "EACCES")),
    ("write", ("EIO", "ENOSPC", "EAGAIN", "EPIPE")),
    ("sendmsg", ("ENOBUFS", "ECONNREFUSED", "EAGAIN", "ENOENT", "ENOTCONN")),
    ("sendto", ("ENOBUFS", "ECONNREFUSED", "EAGAIN", "ENOENT", "ENOTCONN")),
    ("connect", ("ECONNREFUSED", "ENOENT", "EAGAIN")),
    ("vfork", ("EAGAIN", "ENOMEM")),
    ("clone", ("EAGAIN", "ENOMEM")),
    ("clone3", ("EAGAIN", "ENOMEM")),
    ("socketpair", ("EMFILE", "ENFILE", "ENOBUFS")),
    ("mmap", ("ENOMEM",)),
)
# With these the gate cannot tell who a client is: it has left, as far as the kernel says. The gate refuses it.
OF_ONE_CLIENT = (("getpeername", ("ENOTCONN",)), ("fcntl", ("EMFILE",)))
PATTERNS = ("1", "2", "1..3", "2+2", "1+3", "1+", "3..20")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, in seconds after the start."""

    at: float
    lasts: float
    kind: str
    argument: str = ""

    @property
    def end(self) -> float:
        return self.at + self.lasts

    def __str__(self) -> str:
        return f"{self.at:8.3f} s, {self.lasts:.3f} s long: {self.kind} {self.argument}".rstrip()


# How often each comes, by weight.
KINDS = {
    "inject": 12,  # system calls of the gate fail (strace -e inject)
    "inject-guardian": 1,
    "few-descriptors": 3,  # RLIMIT_NOFILE at what is open
    "no-processes": 3,  # RLIMIT_NPROC
    "little-memory": 2,  # RLIMIT_AS at what is mapped
    "stop-gate": 2,
    "stop-guardian": 1,
    "kill-gate": 4,
    "kill-guardian": 3,
    "kill-helper": 4,  # the child that waits for what a client has not sent yet
    "hangup": 2,  # SIGHUP
    "stray-signal": 2,  # to the gate or its guardian
    "log-stalls": 2,
    "log-gone": 2,
    "notify-gone": 2,
    "notify-stalls": 1,
    "swap-fast": 2,  # a new file every few milliseconds
}
# The gate is ended by SIGUSR1, as most programs are; its guardian waits for a signal of that name.
SIGNALS = {"gate": ("WINCH", "CHLD", "PIPE", "CONT"), "guardian": ("USR1", "USR2", "WINCH", "CHLD", "PIPE", "CONT")}


def faults(seed: int, seconds: float) -> list[Fault]:
    """One after the other, with a little quiet between them; the last seconds are quiet."""
    chance = random.Random(f"faults {seed}")
    found: list[Fault] = []
    at = 1.0
    while at < seconds - 4:
        kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
        fault = Fault(round(at, 3), round(length(kind, chance), 3), kind, argument(kind, chance))
        found.append(fault)
        at = fault.end + chance.uniform(0.05, 0.6)
    return found


def length(kind: str, chance: random.Random) -> float:
    if kind in ("hangup", "kill-gate", "kill-guardian", "kill-helper", "stray-signal"):
        return 0.0
    return chance.uniform(0.1, 1.2)


def argument(kind: str, chance: random.Random) -> str:
    if kind in ("inject", "inject-guardian"):
        return injection(chance)
    if kind == "stray-signal":
        whose = chance.choice(list(SIGNALS))
        return f"{whose} {chance.choice(SIGNALS[whose])}"
    return ""


def injection(chance: random.Random) -> str:
    """As strace's `-e inject=` has it."""
    call, errors = chance.choice(ERRORS if chance.random() < 0.85 else OF_ONE_CLIENT)
    return f"{call}:error={chance.choice(errors)}:when={chance.choice(PATTERNS)}"


def is_of_one_client(fault: Fault) -> bool:
    return any(fault.argument.startswith(f"{call}:") for call, _ in OF_ONE_CLIENT)


@dataclass(frozen=True, slots=True)
class Swap:
    """The rules file becomes that of another generation.

    how     rename: a new file takes its name; link: a symbolic link does; broken, missing: there are no good rules;
            zone: the rules stay, and the time zone moves out of --access-times, or back
    policy  what becomes of each source
    """

    at: float
    generation: int
    how: str
    policy: dict[str, str]

    def text(self) -> str:
        if self.how == "broken":
            return "10.9.0.1:allow\n10.9.0.2 this is no rule\n"
        lines = [f"# generation {self.generation}"]
        for source, outcome in self.policy.items():
            relay = ',RELAYCLIENT=""' if outcome == RELAY else ""
            lines.append(f"{source}:deny" if outcome == DENY else f'{source}:allow,GEN="{self.generation}"{relay}')
        return "\n".join([*lines, ":deny", ""])

    @property
    def is_good(self) -> bool:
        return self.how in ("rename", "link")


def swaps(seed: int, seconds: float, *, zones: bool = False) -> Iterator[Swap]:
    """The first is there from the start, and good; so is the last, some seconds before the end."""
    chance = random.Random(f"swaps {seed}")
    at, generation = 0.0, 0
    ways, weights = ("rename", "link", "broken", "missing", "zone"), (6, 3, 1, 1, 6 if zones else 0)
    while at < seconds - 4:
        how = chance.choices(ways, weights)[0] if generation else "rename"
        yield Swap(round(at, 3), generation, how, policy(chance))
        at += chance.uniform(0.1, 1.5)
        generation += 1
    yield Swap(seconds - 4, generation, "rename", policy(chance))


def policy(chance: random.Random) -> dict[str, str]:
    return {source: chance.choice((DENY, DENY, ALLOW, RELAY)) for source in SOURCES}
