"""The gated services of this machine, and how each of them is doing."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...connection.log_choice import KINDS
from ...core import GateError, SystemFailure
from ...core.numbers import natural
from ...core.peer import pack
from ...dispatch.options import parse, read_limits
from ...host.systemctl import Properties, client_of, instances, processes_in, read, show
from ...journal.connection import MICROSECONDS, Connection
from ...journal.reader import printable
from ...journal.senders import GateUnit, Senders
from ...units.names import UnitName
from ...units.search import UnitSearch
from ..check.finding import Finding
from ..check.table import ERROR
from ..gated_service import GatedService, find_named, gate_names
from ..senders import of_gated, senders_of
from .tally import Tally

NOT_COUNTED = str((1 << 64) - 1)  # so systemctl shows bytes that are not counted; newer versions show [no data]
MOST_DIGITS = 20  # of a number of 64 bits
EVERYTHING = frozenset(KINDS)
CLIENT_VARIABLES = (b"TCPREMOTEIP=", b"TCPREMOTEPORT=")


@dataclass(slots=True)
class ServiceState:
    """One gated service: what its units say, and what systemd and the journal know of it now.

    socket      the unit that listens, or the resident service itself if it has none
    gate        the sender of its records; `senders` has all of the machine
    engine      sockgate: a process of its own for each connection; sockgated: one gate for all
    state       of the socket: listening, dead, failed, ...
    result      why the socket failed
    since       when the socket began to listen, in microseconds since 1970; None if it does not listen
    clients     the clients that are connected now, counted by source
    limit       of clients, 0 if unknown
    per_source  limit of clients from one source, 0 for none
    dropped     clients that systemd turned away at its own limits
    traffic     bytes from and to the clients, with IPAccounting=yes in the socket; None if they are not counted
    recorded    the kinds of records that the gate writes (--log); of other clients the journal has no count
    uncounted   why the journal could not be asked for the rest
    findings    what `sockgatectl check` has to say about it
    """

    name: str
    socket: str
    unit: str
    engine: str
    gate: GateUnit
    senders: Senders
    error: str = ""
    state: str = ""
    result: str = ""
    enabled: bool = False
    listen: list[str] = field(default_factory=list)
    since: int | None = None
    clients: Counter[str] = field(default_factory=Counter)
    limit: int = 0
    per_source: int = 0
    dropped: int = 0
    traffic: tuple[int, int] | None = None
    recorded: frozenset[str] = EVERYTHING
    uncounted: str = ""
    findings: list[Finding] = field(default_factory=list)
    said: str = ""
    tally: Tally | None = None
    last: list[Connection] = field(default_factory=list)

    @property
    def accepted(self) -> int | None:
        """The number of clients that were let in; None if nothing tells it."""
        return self.tally.accepted if self.tally and "accepted" in self.recorded else None

    @property
    def refused(self) -> Counter[str] | None:
        """The number of clients that were refused, by cause; None if nothing tells it."""
        return self.tally.refused if self.tally and "refused" in self.recorded else None

    @property
    def connected(self) -> int:
        return self.clients.total()

    @property
    def used(self) -> bool:
        return self.enabled or self.state not in ("dead", "")

    @property
    def listening(self) -> bool:
        return self.since is not None

    @property
    def serves(self) -> bool:
        """Whether a client that comes now is served. A socket goes on to listen when its service cannot start."""
        return self.listening and not self.error and all(finding.level != ERROR for finding in self.findings)

    @property
    def resident(self) -> bool:
        return self.engine == "sockgated"


def find_services(names: Iterable[str], search: UnitSearch) -> list[ServiceState]:
    """The services with these names, or all of the machine. Raises GateError for a name that no service has."""
    senders = senders_of(search)
    if wanted := list(names):
        return [describe(find_named(name, search), senders) for name in wanted]
    found = []
    for name in gate_names(search):
        try:
            found.append(describe(find_named(name, search), senders))
        except GateError as error:
            prefix = UnitName.parse(name).prefix
            gate = GateUnit(prefix, prefix)
            found.append(ServiceState(prefix, name, name, "", gate, senders, error=str(error)))
    return found


def describe(gated: GatedService, senders: Senders) -> ServiceState:
    """The state of a service, as far as its units tell it."""
    name = gated.service.unit_name.prefix
    service = ServiceState(
        name=name, socket=gated.name, unit=gated.service.name, engine=gated.program, gate=of_gated(gated),
        senders=senders, error=str(gated.error or ""),
    )  # fmt: skip
    if gated.gate and gated.gate.log_choice:
        service.recorded = gated.gate.log_choice.kinds
    if service.resident and not gated.error:
        limits = read_limits(parse([word.text for word in gated.words]))
        service.limit, service.per_source = limits.connections, limits.per_source or 0
    return service


def refresh(services: list[ServiceState]) -> None:
    """Ask systemd and the journal again for all that changes while the services run. Raises SystemFailure."""
    units = [unit for service in services for unit in dict.fromkeys((service.socket, service.unit)) if "@." not in unit]
    shown = show(list(dict.fromkeys(units)))
    for service in services:
        # A template without a socket, or with a masked one, is no unit that systemd could show.
        read_properties(service, shown.get(service.socket, {}), shown.get(service.unit, {}))
        if service.resident:
            service.clients = resident_clients(shown.get(service.unit, {}).get("ControlGroup", ""))
        else:
            service.clients = Counter(map(client_of, instances(service.name))) if service.listening else Counter()
        count(service)


def read_properties(service: ServiceState, socket: Properties, unit: Properties) -> None:
    service.state, service.result = socket.get("SubState", ""), socket.get("Result", "")
    service.enabled = socket.get("UnitFileState", "").startswith("enabled")
    service.listen = [line.partition(" ")[0] for line in socket.get("Listen", "").splitlines()]
    entered = socket.get("ActiveEnterTimestamp", "").removeprefix("@")
    active = socket.get("ActiveState") in ("active", "deactivating")
    since = natural(entered, MOST_DIGITS)
    service.since = since * MICROSECONDS if active and since is not None else None
    service.traffic = traffic(socket)
    service.said = printable(unit.get("StatusText", ""))
    if not service.resident:
        service.limit = number(socket, "MaxConnections")
        service.per_source = number(socket, "MaxConnectionsPerSource")
        service.dropped = number(socket, "NRefused")


def traffic(socket: Properties) -> tuple[int, int] | None:
    """Bytes received and sent. systemd counts those of an accepted connection for the socket, not for the service."""
    counts = [socket.get(name, "") for name in ("IPIngressBytes", "IPEgressBytes")]
    received, sent = (None if count == NOT_COUNTED else natural(count, MOST_DIGITS) for count in counts)
    return None if received is None or sent is None else (received, sent)


def number(properties: Properties, name: str) -> int:
    return natural(properties.get(name, ""), MOST_DIGITS) or 0


def count(service: ServiceState) -> None:
    """Count the clients since the socket began to listen. A service that does not listen has no counts."""
    if service.since is None:
        service.tally = None
        return
    try:
        service.tally = service.tally or Tally(service.gate, service.senders, service.since)
    except SystemFailure as error:  # what systemd knows can be seen without the right to read the journal
        service.uncounted = str(error)
        return
    service.tally.update()
    service.last = service.tally.last_refusals()


def resident_clients(cgroup: str) -> Counter[str]:
    """The clients of a resident gate, from the environments of the servers in its unit.

    The table of sessions belongs to the gate alone, and a gate without FileDescriptorStoreMax= forgets its sessions.
    """
    sessions = set()
    for pid in processes_in(cgroup) if cgroup else ():
        variables = read(f"/proc/{pid}/environ").split(b"\0")
        client = [value for name in CLIENT_VARIABLES for value in variables if value.startswith(name)]
        if len(client) == len(CLIENT_VARIABLES):
            sessions.add(tuple(client))
    return Counter(shown_address(address.partition(b"=")[2]) for address, _ in sessions)


def shown_address(value: bytes) -> str:
    """The address in a server's environment. The server can change its environment, so the text may be no address."""
    try:
        text = value.decode("ascii")
        pack(text)
    except ValueError:
        return "unknown"
    return text
