"""Units that an earlier conversion of the same files wrote, and that this one does not need any more."""

import glob
import os
from collections.abc import Iterator

from ..convert.conflicts import MASKED, origin_of
from ..convert.extra_files import FOLDER
from ..convert.result import Conversion
from ..units.search import UNIT_FOLDER, UnitSearch

PATTERNS = (f"{UNIT_FOLDER}/*.socket", f"{UNIT_FOLDER}/*.service", f"{FOLDER}/*")


def former_files(conversion: Conversion, search: UnitSearch) -> list[str]:
    """The paths of units, of files that they needed, and of the masks of drop-ins for these units.

    A unit is from the same files if it names one that was read now, or one of the same folder that is gone. It has the
    same prefix. Only absolute paths tell: `run` may be any run script.
    """
    read = {os.path.abspath(entry.place.file) for entry in conversion.report.entries if entry.place.file}
    read |= {os.path.abspath(service.place.file) for service in conversion.services}
    folders = {os.path.dirname(file) for file in read}
    prefixes = {service.prefix for service in conversion.services}
    needed = {f"{UNIT_FOLDER}/{unit.name}" for unit in conversion.units} | {file.path for file in conversion.files}
    found = []
    for path in files_of(search):
        place, prefix = origin_of(search.host_path(path))
        origin = place.rpartition(":")[0]
        is_gone = os.path.dirname(origin) in folders and not os.path.exists(origin)
        if origin.startswith("/") and path not in needed and prefix in prefixes and (origin in read or is_gone):
            found += [path, *masks_of(path, search)]
    return found


def files_of(search: UnitSearch) -> Iterator[str]:
    for pattern in PATTERNS:
        yield from (path.removeprefix(search.root) for path in sorted(glob.glob(search.host_path(pattern))))


def masks_of(path: str, search: UnitSearch) -> Iterator[str]:
    """The links that keep systemd from reading drop-ins of packages for this unit."""
    for mask in sorted(glob.glob(f"{glob.escape(search.host_path(path))}.d/*.conf")):
        if os.path.realpath(mask) == MASKED:
            yield mask.removeprefix(search.root)


def sockets_among(files: list[str]) -> list[str]:
    return [os.path.basename(path) for path in files if path.startswith(UNIT_FOLDER) and path.endswith(".socket")]
