"""Inspections of the service unit: its user, the destination of its output, and what happens when it ends."""

import os
import re
from collections.abc import Iterator

from ...host.host import Host
from ...host.identity import Identity
from ...units.command import PREFIXES
from ...units.unit import FALSE
from ..gated_service import PER_CONNECTION, RESIDENT, GatedService
from .fault import ZERO, Fault, by_setting

ROOT = ("", "root", "0")


def account_missing(gated: GatedService, host: Host) -> Iterator[Fault]:
    if gated.service.is_true("Service", "DynamicUser"):
        return
    for key, find in (("User", host.account), ("Group", host.group_id), ("SupplementaryGroups", host.group_id)):
        assignments = gated.service.list("Service", key)
        for assignment in assignments if key == "SupplementaryGroups" else assignments[-1:]:
            for name in assignment.value.split():
                if "%" not in name and not name.isdigit() and find(name) is None:
                    kind = "user" if key == "User" else "group"
                    yield Fault(
                        gated.service, assignment.place, f"{key}={name}: there is no such {kind}",
                        f"create it, or name another with `systemctl edit {gated.service.name}`",
                    )  # fmt: skip


def account_shared(gated: GatedService, _: Host) -> Iterator[Fault]:
    assignment = gated.service.last("Service", "User")
    if assignment and assignment.value == "nobody":
        yield Fault(
            gated.service, assignment.place, "User=nobody is shared with all programs that have no user of their own",
            "make one: useradd --system NAME",
        )  # fmt: skip


def identity_of(gated: GatedService, host: Host) -> Identity | None:
    """The user and groups of the service. None if they are not known."""
    name = gated.service.value("Service", "User")
    if name in ROOT:
        return Identity(0, 0, ())
    account = host.account(name)
    if account is None:
        return None
    group = host.group_id(gated.service.value("Service", "Group"))
    gid = account.pw_gid if group is None else group
    extra = [
        number
        for line in gated.service.list("Service", "SupplementaryGroups")
        for word in line.value.split()
        if (number := host.group_id(word)) is not None
    ]
    return Identity(account.pw_uid, gid, (*os.getgrouplist(account.pw_name, gid), *extra))


def stderr_to_client(gated: GatedService, _: Host) -> Iterator[Fault]:
    service = gated.service
    if service.value("Service", "StandardInput") == "socket" and not service.value("Service", "StandardError"):
        yield by_setting(
            service, service.place_of("Service", "StandardInput"),
            "StandardInput=socket without StandardError= sends what the server writes to standard error to the client",
            ("StandardError", "journal"),
        )  # fmt: skip


def level_prefix(gated: GatedService, _: Host) -> Iterator[Fault]:
    service = gated.service
    if not service.value("Service", "SyslogLevelPrefix"):
        yield by_setting(
            service, None, "SyslogLevelPrefix= is not set: a client whose text is logged can choose its priority",
            ("SyslogLevelPrefix", "no"),
        )  # fmt: skip


def failed_units_stay(gated: GatedService, _: Host) -> Iterator[Fault]:
    service = gated.service
    if gated.is_template and service.value("Unit", "CollectMode") != "inactive-or-failed":
        yield by_setting(
            service, None, "CollectMode= is not set: each connection that fails leaves a failed unit behind",
            ("CollectMode", "inactive-or-failed"),
        )  # fmt: skip


def endings_hidden(gated: GatedService, _: Host) -> Iterator[Fault]:
    prefixes = gated.command.prefixes
    if gated.is_template and "-" in prefixes:
        own = prefixes.replace("-", "")
        line = own + gated.service.list("Service", "ExecStart")[-1].value.lstrip(PREFIXES)
        yield Fault(
            gated.service, gated.command.place,
            "ExecStart= with `-` keeps systemd from logging how a server failed: sockgatectl log cannot tell",
            f"write ExecStart={own}{gated.command.program} ...", (("ExecStart", ""), ("ExecStart", line)),
        )  # fmt: skip


def restarted(gated: GatedService, _: Host) -> Iterator[Fault]:
    value = gated.service.value("Service", "Restart", "no")
    if gated.is_template and gated.program == PER_CONNECTION and value != "no":
        yield by_setting(
            gated.service, gated.service.place_of("Service", "Restart"),
            f"Restart={value} starts the server again on a connection that has ended",
            ("Restart", "no"),
        )  # fmt: skip


def is_resident(gated: GatedService) -> bool:
    return gated.program == RESIDENT and not gated.is_template


def sessions_killed(gated: GatedService, _: Host) -> Iterator[Fault]:
    value = gated.service.value("Service", "KillMode", "control-group")
    if is_resident(gated) and value != "process":
        yield by_setting(
            gated.service, None, f"KillMode={value} ends every running session when sockgated is restarted",
            ("KillMode", "process"),
        )  # fmt: skip


def sessions_forgotten(gated: GatedService, _: Host) -> Iterator[Fault]:
    own = gated.service.value("Service", "FileDescriptorStoreMax")
    if is_resident(gated) and ZERO.match(own or "0"):
        yield by_setting(
            gated.service, gated.service.place_of("Service", "FileDescriptorStoreMax") if own else None,
            "there is no FileDescriptorStoreMax=: after a restart, sessions that run on count for no limit, "
            "and their end is not recorded",
            ("FileDescriptorStoreMax", "1"),
        )  # fmt: skip


def servers_first(gated: GatedService, _: Host) -> Iterator[Fault]:
    """Nice= without the settings that keep it from the servers. Nice= is for the gate, but servers inherit it.

    systemd reads the second of the two settings only if the first is given (core/execute.c, 252).
    """
    value = gated.service.value("Service", "Nice")
    if not is_resident(gated) or not re.fullmatch("-[0-9]+", value):
        return
    for name, wanted in (("CPUSchedulingPolicy", "other"), ("CPUSchedulingResetOnFork", "yes")):
        if gated.service.value("Service", name) in ("", *FALSE):
            yield Fault(
                gated.service, gated.service.place_of("Service", "Nice"),
                f"Nice={value} without {name}=: servers, too, go before everything else on this machine",
                f"write {name}={wanted}", ((name, wanted),),
            )  # fmt: skip


def start_limit(gated: GatedService, _: Host) -> Iterator[Fault]:
    value = gated.service.value("Unit", "StartLimitIntervalSec", "10s")
    if is_resident(gated) and not ZERO.match(value):
        yield by_setting(
            gated.service, gated.service.place_of("Unit", "StartLimitIntervalSec"),
            "the start limit is on: after five quick restarts systemd stops the socket for good",
            ("StartLimitIntervalSec", "0"),
        )  # fmt: skip
