"""Inspections of the service's sandbox: settings that keep the server from its work."""

import os
import stat
from collections.abc import Iterator

from ...connection import LOOKUP_OPTIONS
from ...host.host import Host
from ...units.unit import FALSE, Unit
from ..gated_service import GatedService
from .fault import Fault, Setting, by_setting
from .service import ROOT

# Programs that start a setuid program (qmail-queue, postdrop) and fail under NoNewPrivileges=.
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
# An empty line resets these settings. The others are switches.
LISTS = ("RestrictAddressFamilies", "SystemCallArchitectures", "SystemCallFilter", "SystemCallLog")
# Courier's servers, which start as root and become the owner of the mailbox.
BECOMES_OWNER = ("imaplogin", "pop3login")
OWNER_CAPABILITIES = ("CAP_SETGID", "CAP_SETUID")


def setuid_blocked(gated: GatedService, host: Host) -> Iterator[Fault]:
    program = setuid_program(gated, host)
    if program is None:
        return
    for key in blocking_settings(gated, host):
        implied = key in IMPLY_BEFORE_255 and host.systemd_version < 255
        version = f" on systemd {host.systemd_version}" if implied else ""
        yield by_setting(
            gated.service, gated.service.place_of("Service", key),
            f"{key}= keeps {program!r} from running setuid programs{version}: mail would be refused after DATA",
            (key, "" if key in LISTS else "no"),
        )  # fmt: skip


def setuid_program(gated: GatedService, host: Host) -> str | None:
    """The first word of the server's command line that is a setuid program, or is known to start one."""
    for word in gated.gate.server.command if gated.gate else ():
        if os.path.basename(word) in NEEDS_SETUID:
            return word
        if word.startswith("/"):
            try:
                mode = os.stat(host.search.host_path(word)).st_mode
            except OSError:
                continue
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                return word
    return None


def blocking_settings(gated: GatedService, host: Host) -> Iterator[str]:
    service = gated.service
    keys: tuple[str, ...] = IMPLY_ALWAYS
    if host.systemd_version < 255 and service.value("Service", "User") not in ROOT:
        keys += IMPLY_BEFORE_255
    for key in keys:
        if (value := service.value("Service", key)) and value.lower() not in FALSE:
            yield key
    lines = service.list("Service", "SystemCallFilter")
    removed = " ".join(line.value[1:] for line in lines if line.value.startswith("~")).split()
    if host.systemd_version >= 255 and {"@privileged", "@setuid"}.intersection(removed):
        yield "SystemCallFilter"


def courier_shut_in(gated: GatedService, _: Host) -> Iterator[Fault]:
    """Settings with which Courier's login servers cannot become the mailbox's owner (measured on 252)."""
    words = gated.gate.server.command if gated.gate else ()
    program = next((word for word in words if os.path.basename(word) in BECOMES_OWNER), None)
    for key, value in broken_for_courier(gated.service) if program else ():
        yield by_setting(
            gated.service, gated.service.place_of("Service", key),
            f"{key}= keeps {program!r} from becoming the mailbox's owner: every login would fail", (key, value),
        )  # fmt: skip


def look_ups_shut_in(gated: GatedService, _: Host) -> Iterator[Fault]:
    """Settings with which the gate itself cannot ask the network. A list that never answers refuses no client."""
    if gated.gate is None or gated.gate.lookups is None:
        return
    service, options = gated.service, [word.text.partition("=")[0] for word in gated.words]
    option = next(option for option in options if option in LOOKUP_OPTIONS)
    if not may_use(service, "AF_INET", "AF_INET6"):
        yield by_setting(
            service, service.place_of("Service", "RestrictAddressFamilies"),
            f"RestrictAddressFamilies= keeps the gate from asking the network, which {option} is for",
            ("RestrictAddressFamilies", "AF_INET AF_INET6"),
        )  # fmt: skip
    if "any" in service.value("Service", "IPAddressDeny").split():
        yield by_setting(
            service, service.place_of("Service", "IPAddressDeny"),
            f"IPAddressDeny=any keeps the gate from asking the network, which {option} is for",
            ("IPAddressDeny", ""),
        )  # fmt: skip
    if service.is_true("Service", "PrivateNetwork"):
        yield by_setting(
            service, service.place_of("Service", "PrivateNetwork"),
            f"PrivateNetwork= keeps the gate from asking the network, which {option} is for", ("PrivateNetwork", "no"),
        )  # fmt: skip


def may_use(service: Unit, *wanted: str) -> bool:
    """Whether RestrictAddressFamilies= leaves these. Its first line makes it a list of what is allowed, or denied (~).

    A line of the other kind takes families away from that list (core/load-fragment.c, 252).
    """
    lines = [line.value for line in service.list("Service", "RestrictAddressFamilies")]
    named: set[str] = set()
    for line in lines:
        families = set(line.removeprefix("~").split())
        named = named | families if line.startswith("~") == lines[0].startswith("~") else named - families
    if not lines:
        return True
    return named.isdisjoint(wanted) if lines[0].startswith("~") else named.issuperset(wanted)


def broken_for_courier(service: Unit) -> Iterator[Setting]:
    """The settings that stop a login, each with the value that mends it."""
    if service.value("Service", "User") not in ROOT:
        yield "User", "root"
    for key in ("DynamicUser", "PrivateUsers"):
        if service.is_true("Service", key):
            yield key, "no"
    if not may_use(service, "AF_UNIX"):
        yield "RestrictAddressFamilies", "AF_UNIX"
    kept = [assignment.value for assignment in service.assignments if assignment.key == "CapabilityBoundingSet"]
    if kept and not kept[-1].startswith("~") and not set(OWNER_CAPABILITIES).issubset(" ".join(kept).split()):
        yield "CapabilityBoundingSet", " ".join(OWNER_CAPABILITIES)
