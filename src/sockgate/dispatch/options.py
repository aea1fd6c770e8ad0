"""sockgated's own options, which stand beside the gate's on its command line, and what they mean."""

from dataclasses import dataclass

from ..core.errors import UsageError
from ..core.options import GATE_OPTIONS, MANY, ONCE, Option, Settings
from ..core.verdict import Cause

LIMIT_OPTIONS = (
    Option("--max-connections", "N", ONCE, "limits", "serve this many clients at a time (40)"),
    Option("--at-limit", "wait|refuse", ONCE, "limits", "at that limit, leave clients in the queue or refuse them"),
    Option("--max-per-source", "N", ONCE, "limits", "of which this many from one source"),
    Option("--source-prefix", "V4,V6", ONCE, "limits", "what one source is, in bits of an address (32,64)"),
    Option("--max-per-network", "N", ONCE, "limits", "of which this many from one /24 or one IPv6 /48"),
    Option("--rate", "N/SECONDS", ONCE, "limits", "above N clients per second on average, pause for SECONDS"),
    Option("--listen", "ADDR:PORT", MANY, "process", "listen here, or on a path, without systemd's sockets"),
    Option("--log-format", "journal|xinetd|tcpserver", ONCE, "process", "whose log lines to write"),
    Option("--idle-exit", "SECONDS", ONCE, "process", "exit after so long without a client: systemd keeps the port"),
    Option("--drain", "SECONDS", ONCE, "process", "when told to stop, wait so long for running sessions (0)"),
)
OPTIONS = GATE_OPTIONS + LIMIT_OPTIONS
LOG_FORMATS = ("journal", "xinetd", "tcpserver")
LARGEST = 1_000_000
DEFAULT_CONNECTIONS = 40  # as tcpserver and couriertcpd
DEFAULT_SOURCE_PREFIX = (32, 64)
NETWORK_PREFIX = (24, 48)


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
    rate: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """How this process listens, logs and ends; times in seconds."""

    listen: tuple[str, ...] = ()
    log_format: str = LOG_FORMATS[0]
    idle_exit: int | None = None
    drain: int = 0


@dataclass(frozen=True, slots=True)
class ResidentOptions:
    """All of sockgated's own."""

    limits: Limits = Limits()
    process: Process = Process()


def read_options(settings: Settings) -> ResidentOptions:
    """Raises UsageError."""
    return ResidentOptions(read_limits(settings), read_process(settings))


def read_limits(settings: Settings) -> Limits:
    """Raises UsageError."""
    return Limits(
        connections=number(settings, "--max-connections") or DEFAULT_CONNECTIONS,
        refuse=choice(settings, "--at-limit", ("wait", "refuse")) == "refuse",
        per_source=number(settings, "--max-per-source"),
        source_prefix=pair(settings, "--source-prefix", ",", (32, 128)) or DEFAULT_SOURCE_PREFIX,
        per_network=number(settings, "--max-per-network"),
        rate=pair(settings, "--rate", "/", (LARGEST, LARGEST)),
    )


def read_process(settings: Settings) -> Process:
    """Raises UsageError."""
    return Process(
        listen=tuple(settings.many("--listen")),
        log_format=choice(settings, "--log-format", LOG_FORMATS),
        idle_exit=number(settings, "--idle-exit"),
        drain=number(settings, "--drain", least=0) or 0,
    )


def number(settings: Settings, option: str, least: int = 1) -> int | None:
    if option not in settings:
        return None
    return whole_number(settings.one(option), option, least, LARGEST)


def choice(settings: Settings, option: str, choices: tuple[str, ...]) -> str:
    """One of the words, the first if the option is not given."""
    word = settings.one(option, choices[0])
    if word not in choices:
        raise UsageError(f"{option}: {word!r} is none of: {' '.join(choices)}", cause=Cause(option, word))
    return word


def pair(settings: Settings, option: str, separator: str, most: tuple[int, int]) -> tuple[int, int] | None:
    if option not in settings:
        return None
    text = settings.one(option)
    first, found, second = text.partition(separator)
    if not found:
        message = f"{option}: {text!r} is not two numbers with {separator!r} between them"
        raise UsageError(message, cause=Cause(option, text))
    return whole_number(first, option, 1, most[0]), whole_number(second, option, 1, most[1])


def whole_number(text: str, option: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        message = f"{option}: {text!r} is not a whole number from {least} to {most}"
        raise UsageError(message, cause=Cause(option, text))
    return int(text)
