"""What socket units listen on."""

from collections.abc import Iterator

from ..units.names import expand
from ..units.search import UnitSearch
from ..units.unit import Unit
from .ports import Endpoint, parse_listen

LISTEN_KEYS = {"ListenStream": "tcp", "ListenDatagram": "udp"}


def endpoints(socket: Unit) -> Iterator[tuple[Endpoint, str]]:
    """The internet endpoints of a socket unit, each with its line as written."""
    only_ipv6 = socket.value("Socket", "BindIPv6Only") == "ipv6-only"
    for key, protocol in LISTEN_KEYS.items():
        for assignment in socket.list("Socket", key):
            endpoint = parse_listen(expanded(assignment.value, socket), protocol, only_ipv6=only_ipv6)
            if endpoint:
                yield endpoint, assignment.value


def expanded(text: str, socket: Unit) -> str:
    """The line with its specifiers expanded. Empty if systemd cannot do that, and ignores the line."""
    try:
        return expand(text, socket.unit_name)
    except ValueError:
        return ""


def enabled_sockets(search: UnitSearch) -> Iterator[Unit]:
    """The socket units that the boot starts, without those of generators. A masked one is not started."""
    for name in search.wanted("socket"):
        unit = search.load(name)
        if unit and not unit.path.startswith("/run/systemd/generator"):
            yield unit
