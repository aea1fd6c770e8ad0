"""Courier's services: which settings belong to each, and what its start script makes of them."""

import os
import re
from dataclasses import dataclass

from ...units.model import Variable, Word

LIBRARY = "/usr/lib/courier/courier"
ASSIGNED = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=", re.ASCII)


@dataclass(frozen=True, slots=True)
class Profile:
    """What one start script does with its settings.

    base     the settings that it reads first
    needs    whether it cannot do without those
    prefix   of PORT and ADDRESS: "SSL" for the TLS variants
    port     the default
    server   what couriertcpd starts; the unit expands a Variable in it
    access   the variable that names the access rules
    start    the variable that says whether it is started at all
    rules    the access rules if the variable is not set; without them it does not start, "" for none
    runs_as  the variables that name the user and the group, and their defaults; "" for root
    umask    the variable that holds it
    limit    the variable that holds one, in kB
    wants    units of Courier's own that it needs
    """

    base: str
    needs: bool
    prefix: str
    port: str
    server: tuple[Word, ...]
    access: str
    start: str
    rules: str = ""
    runs_as: tuple[str, str, str] = ("", "", "")
    umask: str = ""
    limit: str = ""
    wants: tuple[str, ...] = ("courier-authdaemon.service",)


MAILDIR = Variable("MAILDIRPATH")
IMAP = (f"{LIBRARY}/imaplogin", "/usr/bin/imapd", MAILDIR)
POP3 = (f"{LIBRARY}/courierpop3login", f"{LIBRARY}/courierpop3d", MAILDIR)
ESMTP = ("/usr/sbin/courieresmtpd",)


def imap(base: str, *, needs: bool, prefix: str, port: str, start: str) -> Profile:
    return Profile(base, needs, prefix, port, IMAP, "IMAPACCESSFILE", start, "imapaccess", umask="IMAP_UMASK",
                   limit="IMAP_ULIMITD")  # fmt: skip


def esmtp(base: str, prefix: str, port: str, start: str) -> Profile:
    wants = ("courier-authdaemon.service", "courier.service", "courierfilter.service")
    return Profile(base, bool(base), prefix, port, ESMTP, "ACCESSFILE", start, limit="ULIMIT",
                   runs_as=("MAILUSER", "MAILGROUP", "courier"), wants=wants)  # fmt: skip


PROFILES = {
    "imapd-ssl": imap("imapd", needs=True, prefix="SSL", port="993", start="IMAPDSSLSTART"),
    "imapd": imap("imapd-ssl", needs=False, prefix="", port="143", start="IMAPDSTART"),
    "pop3d-ssl": Profile("pop3d", True, "SSL", "995", POP3, "", "POP3DSSLSTART"),
    "pop3d": Profile("pop3d-ssl", False, "", "110", POP3, "", "POP3DSTART"),
    "esmtpd-msa": esmtp("esmtpd", "", "587", "ESMTPDSTART"),
    "esmtpd-ssl": esmtp("esmtpd", "SSL", "465", "ESMTPDSSLSTART"),
    "esmtpd": esmtp("", "", "smtp", "ESMTPDSTART"),
}


def assignments(text: str) -> dict[str, int]:
    """The line on which each variable is set last."""
    found = {}
    for number, line in enumerate(text.split("\n"), 1):
        match = ASSIGNED.match(line)
        if match:
            found[match[1]] = number
    return found


def profile_of(path: str, lines: dict[str, int]) -> str | None:
    """By the file's name, or by what is set in it."""
    base = os.path.basename(path)
    if not lines:
        return None
    for name, profile in PROFILES.items():
        if base == name or (base.endswith(f"-{name}") and (profile.prefix + "PORT" in lines or profile.start in lines)):
            return name
    for name, profile in PROFILES.items():
        if profile.start in lines and f"{profile.prefix}PORT" in lines:
            return name
    return None
