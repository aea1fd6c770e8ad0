"""sockgated's own options. They stand on its command line together with the gate's options."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..connection import make_log_choice
from ..connection.log_choice import LogChoice
from ..core import Cause, UsageError
from ..core.numbers import natural
from ..core.options import FLAG, GATE_OPTIONS, MANY, ONCE, Option, Settings
from ..core.options import parse as parse_words

LOG_FORMATS = ("journal", "xinetd", "tcpserver")
AT_LIMIT = ("wait", "refuse")
LEFTOVERS = ("end", "keep")
LARGEST = 1_000_000
SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
LEAST_SIZE, LARGEST_SIZE = 1 << 20, 1 << 40
DEFAULT_CONNECTIONS = 40  # as tcpserver and couriertcpd
DEFAULT_SOURCE_PREFIX = (32, 64)
DEFAULT_NETWORK_PREFIX = (24, 48)


def count(text: str, option: str) -> int:
    return whole_number(text, option, 1, LARGEST)


def count_or_none(text: str, option: str) -> int:
    return whole_number(text, option, 0, LARGEST)


def at_limit(text: str, option: str) -> str:
    return choice(text, option, AT_LIMIT)


def leftovers(text: str, option: str) -> str:
    return choice(text, option, LEFTOVERS)


def log_format(text: str, option: str) -> str:
    return choice(text, option, LOG_FORMATS)


def prefixes(text: str, option: str) -> tuple[int, int]:
    return pair(text, option, ",", (32, 128))


def rate(text: str, option: str) -> tuple[int, int]:
    return pair(text, option, "/", (LARGEST, LARGEST))


def cps(text: str, option: str) -> tuple[int, int]:
    return pair(text, option, "/", (LARGEST, LARGEST), least=0)


def rate_per_source(text: str, option: str) -> tuple[int, int, int]:
    """N/SECONDS or N/SECONDS,BLOCK. The third number is 0 without a block."""
    limit, comma, block = text.partition(",")
    return (*rate(limit, option), count(block, option) if comma else 0)


def per_minute(text: str, option: str) -> tuple[int, int]:
    """N or N/SECONDS."""
    return rate(text, option) if "/" in text else (count(text, option), 0)


def size(text: str, option: str) -> int:
    """A number of bytes, with one of systemd's suffixes. Raises UsageError."""
    digits, suffix = (text[:-1], text[-1]) if text[-1:] in SUFFIXES else (text, "")
    number = (natural(digits, 13) or 0) * SUFFIXES.get(suffix, 1)
    if not LEAST_SIZE <= number <= LARGEST_SIZE:
        message = f"{option}: {text!r} is not a number of bytes from 1M to 1T, such as 64M"
        raise UsageError(message, cause=Cause(option, text))
    return number


def size_text(number: int) -> str:
    """The shortest form of a number of bytes: 64M."""
    suffix = next((suffix for suffix in reversed(SUFFIXES) if number % SUFFIXES[suffix] == 0), "")
    return f"{number // SUFFIXES.get(suffix, 1)}{suffix}"


def choice(word: str, option: str, choices: tuple[str, ...]) -> str:
    """One of these words. Raises UsageError."""
    if word not in choices:
        raise UsageError(f"{option}: {word!r} is none of: {' '.join(choices)}", cause=Cause(option, word))
    return word


def pair(text: str, option: str, separator: str, most: tuple[int, int], least: int = 1) -> tuple[int, int]:
    """Two numbers. `least` is that of the second. Raises UsageError."""
    first, found, second = text.partition(separator)
    if not found:
        message = f"{option}: {text!r} is not two numbers with {separator!r} between them"
        raise UsageError(message, cause=Cause(option, text))
    return whole_number(first, option, 1, most[0]), whole_number(second, option, least, most[1])


def whole_number(text: str, option: str, least: int, most: int) -> int:
    """Raises UsageError."""
    number = natural(text)
    if number is None or not least <= number <= most:
        message = f"{option}: {text!r} is not a whole number from {least} to {most}"
        raise UsageError(message, cause=Cause(option, text))
    return number


LIMIT_OPTIONS = (
    Option(
        "--max-connections N", ONCE, "limits", "serve this many clients at a time (40)", count, DEFAULT_CONNECTIONS
    ),
    Option(
        "--at-limit wait|refuse", ONCE, "limits", "at that limit, leave clients in the queue or refuse them",
        at_limit, "wait",
    ),
    Option("--max-per-source N", ONCE, "limits", "of which this many from one source", count),
    Option(
        "--source-prefix V4,V6", ONCE, "limits", "what one source is, in bits of an address (32,64)", prefixes,
        DEFAULT_SOURCE_PREFIX,
    ),
    Option("--max-per-network N", ONCE, "limits", "of which this many from one network, a /24 or an IPv6 /48", count),
    Option(
        "--network-prefix V4,V6", ONCE, "limits", "what one network is, in bits of an address (24,48)", prefixes,
        DEFAULT_NETWORK_PREFIX,
    ),
    Option("--rate N/SECONDS", ONCE, "limits", "above N clients per second on average, pause for SECONDS", rate),
    Option("--cps N/SECONDS", ONCE, "limits", "the same, counted as xinetd counts", cps),
    Option(
        "--max-per-minute N[/SECONDS]", ONCE, "limits", "above N clients in a minute, pause to its end or for SECONDS",
        per_minute,
    ),
    Option(
        "--rate-per-source N/SECONDS[,BLOCK]", ONCE, "limits",
        "refuse a source that comes more than N times in SECONDS, for BLOCK seconds", rate_per_source,
    ),
    Option("--session-timeout SECONDS", ONCE, "limits", "end a session that lasts so long", count),
    Option("--idle-timeout SECONDS", ONCE, "limits", "end a session in which so long no byte went either way", count),
    Option(
        "--leftovers end|keep", ONCE, "limits", "end what servers leave behind, or keep and count it", leftovers
    ),
    Option(
        "--session-memory SIZE", ONCE, "limits", "end a session if its processes need more memory, such as 64M", size
    ),
    Option("--session-tasks N", ONCE, "limits", "let a session have so many processes and threads", count),
    Option("--listen ADDR:PORT", MANY, "process", "listen here, or on a path, without systemd's sockets", default=()),
    Option("--log-format journal|xinetd|tcpserver", ONCE, "process", "form of its log lines", log_format, "journal"),
    Option(
        "--log-usage", FLAG, "process", "record the CPU time of each session, and with limits its peak of memory",
        default=False,
    ),
    Option(
        "--idle-exit SECONDS", ONCE, "process", "exit after so long without a client: systemd keeps the port", count
    ),
    Option(
        "--drain SECONDS", ONCE, "process", "when told to stop, wait so long for running sessions (0)", count_or_none,
        0,
    ),
)  # fmt: skip
OPTIONS = GATE_OPTIONS + LIMIT_OPTIONS


class ResidentSettings(Settings):
    """A command line of sockgated: the gate's options and its own."""

    program = "sockgated"

    if TYPE_CHECKING:
        max_connections: int
        at_limit: str
        max_per_source: int | None
        source_prefix: tuple[int, int]
        max_per_network: int | None
        network_prefix: tuple[int, int]
        rate: tuple[int, int] | None
        cps: tuple[int, int] | None
        max_per_minute: tuple[int, int] | None
        rate_per_source: tuple[int, int, int] | None
        session_timeout: int | None
        idle_timeout: int | None
        leftovers: str | None
        session_memory: int | None
        session_tasks: int | None
        listen: list[str]
        log_format: str
        log_usage: bool
        idle_exit: int | None
        drain: int


def parse(words: list[str]) -> ResidentSettings:
    """Raises UsageError."""
    settings = parse_words(words, OPTIONS, ResidentSettings.program)
    return ResidentSettings(settings.texts, settings.command, OPTIONS)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many clients at a time, and how fast.

    None means no limit. A prefix is in bits of an address: (IPv4, IPv6).
    """

    connections: int = DEFAULT_CONNECTIONS
    refuse: bool = False
    per_source: int | None = None
    source_prefix: tuple[int, int] = DEFAULT_SOURCE_PREFIX
    per_network: int | None = None
    network_prefix: tuple[int, int] = DEFAULT_NETWORK_PREFIX
    rate: tuple[int, int] | None = None
    cps: tuple[int, int] | None = None
    per_minute: tuple[int, int] | None = None
    rate_per_source: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """How this process listens, logs and ends. Times are in seconds. `log_choice` is None for all records."""

    listen: tuple[str, ...] = ()
    log_format: str = LOG_FORMATS[0]
    idle_exit: int | None = None
    drain: int = 0
    log_choice: LogChoice | None = None
    log_usage: bool = False


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a session may last, and how long no byte may go either way in it, in seconds. None means no limit.

    leftovers  what becomes of what servers leave behind; None if the gate does not look for it
    """

    session: int | None = None
    idle: int | None = None
    leftovers: str | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits for all processes of one session. None means no limit.

    memory  in bytes
    tasks   processes and threads
    """

    memory: int | None = None
    tasks: int | None = None


@dataclass(frozen=True, slots=True)
class ResidentOptions:
    """All of sockgated's own options."""

    limits: Limits = Limits()
    process: Process = Process()
    lifetimes: Lifetimes = Lifetimes()
    bounds: Bounds = Bounds()


def read_options(settings: ResidentSettings) -> ResidentOptions:
    """Raises UsageError."""
    lifetimes = Lifetimes(settings.session_timeout, settings.idle_timeout, settings.leftovers)
    bounds = Bounds(settings.session_memory, settings.session_tasks)
    return ResidentOptions(read_limits(settings), read_process(settings), lifetimes, bounds)


def read_limits(settings: ResidentSettings) -> Limits:
    """Raises UsageError."""
    return Limits(
        connections=settings.max_connections,
        refuse=settings.at_limit == "refuse",
        per_source=settings.max_per_source,
        source_prefix=settings.source_prefix,
        per_network=settings.max_per_network,
        network_prefix=settings.network_prefix,
        rate=settings.rate,
        cps=settings.cps,
        per_minute=settings.max_per_minute,
        rate_per_source=settings.rate_per_source,
    )


def read_process(settings: ResidentSettings) -> Process:
    """Raises UsageError."""
    return Process(
        listen=tuple(settings.listen),
        log_format=settings.log_format,
        idle_exit=settings.idle_exit,
        drain=settings.drain,
        log_choice=make_log_choice(settings),
        log_usage=settings.log_usage,
    )
