"""A unit as systemd merges it: the assignments of its file, then those of its drop-ins."""

from dataclasses import dataclass

from .names import UnitName
from .reader import Assignment, Ignored, Place

# What systemd takes for a boolean (parse_boolean), in lower case.
TRUE = ("1", "yes", "y", "true", "t", "on")
FALSE = ("0", "no", "n", "false", "f", "off")
# For these keys systemd ignores a line with an empty value: the earlier value stays. For all others it resets the key.
# 262 resets ProtectHostname= as well. What asks for that key is about older versions (ctl/check/sandbox.py).
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

    name         its own name; a template has an empty instance
    path         the unit file
    drop_ins     the drop-ins that count, in the order in which they were merged
    assignments  those of all these files, in their order
    ignored      the lines that systemd ignores
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
        """The place of the whole unit, for a message about something that is missing in it."""
        return Place(self.path, 1)

    def list(self, section: str, key: str) -> "list[Assignment]":
        """Every assignment of a key that may be repeated. For most keys an empty one resets those before it."""
        found: list[Assignment] = []
        for assignment in self.assignments:
            if (assignment.section, assignment.key) == (section, key):
                if assignment.value:
                    found.append(assignment)
                elif key not in KEPT:
                    found = []
        return found

    def last(self, section: str, key: str) -> Assignment | None:
        """The assignment that counts, for a key with one value. None if the key was not set, or was reset."""
        return next(iter(self.list(section, key)[-1:]), None)

    def value(self, section: str, key: str, default: str = "") -> str:
        assignment = self.last(section, key)
        return assignment.value if assignment else default

    def is_true(self, section: str, key: str) -> bool:
        return self.value(section, key).lower() in TRUE

    def place_of(self, section: str, key: str) -> Place:
        """The place where a key is set, or the place of the unit if it is not set."""
        assignment = self.last(section, key)
        return assignment.place if assignment else self.place
