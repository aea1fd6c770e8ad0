"""The programs with a configuration that can be converted: one row each."""

from collections.abc import Callable, Iterable

from ..host.host import Host
from . import couriertcpd, inetd, result, tcpserver, xinetd
from .engines import AUTO
from .obstacles import Surroundings
from .report import Report
from .result import Conversion
from .service import Service
from .unit_names import make_unique

Reader = Callable[[list[str], Host, Report], Iterable[Service]]

READERS: dict[str, Reader] = {
    "xinetd": xinetd.read,
    "inetd": inetd.read,
    "tcpserver": tcpserver.read,
    "couriertcpd": couriertcpd.read,
}
NAMES = tuple(READERS)
USUAL_FOLDERS = {"xinetd": "/etc", "inetd": "/etc", "couriertcpd": "/etc/courier"}


def convert(
    program: str,
    files: list[str],
    host: Host,
    prefix: str = "",
    surroundings: Surroundings | None = None,
    engine: str = AUTO,
) -> Conversion:
    """Convert these files to units and a report. No content of a file makes it raise.

    surroundings  the system where the units are to be installed, if they are
    engine        with which engine the services begin: auto, connection or resident
    """
    report = Report()
    services: Iterable[Service] = make_unique(READERS[program](files, host, report), prefix)
    if surroundings:
        services = surroundings.place(services, report)
    return result.build(services, report, host, engine)
