"""Make the service record of a complete draft."""

from ..service import DATAGRAM, STREAM, Listen, Service, endpoint
from ..unit_names import unit_stem
from .draft import Draft


def record_of(draft: Draft) -> Service:
    argv0 = ""
    arguments = draft.arguments
    if "NAMEINARGS" in draft.flags and not (draft.is_internal or draft.redirect):
        argv0, arguments = arguments[0], arguments[1:]
    listen = Listen(STREAM if draft.socket_type == "stream" else DATAGRAM, listen_address(draft))
    return Service(
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
        needs_gate=draft.needs_gate,
        socket=tuple(draft.socket),
        directives=tuple(draft.directives),
        max_connections=draft.max_connections,
        max_per_source=draft.max_per_source,
        rate=(draft.rate, 1),
    )


def listen_address(draft: Draft) -> str:
    only_ipv4 = "IPV4" in draft.flags and "IPV6" not in draft.flags
    assert draft.port is not None
    return endpoint(draft.address or ("0.0.0.0" if only_ipv4 else ""), draft.port)  # noqa: S104
