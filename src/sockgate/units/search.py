"""Find units: systemd's search path, aliases, masks and drop-ins (systemd.unit(5), "Unit File Load Path")."""

import glob
import os
import re
from collections.abc import Iterator
from functools import cached_property

from ..core import ConfigError
from .names import UnitName
from .reader import Assignment, Ignored, parse
from .unit import Unit

SYSTEM_FOLDERS = (
    "/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient",
    "/run/systemd/generator.early", "/etc/systemd/system", "/etc/systemd/system.attached", "/run/systemd/system",
    "/run/systemd/system.attached", "/run/systemd/generator", "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/generator.late",
)  # fmt: skip
UNIT_FOLDER = "/etc/systemd/system"  # of the administrator
LIBRARIES = ("/usr/lib/systemd", "/usr/lib/*/systemd", "/usr/lib64/systemd", "/lib/systemd")
STARTING = (
    ".wants",
    ".requires",
    ".upholds",
)  # folders of a unit, with links to what starts with it; the last since 254
MOST_LINKS = 8  # as many as systemd follows


class UnitSearch:
    """The units of the system in `root`. All returned paths are those inside that system.

    `systemd` is its version; 0 for the one that is installed there.
    """

    def __init__(self, root: str = "/", systemd: int = 0) -> None:
        self.root = os.path.abspath(root).rstrip("/")
        self._systemd = systemd
        self.folders = self._existing_folders()
        self._names = {folder: set(os.listdir(self.host_path(folder))) for folder in self.folders}

    def host_path(self, path: str) -> str:
        """The path on this machine of a path inside that system."""
        return self.root + path

    @cached_property
    def systemd_version(self) -> int:
        """The given version, or the one in the name of systemd's own library. That needs no process and no bus.

        0 if there is no such library.
        """
        files = (path for folder in LIBRARIES for path in glob.glob(self.host_path(f"{folder}/libsystemd-shared-*.so")))
        found = (re.search(r"-shared-(\d+)", path) for path in files)
        return self._systemd or next((int(match[1]) for match in found if match), 0)

    def _existing_folders(self) -> list[str]:
        """The folders of the search path that exist. /lib is left out if it is the same folder as /usr/lib."""
        folders: dict[tuple[int, int], str] = {}
        for folder in SYSTEM_FOLDERS:
            try:
                status = os.stat(self.host_path(folder))
            except OSError:
                continue
            folders.setdefault((status.st_dev, status.st_ino), folder)
        return list(folders.values())

    def names(self, kind: str) -> list[str]:
        """The names of all units of one type, with templates, without aliases and masked units."""
        entries = {name for names in self._names.values() for name in names}
        found = [name for name in entries if name.endswith("." + kind) and is_unit_name(name)]
        return sorted(name for name in found if (path := self.fragment(name)) and os.path.basename(path) == name)

    def fragment(self, name: str) -> str | None:
        """The file of a unit. Follows aliases. None if there is no file, or if the unit is masked."""
        path = self._first(name)
        for _ in range(MOST_LINKS):
            if path is None or not os.path.islink(self.host_path(path)):
                break
            target = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(self.host_path(path))))
            if target == "/dev/null":
                return None
            inside = os.path.dirname(target) in SYSTEM_FOLDERS
            path = self._first(os.path.basename(target)) if inside and os.path.basename(target) != name else target
        return path if path and self._has_content(path) else None

    def _first(self, name: str) -> str | None:
        """The first file or link of this name on the search path. For an instance, that of its template also counts."""
        for candidate in (name, UnitName.parse(name).template) if is_unit_name(name) else ():
            for folder in self.folders:
                if candidate in self._names[folder]:
                    return f"{folder}/{candidate}"
        return None

    def _has_content(self, path: str) -> bool:
        try:
            return os.path.getsize(self.host_path(path)) > 0 and os.path.isfile(self.host_path(path))
        except OSError:
            return False

    def load(self, name: str) -> Unit | None:
        """The merged unit, or None if it does not exist or is masked. Raises ConfigError for an unreadable file."""
        path = self.fragment(name)
        if path is None:
            return None
        own = os.path.basename(path)
        same_type = own.rpartition(".")[2] == name.rpartition(".")[2]
        names = [own, name] if same_type and own != name and not is_instance_of(name, own) else [name]
        drop_ins = tuple(self.drop_ins(names))
        assignments: list[Assignment] = []
        ignored: list[Ignored] = []
        for file in (path, *drop_ins):
            found, wrong = parse(self._read(file), file)
            assignments += found
            ignored += wrong
        return Unit(names[0], path, drop_ins, tuple(assignments), tuple(ignored))

    def _read(self, path: str) -> str:
        try:
            with open(self.host_path(path), encoding="utf-8", errors="surrogateescape", newline="") as file:
                return file.read()
        except OSError as error:
            raise ConfigError(f"unable to read {path!r}: {error.strerror}") from None

    def drop_ins(self, names: list[str]) -> Iterator[str]:
        """The drop-ins of a unit with these names, in the order in which systemd merges them.

        systemd merges them in the order of their file names. Of several drop-ins with the same file name one counts:
        the one that comes first on the search path, and there the one in the most specific folder (NAME.service.d
        before NA-.service.d before service.d).
        """
        groups = [[f"{specific}.d" for specific in specific_names(name)] for name in names]
        groups.append([names[0].rpartition(".")[2] + ".d"])
        chosen: dict[str, str] = {}
        for folder in (f"{folder}/{entry}" for group in groups for folder in self.folders for entry in group):
            if os.path.basename(folder) in self._names[os.path.dirname(folder)]:
                for file in os.listdir(self.host_path(folder)):
                    chosen.setdefault(file, f"{folder}/{file}")
        for file in sorted(chosen):
            if file.endswith(".conf") and self._has_content(chosen[file]):
                yield chosen[file]

    def is_masked(self, name: str) -> bool:
        """Whether its file is a link to /dev/null. Such a unit can never start."""
        path = self._first(name)
        return path is not None and os.path.realpath(self.host_path(path)) == "/dev/null"

    def wanted(self, kind: str) -> list[str]:
        """The names of all units of one type that links in the folders of others start, without generators'."""
        folders = [folder for folder in self.folders if not folder.startswith("/run/systemd/generator")]
        entries = (f"{folder}/{entry}" for folder in folders for entry in self._names[folder]
                   if entry.endswith(STARTING))  # fmt: skip
        found = {name for entry in entries for name in os.listdir(self.host_path(entry))}
        return sorted(name for name in found if name.endswith("." + kind) and is_unit_name(name))

    def enabled(self, name: str) -> bool:
        """Whether a link in the folder of another unit starts this unit at boot."""
        return any(
            os.path.lexists(self.host_path(f"{folder}/{entry}/{name}"))
            for folder in self.folders
            for entry in self._names[folder]
            if entry.endswith(STARTING)
        )


def is_instance_of(name: str, template: str) -> bool:
    return UnitName.parse(name).template == template


def is_unit_name(name: str) -> bool:
    try:
        return bool(UnitName.parse(name))
    except ValueError:
        return False


def specific_names(name: str) -> list[str]:
    """The names that have drop-ins for a unit, the most specific first: the unit, its template, its prefixes.

    For `a-b@1.x` these are a-b@1.x, a-b@.x, a-.x, a-@1.x, a-@.x. A template stands for any instance of it.
    """
    unit = UnitName.parse(name)
    names = [name]
    if unit.instance is not None:
        names += [f"{unit.prefix}@.{unit.type}", *specific_names(f"{unit.prefix}.{unit.type}")[1:]]
    shorter = shorter_prefix(unit.prefix)
    if shorter:
        names += specific_names(str(unit._replace(prefix=shorter)))
    return list(dict.fromkeys(names))


def shorter_prefix(prefix: str) -> str:
    """The prefix up to the dash before its last part: `a-b-` for `a-b-c`, `a-` for `a-b-`. Empty if there is none."""
    shorter = prefix.removesuffix("-")
    return shorter[: at + 1] if (at := shorter.rfind("-")) > 0 else ""
