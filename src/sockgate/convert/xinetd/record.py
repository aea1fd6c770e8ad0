"""Make the service record of a complete draft."""

from dataclasses import replace

from ..service import DATAGRAM, IDLE_SECONDS, LARGEST, STREAM, Listen, Service, endpoint
from ..unit_names import unit_stem
from .draft import Draft
from .logs import log_options

OF_A_GATE = 20  # clients a second; sockgated(8)


def record_of(draft: Draft) -> Service:
    argv0 = ""
    arguments = draft.arguments
    if "NAMEINARGS" in draft.flags and not (draft.is_internal or draft.redirect):
        argv0, arguments = arguments[0], arguments[1:]
    listen = Listen(STREAM if draft.socket_type == "stream" else DATAGRAM, listen_address(draft))
    service = Service(
        name=unit_stem(draft.id),
        old_name=draft.id,
        place=draft.place,
        listens=(listen,),
        command=(draft.server, *arguments),
        wait=bool(draft.wait),
        ipv6_only=draft.ipv6_only if listen.is_ipv6 else "",
        argv0=argv0,
        user="" if draft.uid == 0 else draft.user,
        group=draft.group,
        clear_groups=draft.clear_groups,
        limits=tuple(draft.limits),
        environment=tuple(draft.environment),
        pass_env=draft.pass_env,
        gate=(*draft.access, *draft.gate),
        log=log_options(draft),
        needs_gate=draft.needs_gate,
        socket=tuple(draft.socket),
        directives=tuple(draft.directives),
        max_connections=draft.max_connections,
        max_per_source=draft.max_per_source,
        rate=(draft.rate, 1),
        resident=resident_options(draft),
    )
    return replace(service, resident_because=resident_because(draft, gated=service.gated))


def resident_options(draft: Draft) -> tuple[tuple[str, str], ...]:
    """What xinetd did above its limits: it closed the connection. Between clients the gate need not stay in memory."""
    rate = [("--cps", f"{min(draft.rate, LARGEST)}/{min(draft.pause, LARGEST)}")] if draft.rate else []
    return (*draft.resident, ("--at-limit", "refuse"), *rate, ("--idle-exit", str(IDLE_SECONDS)))


def resident_because(draft: Draft, *, gated: bool) -> str:
    """Why the resident engine keeps what xinetd promised. "" if a gate or server for each connection does as well."""
    if draft.for_resident:
        names = " and ".join(dict.fromkeys(draft.for_resident))
        return f"{names} {'mean' if ' and ' in names else 'means'} the same only there"
    if gated and draft.rate > OF_A_GATE:
        return f"xinetd served {draft.rate} clients a second, and a gate for each client serves about {OF_A_GATE}"
    return f"a gate for each client serves about {OF_A_GATE} a second" if gated and not draft.rate else ""


def listen_address(draft: Draft) -> str:
    only_ipv4 = "IPV4" in draft.flags and "IPV6" not in draft.flags
    assert draft.port is not None
    return endpoint(draft.address or ("0.0.0.0" if only_ipv4 else ""), draft.port)  # noqa: S104
