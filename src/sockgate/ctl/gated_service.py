"""The services of a machine that run a gate: their units, variables, command line and gate."""

import os
from dataclasses import dataclass, replace

from ..access.hosts_access import DIRECTORY
from ..connection import Gate
from ..core import ConfigError, GateError, UsageError
from ..core.options import GATE_OPTIONS, Option, Settings, parse
from ..dispatch.options import OPTIONS as RESIDENT_OPTIONS
from ..dispatch.options import parse as parse_resident
from ..dispatch.options import read_options
from ..units.command import Command, Variable, Word, parse_commands
from ..units.environment import Trouble, load_environment
from ..units.names import UnitName
from ..units.search import UnitSearch
from ..units.unit import Unit

HOSTS_ACCESS = "--hosts-access"
# The programs that are a gate, each with its options.
PER_CONNECTION, RESIDENT = "sockgate", "sockgated"
SETPRIV = "setpriv"
PROGRAMS: dict[str, tuple[Option, ...]] = {PER_CONNECTION: GATE_OPTIONS, RESIDENT: RESIDENT_OPTIONS}


@dataclass(frozen=True, slots=True)
class GatedService:
    """One service that runs a gate.

    socket       the socket unit that starts it, None if there is none
    service      its unit: NAME@.service for one gate per connection, NAME.service for a resident gate
    command      the ExecStart= that runs the gate
    variables    the variables with which the command line is expanded
    troubles     what is wrong with the variables
    words        the gate's arguments, expanded
    gate         the gate that they make; if None, `error` says why there is none
    files        the files from which the gate was read
    """

    socket: Unit | None
    service: Unit
    command: Command
    variables: dict[str, Variable]
    troubles: tuple[Trouble, ...]
    words: tuple[Word, ...]
    gate: Gate | None
    error: GateError | None
    files: tuple[str, ...]

    @property
    def program(self) -> str:
        return os.path.basename(self.command.program)

    @property
    def name(self) -> str:
        """The administrator's name for the service: its socket, or its own unit."""
        return self.socket.name if self.socket else self.service.name

    @property
    def is_template(self) -> bool:
        return self.service.unit_name.instance is not None


def gate_command(service: Unit) -> Command | None:
    """The command of this service that runs a gate, if there is one. Raises ConfigError for a broken line."""
    for assignment in service.list("Service", "ExecStart"):
        if any(program in assignment.value for program in PROGRAMS):
            try:
                commands = parse_commands(assignment, service.unit_name)
            except ValueError as error:
                raise ConfigError(f"{assignment.place}: systemd rejects this ExecStart=: {error}") from None
            for command in map(behind_setpriv, commands):
                if os.path.basename(command.program) in PROGRAMS:
                    return command
    return None


def behind_setpriv(command: Command) -> Command:
    """The command that setpriv starts, as in the units of `convert` for a user without further groups."""
    if os.path.basename(command.program) != SETPRIV or "--" not in command.words[:-1]:
        return command
    program, *words = command.words[command.words.index("--") + 1 :]
    return replace(command, program=program, words=tuple(words))


def load_gated(socket: Unit | None, service: Unit, search: UnitSearch) -> GatedService | None:
    """The service with all that its gate is made of. None if it runs no gate."""
    command = gate_command(service)
    if command is None:
        return None
    variables, troubles = load_environment(service, search)
    words = command.arguments(variables)
    gate, error = None, None
    try:
        gate = build_gate(os.path.basename(command.program), [word.text for word in words], search)
    except GateError as problem:
        error = problem
    files = tuple(file.removeprefix(search.root) for file in gate.files) if gate else ()
    return GatedService(socket, service, command, variables, tuple(troubles), tuple(words), gate, error, files)


def build_gate(program: str, words: list[str], search: UnitSearch) -> Gate:
    """The gate that the program itself would build from this command line and its files. Raises GateError."""
    return Gate(settings_in_root(settings_of(program, words), search))


def settings_of(program: str, words: list[str]) -> Settings:
    """What this program reads in a command line. Raises UsageError, also for a wrong value of an own option of it."""
    if program != RESIDENT:
        return parse(words)
    settings = parse_resident(words)
    read_options(settings)
    return settings


def settings_in_root(settings: Settings, search: UnitSearch) -> Settings:
    """The same options, with the files that they name taken from the system of this search."""
    table = tuple(settings.options.values())
    files = {option.name for option in table if option.metavar == "FILE"}
    texts = {
        name: [search.host_path(path) for path in found] if name in files else found
        for name, found in settings.texts.items()
    }
    if HOSTS_ACCESS in texts:
        daemon, _, folder = texts[HOSTS_ACCESS][0].partition(",")
        texts[HOSTS_ACCESS] = [f"{daemon},{search.host_path(folder or DIRECTORY)}"]
    there = Settings(texts, settings.command, table)
    there.program = settings.program
    return there


def gate_names(search: UnitSearch) -> list[str]:
    """The names by which `find_named` finds every gate of the machine: the socket if there is one, else the service."""
    names = []
    for name in search.names("service"):
        service = search.load(name)
        if service and runs_a_gate(service):
            names.append(known_by(service, search))
    return list(dict.fromkeys(filter(None, names)))


def runs_a_gate(service: Unit) -> bool:
    try:
        return gate_command(service) is not None
    except ConfigError:
        return True  # load_gated() reports what is wrong with it


def known_by(service: Unit, search: UnitSearch) -> str:
    """The socket of the same name. "" if that socket starts the other of NAME@.service and NAME.service."""
    prefix = service.unit_name.prefix
    socket = search.load(f"{prefix}.socket")
    if socket is None:
        return service.name
    started = search.load(service_of(socket))
    if started is None or runs_a_gate(started):
        return socket.name
    return "" if started.name in (f"{prefix}@.service", f"{prefix}.service") else service.name


def find_named(name: str, search: UnitSearch) -> GatedService:
    """The service behind one unit. For a socket, only the socket and its service are read.

    NAME may be NAME.socket, NAME@.service, an instance of it, or NAME.service. Raises ConfigError.
    """
    unit = parse_name(name)
    if unit.type == "service":
        service = require(unit.template or str(unit), search)
        socket = socket_of(service, search)
    else:
        socket = require(str(unit), search)
        service = require(service_of(socket), search, why_started(socket, search))
    gated = load_gated(socket, service, search)
    if gated is None:
        raise ConfigError(f"{service.name!r} does not run a gate", f"see its ExecStart= in {service.path}")
    return gated


def why_started(socket: Unit, search: UnitSearch) -> str:
    template = f"{socket.unit_name.prefix}@.service"
    if not socket.is_true("Socket", "Accept") and search.load(template):
        return f"{socket.name} starts it; with Accept=yes it starts {template}"
    return f"{socket.name} starts it"


def socket_of(service: Unit, search: UnitSearch) -> Unit | None:
    """The socket that starts a service. Most often it has the same name."""
    own = f"{service.unit_name.prefix}.socket"
    for name in (own, *search.names("socket")):
        socket = search.load(name)
        if socket and service_of(socket) == service.name:
            return socket
    return None


def parse_name(name: str) -> UnitName:
    try:
        unit = UnitName.parse(name if name.endswith((".socket", ".service")) else f"{name}.socket")
    except ValueError as error:
        raise UsageError(str(error)) from None
    return unit


def require(name: str, search: UnitSearch, why: str = "") -> Unit:
    unit = search.load(name)
    if unit is None:
        raise ConfigError(f"there is no unit {name!r}, or it is masked", why)
    return unit


def service_of(socket: Unit) -> str:
    """The unit that a socket starts: NAME@.service with Accept=yes, else Service= or NAME.service."""
    prefix = socket.unit_name.prefix
    if socket.is_true("Socket", "Accept"):
        return f"{prefix}@.service"
    return socket.value("Socket", "Service", f"{prefix}.service")
