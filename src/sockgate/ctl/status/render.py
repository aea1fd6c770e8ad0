"""The state of the services as text for a person, and as an object for a program."""

from collections import Counter
from collections.abc import Iterator

from ...journal.connection import Connection
from ..console import counted
from ..times import iso, local
from .services import ServiceState

HEADERS = ("SERVICE", "ENGINE", "STATE", "LISTEN", "CLIENTS", "ACCEPTED", "REFUSED", "FAILED", "DROPPED", "TROUBLE")
MOST_SOURCES = 5
NOT_RECORDED = "not recorded (--log)"

Object = dict[str, object]


def row(service: ServiceState) -> tuple[str, ...]:
    """One line of the table."""
    limit = f"/{service.limit}" if service.limit else ""
    refused = service.refused.total() if service.refused is not None else None
    failed = service.tally.failed if service.tally else None
    shown = ["-" if number is None else f"{number:,}" for number in (service.accepted, refused, failed)]
    return (
        service.name, service.engine or "-", state(service), " ".join(service.listen) or "-",
        f"{service.connected}{limit}", *shown, "-" if service.resident else f"{service.dropped:,}",
        in_short(service),
    )  # fmt: skip


def state(service: ServiceState) -> str:
    if service.listening and not service.serves:
        return "cannot serve"
    failed = service.state == "failed" and service.result not in ("", "success")
    return f"failed ({service.result})" if failed else service.state or "unknown"


def trouble(service: ServiceState) -> str:
    return service.error or service.uncounted


def in_short(service: ServiceState) -> str:
    """What is wrong, for one cell of the table."""
    findings = counted(len(service.findings), "finding")
    advice = f"{findings}: sockgatectl check {service.name}" if service.findings else "-"
    return trouble(service) or advice


def paragraphs(service: ServiceState) -> Iterator[tuple[str, str]]:
    """The paragraphs about one service: label and text."""
    how = "one gate for all clients" if service.resident else "a gate for each client"
    yield "Engine", f"{service.engine}, {how} ({service.unit})" if service.engine else "unknown"
    yield (
        "Socket",
        f"{service.socket}: {state(service)}" + (f" since {local(service.since)[:-4]}" if service.since else ""),
    )
    yield "Listens", " ".join(service.listen) or "nowhere"
    yield "Clients", clients(service)
    if service.tally:
        yield "Accepted", NOT_RECORDED if service.accepted is None else f"{service.accepted:,}"
        yield "Refused", NOT_RECORDED if service.refused is None else by_rule(service.refused)
        yield "Failed", f"{service.tally.failed:,}"
    if not service.resident:
        yield "Dropped", f"{service.dropped:,} by systemd, at the limits of the socket"
    if service.traffic:
        yield "Traffic", f"{service.traffic[0]:,} bytes received, {service.traffic[1]:,} sent"
    if service.said:
        yield "Says", service.said
    for refusal in service.last:
        client = (refusal.peer or "no client") + times(refusal)
        yield "Refusal", f"{local(refusal.last)[:-4]} {client}: {refusal.reason or refusal.rule}"
    if trouble(service):
        yield "Trouble", trouble(service)
    for finding in service.findings:
        yield "Check", str(finding)


def by_rule(refused: Counter[str]) -> str:
    rules = ", ".join(f"{rule} {number:,}" for rule, number in refused.most_common())
    return f"{refused.total():,}" + (f" ({rules})" if rules else "")


def times(refusal: Connection) -> str:
    """How often, if it is a sum."""
    return f" {refusal.count:,} times" if refusal.count > 1 else ""


def clients(service: ServiceState) -> str:
    most = f" of {service.limit}" if service.limit else ""
    per_source = f", at most {service.per_source} from one source" if service.per_source else ""
    busiest = [f"{number} from {source}" for source, number in service.clients.most_common(MOST_SOURCES)]
    others = service.connected - sum(number for _, number in service.clients.most_common(MOST_SOURCES))
    if others:
        busiest.append(f"{others} from others")
    return f"{service.connected}{most}{per_source}" + (f": {', '.join(busiest)}" if busiest else "")


def as_object(service: ServiceState) -> Object:
    tally = service.tally
    return {
        "service": service.name, "socket": service.socket, "unit": service.unit, "engine": service.engine or None,
        "state": service.state, "result": service.result, "listening": service.listening,
        "serves": service.serves, "listen": service.listen,
        "since": iso(service.since) if service.since is not None else None,
        "clients": service.connected, "sources": dict(service.clients.most_common()),
        "limit": service.limit or None, "limit_per_source": service.per_source or None,
        "accepted": service.accepted, "refused": None if service.refused is None else dict(service.refused),
        "failed": tally.failed if tally else None, "dropped": None if service.resident else service.dropped,
        "bytes_received": service.traffic[0] if service.traffic else None,
        "bytes_sent": service.traffic[1] if service.traffic else None,
        "status": service.said or None, "trouble": trouble(service) or None,
        "findings": [str(finding) for finding in service.findings],
        "last_refusals": [
            {"time": iso(refusal.last), "source": refusal.remote_address or None, "port": refusal.remote_port,
             "count": refusal.count, "verdict": refusal.verdict, "rule": refusal.rule or None,
             "reason": refusal.reason or None}
            for refusal in service.last
        ],
    }  # fmt: skip
