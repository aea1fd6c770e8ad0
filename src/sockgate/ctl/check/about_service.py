"""Rules about the service unit: its user, its sandbox, and what becomes of instances that failed."""

import os
import re
import stat
from collections.abc import Iterator

from ..gated import PER_CONNECTION, RESIDENT, GatedService
from .machine import Identity, Machine
from .problem import ZERO, Problem, setting

# Programs that hand over to a setuid program (qmail-queue, postdrop) and fail under NoNewPrivileges=.
NEEDS_SETUID = frozenset((
    "qmail-smtpd", "qmail-qmtpd", "qmail-qmqpd", "smtpfront-qmail", "qmtpfront-qmail", "qmqpfront-qmail",
    "sendmail", "postdrop", "nullmailer-inject", "vchkpw",
))  # fmt: skip
# Settings that imply NoNewPrivileges= before systemd 255 where User= is not root (measured on 252; the change
# is in the release notes of 255).
IMPLY_BEFORE_255 = (
    "LockPersonality", "MemoryDenyWriteExecute", "PrivateDevices", "ProtectClock", "ProtectHostname",
    "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "RestrictAddressFamilies",
    "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "SystemCallArchitectures", "SystemCallFilter",
    "SystemCallLog",
)  # fmt: skip
IMPLY_ALWAYS = ("NoNewPrivileges", "DynamicUser", "PrivateUsers")
FALSE = ("0", "no", "n", "false", "f", "off")
ROOT = ("", "root", "0")
NEWER_DROP_IN = re.compile(r"-(\d{3})\.conf$")


def account_missing(gated: GatedService, machine: Machine) -> Iterator[Problem]:
    if gated.service.is_true("Service", "DynamicUser"):
        return
    for key, find in (("User", machine.user), ("Group", machine.group), ("SupplementaryGroups", machine.group)):
        assignments = gated.service.list("Service", key)
        for assignment in assignments if key == "SupplementaryGroups" else assignments[-1:]:
            for name in assignment.value.split():
                if "%" not in name and not name.isdigit() and find(name) is None:
                    kind = "user" if key == "User" else "group"
                    yield Problem(
                        gated.service, assignment.place, f"{key}={name}: there is no such {kind}",
                        f"create it, or name another with `systemctl edit {gated.service.name}`",
                    )  # fmt: skip


def account_shared(gated: GatedService, _: Machine) -> Iterator[Problem]:
    assignment = gated.service.last("Service", "User")
    if assignment and assignment.value == "nobody":
        yield Problem(
            gated.service, assignment.place, "User=nobody is shared with everything else that has no user of its own",
            "make one: useradd --system NAME",
        )  # fmt: skip


def identity_of(gated: GatedService, machine: Machine) -> Identity | None:
    """Whom the service runs as; None if that is not known."""
    name = gated.service.value("Service", "User")
    if name in ROOT:
        return Identity(0, 0, ())
    account = machine.user(name)
    if account is None:
        return None
    group = machine.group(gated.service.value("Service", "Group"))
    gid = account.pw_gid if group is None else group
    extra = [
        number
        for line in gated.service.list("Service", "SupplementaryGroups")
        for word in line.value.split()
        if (number := machine.group(word)) is not None
    ]
    return Identity(account.pw_uid, gid, (*os.getgrouplist(account.pw_name, gid), *extra))


def setuid_blocked(gated: GatedService, machine: Machine) -> Iterator[Problem]:
    program = setuid_program(gated, machine)
    if program is None:
        return
    for key in blocking_settings(gated, machine):
        implied = key in IMPLY_BEFORE_255 and machine.systemd_version < 255
        version = f" on systemd {machine.systemd_version}" if implied else ""
        yield Problem(
            gated.service, gated.service.place_of("Service", key),
            f"{key}= keeps {program!r} from running setuid programs{version}: mail would be refused after DATA",
            setting(gated.service, f"{key}={'' if key == 'SystemCallFilter' else 'no'}"),
        )  # fmt: skip


def setuid_program(gated: GatedService, machine: Machine) -> str | None:
    """The first word of the server's command line that is setuid, or known to start something that is."""
    for word in gated.gate.server.command if gated.gate else ():
        if os.path.basename(word) in NEEDS_SETUID:
            return word
        if word.startswith("/"):
            try:
                mode = os.stat(machine.search.host_path(word)).st_mode
            except OSError:
                continue
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                return word
    return None


def blocking_settings(gated: GatedService, machine: Machine) -> Iterator[str]:
    service = gated.service
    keys: tuple[str, ...] = IMPLY_ALWAYS
    if machine.systemd_version < 255 and service.value("Service", "User") not in ROOT:
        keys += IMPLY_BEFORE_255
    for key in keys:
        if (value := service.value("Service", key)) and value.lower() not in FALSE:
            yield key
    lines = service.list("Service", "SystemCallFilter")
    removed = " ".join(line.value[1:] for line in lines if line.value.startswith("~")).split()
    if machine.systemd_version >= 255 and {"@privileged", "@setuid"}.intersection(removed):
        yield "SystemCallFilter"


def stderr_to_client(gated: GatedService, _: Machine) -> Iterator[Problem]:
    service = gated.service
    if service.value("Service", "StandardInput") == "socket" and not service.value("Service", "StandardError"):
        yield Problem(
            service, service.place_of("Service", "StandardInput"),
            "StandardInput=socket without StandardError= sends what the server writes to standard error to the client",
            setting(service, "StandardError=journal"),
        )  # fmt: skip


def level_prefix(gated: GatedService, _: Machine) -> Iterator[Problem]:
    service = gated.service
    if not service.value("Service", "SyslogLevelPrefix"):
        yield Problem(
            service, None, "SyslogLevelPrefix= is not set: a client whose text is logged can choose its priority",
            setting(service, "SyslogLevelPrefix=no"),
        )  # fmt: skip


def failed_units_stay(gated: GatedService, _: Machine) -> Iterator[Problem]:
    service = gated.service
    if gated.is_template and service.value("Unit", "CollectMode") != "inactive-or-failed":
        yield Problem(
            service, None, "CollectMode= is not set: each connection that fails leaves a failed unit behind",
            setting(service, "CollectMode=inactive-or-failed"),
        )  # fmt: skip


def endings_hidden(gated: GatedService, _: Machine) -> Iterator[Problem]:
    prefixes = gated.command.prefixes
    if gated.is_template and "-" in prefixes:
        yield Problem(
            gated.service, gated.command.place,
            "ExecStart= with `-` keeps systemd from logging how a server failed: sockgatectl log cannot tell",
            f"write ExecStart={prefixes.replace('-', '')}{gated.command.program} ...",
        )  # fmt: skip


def restarted(gated: GatedService, _: Machine) -> Iterator[Problem]:
    value = gated.service.value("Service", "Restart", "no")
    if gated.is_template and gated.program == PER_CONNECTION and value != "no":
        yield Problem(
            gated.service, gated.service.place_of("Service", "Restart"),
            f"Restart={value} starts the server again on a connection that has ended",
            setting(gated.service, "Restart=no"),
        )  # fmt: skip


def is_resident(gated: GatedService) -> bool:
    return gated.program == RESIDENT and not gated.is_template


def sessions_killed(gated: GatedService, _: Machine) -> Iterator[Problem]:
    value = gated.service.value("Service", "KillMode", "control-group")
    if is_resident(gated) and value != "process":
        yield Problem(
            gated.service, None, f"KillMode={value} ends every running session when sockgated is restarted",
            setting(gated.service, "KillMode=process"),
        )  # fmt: skip


def start_limit(gated: GatedService, _: Machine) -> Iterator[Problem]:
    value = gated.service.value("Unit", "StartLimitIntervalSec", "10s")
    if is_resident(gated) and not ZERO.match(value):
        yield Problem(
            gated.service, gated.service.place_of("Unit", "StartLimitIntervalSec"),
            "the start limit is on: after five quick restarts systemd stops the socket for good",
            setting(gated.service, "StartLimitIntervalSec=0"),
        )  # fmt: skip


def newer_drop_in(gated: GatedService, machine: Machine) -> Iterator[Problem]:
    for unit in filter(None, (gated.socket, gated.service)):
        for path in unit.drop_ins:
            match = NEWER_DROP_IN.search(path)
            if match and int(match[1]) > machine.systemd_version:
                yield Problem(
                    unit, None, f"{path!r} is for systemd {match[1]} and newer, this is {machine.systemd_version}",
                    f"rm {path}",
                )  # fmt: skip


def ignored_lines(gated: GatedService, _: Machine) -> Iterator[Problem]:
    for unit in filter(None, (gated.socket, gated.service)):
        for line in unit.ignored:
            yield Problem(unit, line.place, f"systemd ignores this line: {line.text}")
