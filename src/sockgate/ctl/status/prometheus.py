"""The state of the services in the text format of Prometheus, for node_exporter's textfile collector."""

from collections.abc import Callable, Iterator

from ...journal.connection import MICROSECONDS
from .services import ServiceState

Sample = tuple[dict[str, str], float]


def metrics(services: list[ServiceState]) -> Iterator[str]:
    """The lines of the file."""
    for name, kind, help_text, samples in METRICS:
        yield f"# HELP {name} {help_text}"
        yield f"# TYPE {name} {kind}"
        for service in services:
            for labels, value in samples(service):
                named = {"service": service.name, **labels}
                text = ",".join(f'{label}="{escape(content)}"' for label, content in named.items())
                yield f"{name}{{{text}}} {value:g}" if value < 1e6 else f"{name}{{{text}}} {value:.0f}"


def escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def up(service: ServiceState) -> Iterator[Sample]:
    yield {"engine": service.engine}, int(service.listening and not service.error)


def since(service: ServiceState) -> Iterator[Sample]:
    if service.since is not None:
        yield {}, service.since // MICROSECONDS


def connections(service: ServiceState) -> Iterator[Sample]:
    yield {}, service.connected


def limit(service: ServiceState) -> Iterator[Sample]:
    if service.limit:
        yield {}, service.limit


def accepted(service: ServiceState) -> Iterator[Sample]:
    if service.accepted is not None:
        yield {}, service.accepted


def refused(service: ServiceState) -> Iterator[Sample]:
    if service.refused is not None:
        for rule, refusals in sorted(service.refused.items()):
            yield {"rule": rule}, refusals


def failed(service: ServiceState) -> Iterator[Sample]:
    if service.tally:
        yield {}, service.tally.failed


def dropped(service: ServiceState) -> Iterator[Sample]:
    if not service.resident:
        yield {}, service.dropped


def received(service: ServiceState) -> Iterator[Sample]:
    if service.traffic:
        yield {}, service.traffic[0]


def sent(service: ServiceState) -> Iterator[Sample]:
    if service.traffic:
        yield {}, service.traffic[1]


def findings(service: ServiceState) -> Iterator[Sample]:
    yield {}, len(service.findings)


METRICS: tuple[tuple[str, str, str, Callable[[ServiceState], Iterator[Sample]]], ...] = (
    ("sockgate_up", "gauge", "Whether the service listens with a gate that works.", up),
    ("sockgate_start_time_seconds", "gauge", "When it began to listen; the counters count from then on.", since),
    ("sockgate_connections", "gauge", "Clients that are connected.", connections),
    ("sockgate_connections_limit", "gauge", "How many clients may be connected.", limit),
    ("sockgate_accepted_total", "counter", "Clients that were let in.", accepted),
    ("sockgate_refused_total", "counter", "Clients that were refused, by cause.", refused),
    ("sockgate_failed_total", "counter", "Clients that were refused because something is wrong here.", failed),
    ("sockgate_dropped_total", "counter", "Clients that systemd turned away at a limit of the socket.", dropped),
    ("sockgate_received_bytes_total", "counter", "From the clients, with IPAccounting= in the socket.", received),
    ("sockgate_sent_bytes_total", "counter", "To the clients, with IPAccounting= in the socket.", sent),
    ("sockgate_findings", "gauge", "What sockgatectl check finds wrong with it.", findings),
)
