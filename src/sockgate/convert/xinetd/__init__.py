"""xinetd.conf(5) as the program reads it, not as its manual describes it (xinetd 2.3.15.3 and 2.3.15.4).

`grammar` splits a file into blocks of settings. `configuration` follows include and includedir, applies defaults and
drops what xinetd drops. `attributes` is the table of everything that can stand in a block. `service` makes a service
record of a block, and `all_services` makes those of all blocks.
"""

import os

from ...host.host import Host
from ..input_files import Place
from ..report import Outcome, Report
from ..service import Service
from .all_services import convert_all
from .configuration import Configuration
from .daemon_options import MAIN_FILE, reads_inetd_conf, report_options
from .grammar import Include

__all__ = ["read", "read_system", "reads_inetd_conf"]


def read_system(root: str, host: Host, report: Report, *, with_inetd: bool = False) -> list[Service]:
    """The services of etc/xinetd.conf or, without one, those of the files in etc/xinetd.d.

    For a machine without xinetd, where one bad file costs no other. `with_inetd`: etc/inetd.conf is read as well.
    No service is read if a file is missing that may be there later: its defaults may say who may come in.
    """
    file, folder = os.path.join(root, MAIN_FILE), os.path.join(root, "etc/xinetd.d")
    report_options(root, report, with_inetd=with_inetd)
    configuration = Configuration(report)
    if os.path.lexists(file):
        configuration.read(file)
    elif os.path.isdir(folder):
        configuration.include(Include(folder, Place(folder, 0), is_folder=True), 0)
    if configuration.is_cut:
        text = "a file cannot be read now, and its defaults may say who may come in: no service is served without it"
        report.add(Outcome.REFUSED, Place(file, 0), "", MAIN_FILE, text)
        return []
    return convert_all(configuration, host, whole=False)


def read(files: list[str], host: Host, report: Report) -> list[Service]:
    """The services of these configuration files, one after the other as if the first included the others."""
    configuration = Configuration(report)
    for file in files:
        if os.path.abspath(file) == f"/{MAIN_FILE}":
            report_options("/", report)
        configuration.read(file)
    return convert_all(configuration, host)
