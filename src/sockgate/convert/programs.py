"""The programs whose configuration can be converted: one row each."""

from collections.abc import Callable, Iterable

from ..host.host import Host
from . import couriertcpd, inetd, result, tcpserver, xinetd
from .report import Report
from .result import Conversion
from .service import Service

Reader = Callable[[list[str], Host, Report], Iterable[Service]]

READERS: dict[str, Reader] = {
    "xinetd": xinetd.read,
    "inetd": inetd.read,
    "tcpserver": tcpserver.read,
    "couriertcpd": couriertcpd.read,
}
NAMES = tuple(READERS)


def convert(program: str, files: list[str], host: Host, prefix: str = "") -> Conversion:
    """Convert these files to units and a report. No content of a file makes it raise."""
    report = Report()
    return result.build(READERS[program](files, host, report), report, host, prefix)
