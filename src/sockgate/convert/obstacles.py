"""What keeps a service from its port or from its name: units that are there already, and services placed before it.

The port decides: an enabled socket keeps its port. A name alone is no obstacle. Where another unit has it, the service
gets another name. A masked name is one: the administrator does not want a unit of this name.
"""

import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from ..host.listening import LISTEN_KEYS, enabled_sockets, endpoints
from ..host.ports import Endpoint, parse_listen
from ..units.search import UnitSearch
from ..units.writer import report_form
from .conflicts import converted_from, is_mask, obstacles
from .outcomes import blocked, entry_of, refused
from .report import Report
from .service import Listen, Service
from .unit_plan import extra_paths, unit_names

SUFFIX = "-sockgate"  # of the other name


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has an endpoint. `unit` is the name of the socket, or that of the service without suffix."""

    endpoint: Endpoint
    unit: str
    text: str


@dataclass(slots=True)
class Surroundings:
    """The units of a system, and the services that were placed among them so far.

    replaces  whether a unit that was converted before may be replaced
    """

    search: UnitSearch
    replaces: bool = False
    holders: list[Holder] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for unit in enabled_sockets(self.search):
            text = f"{unit.path}, which is enabled and has this port"
            self.holders += [Holder(endpoint, unit.name, text) for endpoint, _ in endpoints(unit)]

    def place(self, services: Iterable[Service], report: Report) -> Iterator[Service]:
        """The services with free addresses and names. What has none is left out, and the report says why."""
        for service in services:
            listens = tuple(self.free(service, report))
            name = self.free_name(service, report) if listens else ""
            if name:
                placed = replace(service, name=name, listens=listens)
                self.take(placed)
                yield placed

    def free(self, service: Service, report: Report) -> Iterator[Listen]:
        """The sockets of a service for which address and port are free."""
        for listen in service.listens:
            wanted = endpoint_of(listen, service)
            holder = self.holder(wanted, service) if wanted else None
            if holder is None:
                yield listen
            else:
                what, answer = report_form(listen.kind, listen.address), refused(f"left to {holder.text}")
                report.entries.append(entry_of(service.old_name, service.place, what, answer))

    def holder(self, wanted: Endpoint, service: Service) -> Holder | None:
        for holder in self.holders:
            if holder.endpoint.overlaps(wanted) and not self.is_replaced(holder.unit, service.name):
                return holder
        return None

    def is_replaced(self, unit: str, name: str) -> bool:
        """Whether this service replaces the holder: a unit from an earlier conversion."""
        if not self.replaces or unit != f"{name}.socket":
            return False
        return bool(converted_from(self.search.host_path(self.search.fragment(unit) or unit)))

    def free_name(self, service: Service, report: Report) -> str:
        """The service's own name, or another one if that is taken; "" if it is masked."""
        others = (f"{service.name}{SUFFIX}{f'-{count}' if count > 1 else ''}" for count in itertools.count(1))
        for name in itertools.chain((service.name,), others):
            if name in self.names:
                continue
            taken = list(self.taken(name, service))
            mask = next((path for path in taken if self.forbids(path, service)), "")
            if mask:
                answer = blocked(f"{mask} is masked")
                report.entries.append(entry_of(service.old_name, service.place, f"service {name}", answer))
                return ""
            if not taken:
                return name
        raise AssertionError  # the names do not end

    def taken(self, name: str, service: Service) -> Iterator[str]:
        """The units and files that a service of this name would hide or overwrite."""
        for unit in unit_names(name, service):
            yield from (path for path in obstacles(self.search.root, unit) if not self.may_replace(path))
        for path in extra_paths(name, service):
            if os.path.lexists(self.search.host_path(path)) and not self.may_replace(path):
                yield path

    def forbids(self, path: str, service: Service) -> bool:
        """Whether this is a mask that speaks of the service. One of NAME.service may speak of a daemon of that name."""
        of_a_daemon = service.takes_connections and path.endswith(".service") and not path.endswith("@.service")
        is_unit = path.endswith((".socket", ".service"))
        return is_unit and is_mask(self.search.host_path(path)) and not of_a_daemon

    def may_replace(self, path: str) -> bool:
        return self.replaces and bool(converted_from(self.search.host_path(path)))

    def take(self, service: Service) -> None:
        self.names.add(service.name)
        text = f"{service.old_name!r} ({service.place}), which has this address and port already"
        wanted = (endpoint_of(listen, service) for listen in service.listens)
        self.holders += [Holder(endpoint, service.name, text) for endpoint in wanted if endpoint]


def endpoint_of(listen: Listen, service: Service) -> Endpoint | None:
    """None for a path."""
    protocol = LISTEN_KEYS.get(listen.kind, "")
    return parse_listen(listen.address, protocol, only_ipv6=service.ipv6_only == "ipv6-only")
