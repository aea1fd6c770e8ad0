"""A service while its attributes are being read."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ...host.host import Host
from ...units import model as unit
from ..directives import Directives
from ..input_files import Place
from ..outcomes import Answer
from ..report import Outcome
from .grammar import Setting


@dataclass(frozen=True, slots=True)
class Value:
    """The final value of an attribute, and the lines that made it.

    words      the values
    settings   the lines, in order; from defaults if `inherited`
    replaced   earlier lines of the same block that a later `=` replaced; xinetd checks their words, too
    has_other  whether another value, in a further line or from defaults, counts if xinetd cannot use this one
    """

    name: str
    words: tuple[str, ...]
    settings: tuple[Setting, ...]
    inherited: bool = False
    replaced: tuple[Setting, ...] = ()
    has_other: bool = False

    @property
    def checked(self) -> Iterator[str]:
        """All words that xinetd checks, also those that do not count in the end. One bad word disables the service."""
        return (word for setting in (*self.replaced, *self.settings) for word in setting.values)

    @property
    def word(self) -> str:
        """The value of an attribute that takes exactly one."""
        return self.words[0]

    @property
    def place(self) -> Place:
        return self.settings[-1].place

    @property
    def written(self) -> str:
        text = "; ".join(str(setting) for setting in self.settings)
        return f"{text} (from defaults)" if self.inherited else text


def invalid(text: str) -> Answer:
    """The answer about a value that xinetd cannot use. xinetd drops the whole service, so nothing is converted."""
    return Answer(Outcome.IGNORED, text, blocks=True)


def is_invalid(answer: Answer) -> bool:
    return answer.blocks and answer.outcome is Outcome.IGNORED


def with_consequence(answer: Answer) -> Answer:
    """The answer about a value in a service. If xinetd cannot use the value, the text says what xinetd does."""
    return replace(answer, text=f"{answer.text}; xinetd drops the service") if is_invalid(answer) else answer


@dataclass(slots=True)
class Draft:
    """What the handlers know about a service so far. They run in the order of the table in `attributes`."""

    id: str
    name: str
    place: Place
    host: Host
    types: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    flags_line: int = 0
    socket_type: str = ""
    protocol: str = ""
    wait: bool | None = None
    port: int | None = None
    address: str = ""
    ipv6_only: str = "both"
    redirect: tuple[str, str] | None = None
    user: str = ""
    uid: int | None = None
    group: str = ""
    all_groups: bool = False
    clear_groups: bool = False
    server: str = ""
    arguments: tuple[str, ...] = ()
    libwrap: str = ""
    counts_traffic: bool = False
    logs: dict[str, frozenset[str]] = field(default_factory=dict)  # the words of log_on_success and log_on_failure
    log_file: str = ""
    limits: list[tuple[str, str]] = field(default_factory=list)
    environment: list[tuple[str, str]] = field(default_factory=list)
    pass_env: tuple[str, ...] | None = None
    wants_remote_host: str = ""  # the attribute that names it
    notes: list[tuple[str, Answer]] = field(default_factory=list)
    access: list[tuple[str, str]] = field(default_factory=list)
    gate: list[tuple[str, str | None]] = field(default_factory=list)
    needs_gate: bool = False
    socket: Directives = field(default_factory=Directives)
    directives: Directives = field(default_factory=Directives)
    max_connections: int | None = None
    max_per_source: int | None = None
    rate: int = 50
    pause: int = 10
    resident: list[tuple[str, str]] = field(default_factory=list)
    for_resident: list[str] = field(default_factory=list)

    @property
    def is_internal(self) -> bool:
        return "INTERNAL" in self.types

    @property
    def is_unlisted(self) -> bool:
        return "UNLISTED" in self.types

    def note(self, what: str, answer: Answer) -> None:
        """Add an answer about a part of the present value."""
        self.notes.append((what, answer))

    def set(self, key: str, value: unit.Value) -> unit.Directive:
        """Set a directive of [Service]."""
        return self.directives.set(key, value)

    def set_socket(self, key: str, value: str) -> unit.Directive:
        """Set a directive of [Socket]."""
        return self.socket.set(key, value)

    def restrict(self, option: str, value: str) -> str:
        """Set an access option of the gate. Returns its text for the report."""
        self.access.append((option, value))
        return f"{option} {value}"
