"""All services of a configuration: defaults that concern each of them, and ports that two of them want."""

from collections.abc import Iterator

from ...host.host import Host
from ..outcomes import blocked, entry_of
from ..report import Outcome
from ..service import STREAM, Service
from .attributes import ATTRIBUTES
from .configuration import Candidate, Configuration
from .draft import Draft, is_invalid
from .service import convert

WILDCARDS = {"0.0.0.0": ".", "::": ":"}  # noqa: S104  # each with what stands in every address of its family


Unusable = dict[str, str]


def unusable_defaults(configuration: Configuration, host: Host) -> Unusable:
    """The attributes of defaults with a value that xinetd cannot use, each with the reason."""
    found = {}
    for name, value in configuration.defaults.items():
        answer = ATTRIBUTES[name].handler(Draft("", "", value.place, host), value)
        if is_invalid(answer):
            found[name] = (
                f"{answer.text}; xinetd does not start with such a line in defaults: mend it and convert again"
            )
    return found


def running(configuration: Configuration, unusable: Unusable, *, whole: bool) -> Iterator[Candidate]:
    """The services that are to be converted, if there are lines of defaults that xinetd cannot use.

    It ends at such a line, so the `whole` configuration served no client. Where there is no xinetd, a line that one
    package brings costs only the services that it would have reached, and none if it says how to log.
    """
    if not unusable:
        yield from configuration.running()
        return
    candidates = list(configuration.running())
    for name, text in unusable.items():
        value = configuration.defaults[name]
        reached = [one for one in candidates if whole or (name in one.values and one.values[name].inherited)]
        if whole or not ATTRIBUTES[name].harmless:
            for id in [one.id for one in reached] or [""]:
                configuration.report.entries.append(entry_of(id, value.place, value.written, blocked(text)))
            candidates = [one for one in candidates if one not in reached]
        for one in reached:
            one.values.pop(name, None)
    yield from candidates


def convert_all(configuration: Configuration, host: Host, *, whole: bool = True) -> list[Service]:
    """All services; of two that want the same address and port xinetd serves the first."""
    report = configuration.report
    services: list[Service] = []
    taken: dict[tuple[str, str], list[Service]] = {}
    for candidate in running(configuration, unusable_defaults(configuration, host), whole=whole):
        service = convert(candidate, host, report)
        if service is None:
            continue
        port = service.listens[0].address.rpartition(":")[2].partition("%")[0]
        rivals = taken.setdefault((service.listens[0].kind, port), [])
        first = next((rival for rival in rivals if collide(rival, service)), None)
        if first:
            report.add(Outcome.IGNORED, service.place, candidate.id, f"service {candidate.name}",
                       f"{first.name!r} ({first.place}) has the same address and port already, and xinetd serves the "
                       "first")  # fmt: skip
            continue
        rivals.append(service)
        services.append(service)
    if any(service.listens[0].kind == STREAM for service in services) and not host.has_host_rules:
        report.notes.append(
            "hosts.allow and hosts.deny hold no rule, so nothing asks them; convert again if you add one."
        )
    return services


def collide(one: Service, other: Service) -> bool:
    """Whether two services of one port want the same address: bind(2) fails for the second."""
    return any(first == second or within(first, second) or within(second, first)
               for first in addresses(one) for second in addresses(other))  # fmt: skip


def within(address: str, wildcard: str) -> bool:
    return wildcard in WILDCARDS and WILDCARDS[wildcard] in address


def addresses(service: Service) -> Iterator[str]:
    """What it listens on, the wildcards of both families for a port alone."""
    address = service.listens[0].address.rpartition(":")[0].strip("[]")
    if address:
        yield address
        return
    yield "::"
    if service.ipv6_only != "ipv6-only":
        yield "0.0.0.0"  # noqa: S104
