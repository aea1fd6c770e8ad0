"""The machine that units are checked for: its systemd, its users, and what a user may do."""

import glob
import grp
import os
import pwd
import re
import subprocess
from functools import cached_property
from typing import NamedTuple

from ...core.errors import SystemFailure
from ...units.search import UnitSearch
from ..systemctl import Properties, processes_in, show, units_like

LIBRARIES = ("/usr/lib/systemd", "/usr/lib/*/systemd", "/usr/lib64/systemd", "/lib/systemd")
READABLE, EXECUTABLE = os.R_OK, os.X_OK


class Identity(NamedTuple):
    """Whom a service runs as."""

    uid: int
    gid: int
    groups: tuple[int, ...]


class Machine:
    """Everything beside the units themselves that a rule may ask for, looked up only when one does."""

    def __init__(self, search: UnitSearch, systemd_version: int | None = None, *, asks_network: bool = False) -> None:
        self.search = search
        self.asks_network = asks_network
        self._given_version = systemd_version
        self._states: dict[str, Properties] = {}

    def anew(self) -> "Machine":
        """The same machine as its files are now."""
        return Machine(UnitSearch(self.search.root or "/"), self._given_version, asks_network=self.asks_network)

    @property
    def live(self) -> bool:
        """Whether this is the running system, whose processes and ports can be asked."""
        return not self.search.root

    @property
    def privileged(self) -> bool:
        return os.geteuid() == 0

    @cached_property
    def systemd_version(self) -> int:
        """Given, or read from the name of systemd's own library, which takes no process and no bus."""
        if self._given_version is not None:
            return self._given_version
        for folder in LIBRARIES:
            for path in glob.glob(self.search.host_path(f"{folder}/libsystemd-shared-*.so")):
                if match := re.search(r"-shared-(\d+)", path):
                    return int(match[1])
        return running_version()

    def uses(self, unit: str) -> bool:
        """Whether a unit is enabled, or was started without that."""
        return self.search.enabled(unit) or (self.live and is_active(unit))

    def state(self, unit: str) -> Properties:
        """What systemd knows of a unit; nothing where there is none to ask. A template has no state."""
        if not self.running or unit.endswith("@.service"):
            return {}
        if unit not in self._states:
            self._states |= show([unit])
        return self._states[unit]

    def instances(self, pattern: str, state: str) -> list[str]:
        """The units of this pattern that are in this state."""
        return units_like(pattern, state) if self.running else []

    def left_over(self, unit: str) -> list[str]:
        """The processes of a unit that is no longer active."""
        state = self.state(unit)
        gone = state.get("ActiveState") in ("inactive", "failed")
        return processes_in(state.get("ControlGroup") or f"/system.slice/{unit}") if gone else []

    @cached_property
    def running(self) -> bool:
        """Whether there is a systemd that can be asked (sd_booted(3))."""
        return self.live and os.path.isdir("/run/systemd/system")

    def user(self, name: str) -> pwd.struct_passwd | None:
        """A user by name or number, None for one that does not exist."""
        if self.live:
            try:
                return pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
            except KeyError:
                return None
        fields = self._account("/etc/passwd", name)
        return pwd.struct_passwd((*fields[:2], int(fields[2]), int(fields[3]), *fields[4:7])) if fields else None

    def group(self, name: str) -> int | None:
        """The number of a group, None for one that does not exist."""
        if self.live:
            try:
                return grp.getgrgid(int(name)).gr_gid if name.isdigit() else grp.getgrnam(name).gr_gid
            except KeyError:
                return None
        fields = self._account("/etc/group", name)
        return int(fields[2]) if fields else None

    def _account(self, file: str, name: str) -> list[str] | None:
        try:
            with open(self.search.host_path(file), encoding="utf-8", errors="replace") as lines:
                accounts = [line.rstrip("\n").split(":") for line in lines]
        except OSError:
            return None
        return next((fields for fields in accounts if name in (fields[0], *fields[2:3])), None)


def is_active(unit: str) -> bool:
    return subprocess.run(["systemctl", "--quiet", "is-active", unit], capture_output=True, check=False).returncode == 0


def running_version() -> int:
    try:
        text = subprocess.run(["systemctl", "--version"], capture_output=True, check=True, text=True).stdout
        return int(text.split()[1])
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        raise SystemFailure("unable to find out systemd's version", "say --systemd VERSION") from None


def is_allowed(path: str, mode: int, identity: Identity) -> bool:
    """Whether this user could open (or execute) the file: the kernel is asked, as that user, in a child."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(identity.groups)
            os.setgid(identity.gid)
            os.setuid(identity.uid)
            os._exit(0 if os.access(path, mode) else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
