"""Conflicts of a converted unit: other units with the same name, and drop-ins that were made for another unit.

A unit that sockgatectl did not write stays (obstacles.py). A converted unit may hide a template that sockgate ships
(smtp, imap, pop3) while that is not enabled. Then the drop-ins of the template are masked, because they would change
the converted unit.
"""

import glob
import os
import re
from collections.abc import Iterator

LOCAL_FOLDERS = ("etc/systemd/system", "run/systemd/system")
VENDOR_FOLDERS = ("usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
# sockgate-generator links drop-ins of units into the search path. It is not known when it ran last.
GENERATED_FROM = ("usr/local/lib/sockgate/drop-ins", "usr/lib/sockgate/drop-ins")
# A unit's first line, or that of a file of stunnel's.
ORIGIN = re.compile("[#;] Converted from (.+?) by sockgatectl(?:, with --prefix ([^;]+))?;")
SHIPPED = {"Documentation=man:sockgate(8)", "Documentation=man:sockgated(8)"}
MASKED = "/dev/null"  # systemd does not read a unit or a drop-in that is a link to this file


def obstacles(root: str, name: str) -> Iterator[str]:
    """The files, links and masks of this name that a converted unit would hide or be hidden by."""
    for folder in LOCAL_FOLDERS + VENDOR_FOLDERS:
        if os.path.lexists(f"{root}/{folder}/{name}") and not gives_way(root, folder, name):
            yield f"/{folder}/{name}"


def is_mask(path: str) -> bool:
    """Whether this file keeps systemd from starting a unit of its name."""
    return os.path.realpath(path) == MASKED or (os.path.isfile(path) and os.path.getsize(path) == 0)


def gives_way(root: str, folder: str, name: str) -> bool:
    """Whether this is a template of sockgate that is not enabled."""
    if folder not in VENDOR_FOLDERS or SHIPPED.isdisjoint(lines(f"{root}/{folder}/{name}")):
        return False
    return not glob.glob(f"{root}/etc/systemd/system/*.wants/{glob.escape(socket_of(name))}")


def socket_of(name: str) -> str:
    return name.replace("@.service", ".socket").replace(".service", ".socket")


def converted_from(path: str) -> str:
    """The place from which a unit or an extra file was converted, as FILE:LINE. "" if it was not converted."""
    return origin_of(path)[0]


def origin_of(path: str) -> tuple[str, str]:
    """The place from which a unit was converted, and the prefix of its name."""
    found = ORIGIN.match(next(iter(lines(path)), ""))
    return (found[1], found[2] or "") if found else ("", "")


def lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def vendor_drop_ins(root: str, name: str) -> list[str]:
    """The drop-ins of packages for a unit of this name, as NAME.d/FILE; /lib may be /usr/lib, so each once."""
    folders = (f"{root}/{folder}/{name}.d" for folder in VENDOR_FOLDERS + GENERATED_FROM)
    found = {file for folder in folders if os.path.isdir(folder) for file in os.listdir(folder)}
    return [f"{name}.d/{file}" for file in sorted(found) if file.endswith(".conf") and not file.startswith(".")]


def local_drop_ins(root: str, name: str) -> Iterator[str]:
    """The administrator's drop-ins for a unit of this name, which still count. (Without those that mask another.)"""
    for path in sorted(glob.glob(f"{root}/etc/systemd/system/{glob.escape(name)}.d/*.conf")):
        if os.path.realpath(path) != MASKED:
            yield path.removeprefix(root)
