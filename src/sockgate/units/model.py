"""Unit files as values. `convert`, `install`, `check --fix` and the generators build them; `writer` makes the text.

Every plain str is literal: systemd reads it back exactly as it stands here. Only Variable and Specifier are expanded.
What systemd does to a value depends on its key, so each key has a kind in the table below, and each kind has one
function in `writer` that knows its quotes and escapes.
"""

import re
from dataclasses import dataclass

from ..core import ConfigError

# systemd's unit_name_is_valid(), without the backslash: no name here needs one.
NAME = re.compile(r"[A-Za-z0-9:_.-]+@?\.(?:service|socket)", re.ASCII)
LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Variable:
    """In a command: the value of this variable of the unit.

    splits  the value's words are words of the command, none if it is empty; otherwise the value is one word
    """

    name: str
    splits: bool = False

    def __str__(self) -> str:
        return f"${self.name}" if self.splits else f"${{{self.name}}}"


@dataclass(frozen=True, slots=True)
class Specifier:
    """What systemd puts in for %LETTER: n is the unit's name, p the part of it before the @."""

    letter: str

    def __str__(self) -> str:
        return f"%{self.letter}"


Word = str | Variable | Specifier


@dataclass(frozen=True, slots=True)
class Command:
    """The value of ExecStart= and its kind.

    words            the program, an absolute path, and its arguments
    argv0            the name that the program runs under; "" for its path
    ignores_failure  a failure does not make the unit fail
    """

    words: tuple[Word, ...]
    argv0: str = ""
    ignores_failure: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """The rest of a line, put together of literal text and specifiers."""

    parts: tuple[str | Specifier, ...]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder. With `optional` the unit starts even if there is none."""

    path: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A file with variables, its path put together of literal text and specifiers. It may be `optional`, too."""

    parts: tuple[str | Specifier, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """A list of literal words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Environment:
    """One variable of Environment=."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Written:
    """A value in systemd's own syntax, as it stands in a unit of this machine. Only `check --fix` has such values."""

    text: str


Value = str | int | Command | Text | Folder | File | Words | Environment | Written

# How systemd reads the value of each key that is written: as text to the end of the line, if nothing else is said.
TEXT = (str, int, Text)
KINDS: dict[str, tuple[type, ...]] = {
    "ExecStart": (Command,),
    "ExecStartPre": (Command,),
    "ExecReload": (Command,),
    "Environment": (Environment,),
    "EnvironmentFile": (File,),
    "WorkingDirectory": (Folder,),
    "PassEnvironment": (Words,),
    "Delegate": (Words,),
    "SupplementaryGroups": (Words,),
    "After": (Words,),
    "Requires": (Words,),
    "Wants": (Words,),
} | dict.fromkeys((
    "Accept", "Backlog", "BindIPv6Only", "CPUSchedulingPolicy", "CPUSchedulingResetOnFork", "CollectMode",
    "DelegateSubgroup", "Description", "Documentation", "DynamicUser", "ExitType", "FileDescriptorStoreMax", "FreeBind",
    "Group", "IgnoreSIGPIPE", "KeepAlive", "KeyringMode", "KillMode", "LimitAS", "LimitCORE", "LimitCPU", "LimitDATA",
    "LimitFSIZE", "LimitMEMLOCK", "LimitNOFILE", "LimitNPROC", "LimitRSS", "LimitSTACK", "ListenDatagram",
    "ListenSequentialPacket", "ListenStream", "LoadCredential", "LogRateLimitIntervalSec", "MaxConnections",
    "MaxConnectionsPerSource", "MemoryMax", "Nice", "NoDelay", "OOMPolicy", "PollLimitBurst", "PollLimitIntervalSec",
    "PrivateTmp", "ProtectControlGroups", "ProtectSystem", "ReceiveBuffer", "Restart", "RestartPreventExitStatus",
    "ReusePort", "RuntimeMaxSec", "SELinuxContextFromNet", "SendBuffer", "SocketUser", "StandardError", "StandardInput",
    "StandardOutput", "StartLimitIntervalSec", "SuccessExitStatus", "SyslogFacility", "SyslogIdentifier", "SyslogLevel",
    "SyslogLevelPrefix", "TasksMax", "TimeoutStopSec", "TriggerLimitBurst", "TriggerLimitIntervalSec", "Type", "UMask",
    "User", "WantedBy",
), TEXT)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Directive:
    """One `Key=value`, and the comment above it."""

    key: str
    value: Value
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    directives: tuple[Directive, ...]


def section(name: str, *pairs: tuple[str, Value]) -> Section:
    return Section(name, tuple(Directive(key, value) for key, value in pairs))


@dataclass(frozen=True, slots=True)
class UnitFile:
    """One unit file. Raises ConfigError for a name that systemd does not take, or that is the name of a folder.

    header  the lines of comment on top
    """

    name: str
    header: tuple[str, ...]
    sections: tuple[Section, ...]

    def __post_init__(self) -> None:
        check_unit_name(self.name)


def check_unit_name(name: str) -> None:
    if not NAME.fullmatch(name) or name.startswith(".") or len(name) > LONGEST_NAME:
        raise ConfigError(f"{name!r} is not the name of a unit", "letters, digits and : _ . - only")
