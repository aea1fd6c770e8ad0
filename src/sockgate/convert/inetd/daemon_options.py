"""The options with which openbsd-inetd was started, from the files that stay when its package is removed."""

import glob
import os
import re

from ..input_files import Unreadable, read_text

FILES = (
    "etc/default/openbsd-inetd", "etc/default/inetd",
    "etc/systemd/system/inetd.service", "etc/systemd/system/openbsd-inetd.service",
    "etc/systemd/system/inetd.service.d/*.conf", "etc/systemd/system/openbsd-inetd.service.d/*.conf",
)  # fmt: skip
ASKS_HOSTS_ALLOW = re.compile(r"""\s*(?!;)[^#]*[\s"'=]-[A-Za-z]*l[A-Za-z]*(?![^\s"'])""")


def asked_hosts_allow(root: str) -> bool:
    """Whether inetd asked hosts.allow for every server (-l). `xinetd -inetd_compat` did not: it sets NOLIBWRAP."""
    paths = (path for name in FILES for path in glob.glob(os.path.join(glob.escape(root), name)))
    return any(ASKS_HOSTS_ALLOW.match(line) for path in paths for line in lines_of(path))


def lines_of(path: str) -> list[str]:
    try:
        return read_text(path).split("\n")
    except Unreadable:
        return []
