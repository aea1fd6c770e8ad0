"""A unit after systemd has merged it: its file, then its drop-ins, assignment by assignment."""

from dataclasses import dataclass

from .names import UnitName
from .reader import Assignment, Ignored, Place

TRUE = ("1", "yes", "y", "true", "t", "on")
# An empty value is none for these: systemd ignores the line, and what was set before stays. All others it resets.
KEPT = frozenset((
    "Accept", "Backlog", "BindIPv6Only", "CollectMode", "DynamicUser", "FreeBind", "KeepAlive", "LimitAS", "LimitDATA",
    "LockPersonality", "LogRateLimitBurst", "LogRateLimitIntervalSec", "MaxConnections", "MaxConnectionsPerSource",
    "MemoryDenyWriteExecute", "NoNewPrivileges", "PollLimitBurst", "PollLimitIntervalSec", "PrivateDevices",
    "PrivateTmp", "PrivateUsers", "ProtectClock", "ProtectHome", "ProtectHostname", "ProtectKernelLogs",
    "ProtectKernelModules", "ProtectKernelTunables", "Restart", "RestrictRealtime", "RestrictSUIDSGID", "Service",
    "StandardError", "StandardInput", "StartLimitIntervalSec", "SyslogLevelPrefix", "TriggerLimitBurst",
    "TriggerLimitIntervalSec", "Type",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unit:
    """One loaded unit.

    name         its own name; a template keeps an empty instance
    path         the unit file
    drop_ins     the drop-ins that count, in the order in which they were merged
    assignments  of all these files, in order
    ignored      lines that systemd ignores
    """

    name: str
    path: str
    drop_ins: tuple[str, ...]
    assignments: tuple[Assignment, ...]
    ignored: tuple[Ignored, ...]

    @property
    def unit_name(self) -> UnitName:
        return UnitName.parse(self.name)

    @property
    def place(self) -> Place:
        """The unit as a whole: where something is missing."""
        return Place(self.path, 1)

    def list(self, section: str, key: str) -> "list[Assignment]":
        """Every assignment of a key that may be repeated; an empty one resets those before it, as a rule."""
        found: list[Assignment] = []
        for assignment in self.assignments:
            if (assignment.section, assignment.key) == (section, key):
                if assignment.value:
                    found.append(assignment)
                elif key not in KEPT:
                    found = []
        return found

    def last(self, section: str, key: str) -> Assignment | None:
        """The assignment that counts of a key with one value; None if it was not set, or reset."""
        return next(iter(self.list(section, key)[-1:]), None)

    def value(self, section: str, key: str, default: str = "") -> str:
        assignment = self.last(section, key)
        return assignment.value if assignment else default

    def is_true(self, section: str, key: str) -> bool:
        return self.value(section, key).lower() in TRUE

    def place_of(self, section: str, key: str) -> Place:
        """Where a key is set, or the unit if it is not."""
        assignment = self.last(section, key)
        return assignment.place if assignment else self.place
