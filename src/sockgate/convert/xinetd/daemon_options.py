"""The options with which xinetd was started. They can make it read or limit more than its files say."""

import os
import re

from ..input_files import Place, Unreadable, read_text
from ..report import Outcome, Report

MAIN_FILE = "etc/xinetd.conf"
INETD_FILE = "etc/inetd.conf"
UNITS = (
    "etc/systemd/system/xinetd.service",
    "lib/systemd/system/xinetd.service",
    "usr/lib/systemd/system/xinetd.service",
)
SETTINGS = ("etc/default/xinetd", "etc/sysconfig/xinetd")  # of its init script


def report_options(root: str, report: Report, *, with_inetd: bool = False) -> None:
    """Say what the options of the xinetd of this system mean for a conversion of its files, and inetd's if they are."""
    unit = next((path for path in UNITS if os.path.exists(os.path.join(root, path))), "")
    for path in (unit,) if unit else SETTINGS:
        try:
            text = read_text(os.path.join(root, path))
        except Unreadable:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            report_line(root, Place(os.path.join(root, path), number), line.strip(), report, with_inetd)


def report_line(root: str, place: Place, line: str, report: Report, with_inetd: bool) -> None:
    if line.startswith("#"):
        return
    reads_inetd_conf = re.match(r"INETD_COMPAT=[\"']?[Yy]|.*\s-inetd_compat\b", line)
    if reads_inetd_conf and not with_inetd and holds_services(os.path.join(root, INETD_FILE)):
        report.add(Outcome.REFUSED, place, "", line,
                   "xinetd reads /etc/inetd.conf as well, which is not converted here: "
                   "run 'sockgatectl convert inetd /etc/inetd.conf' too")  # fmt: skip
    limit = re.search(r"\s-limit\s+(\d+)", line)
    if limit:
        report.add(Outcome.APPROXIMATED, place, "", line,
                   f"-limit {limit[1]} counted the servers of all services together; MaxConnections= counts those of "
                   "one. For a limit on all of them set TasksMax= in a slice")  # fmt: skip


def holds_services(path: str) -> bool:
    """Whether there is an inetd.conf with a line that is no comment."""
    try:
        return any(line.strip() and not line.lstrip().startswith("#") for line in read_text(path).split("\n"))
    except Unreadable:
        return os.path.exists(path)
