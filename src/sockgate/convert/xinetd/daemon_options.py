"""The options with which xinetd was started. They can make it read or limit more than its files say."""

import os
import re
from collections.abc import Iterator

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


READS_INETD_CONF = re.compile(r"INETD_COMPAT=[\"']?[Yy]|.*\s-inetd_compat\b")


def report_options(root: str, report: Report, *, with_inetd: bool = False) -> None:
    """Say what the options of the xinetd of this system mean for a conversion of its files, and inetd's if they are."""
    for place, line in options(root):
        report_line(root, place, line, report, with_inetd)


def reads_inetd_conf(root: str) -> bool:
    """Whether the xinetd of this system is, or was, told to read inetd.conf as well."""
    return any(READS_INETD_CONF.match(line) for _, line in options(root))


def options(root: str) -> Iterator[tuple[Place, str]]:
    """The lines that may hold its options. What its package leaves behind counts when the unit is gone."""
    unit = next((path for path in UNITS if os.path.exists(os.path.join(root, path))), "")
    for path in (unit,) if unit else SETTINGS:
        try:
            text = read_text(os.path.join(root, path))
        except Unreadable:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if not line.lstrip().startswith("#"):
                yield Place(os.path.join(root, path), number), line.strip()


def report_line(root: str, place: Place, line: str, report: Report, with_inetd: bool) -> None:
    if READS_INETD_CONF.match(line) and not with_inetd and holds_services(os.path.join(root, INETD_FILE)):
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
