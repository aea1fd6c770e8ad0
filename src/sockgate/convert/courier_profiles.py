"""Courier's services: which settings belong to each, and what its start script makes of them."""

import os
import re
from dataclasses import dataclass

LIBRARY = "/usr/lib/courier/courier"
ASSIGNED = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=", re.ASCII)


@dataclass(frozen=True, slots=True)
class Profile:
    """What one start script does with its settings.

    base     the settings that it reads first, "" for none
    prefix   of PORT and ADDRESS: "SSL" for the TLS variants
    port     the default
    server   what couriertcpd starts; $MAILDIRPATH is expanded when it starts
    access   the variable that names the access rules
    start    the variable that says whether it is started at all
    """

    base: str
    prefix: str
    port: str
    server: tuple[str, ...]
    access: str
    start: str
    user: str = ""


IMAP = (f"{LIBRARY}/imaplogin", "/usr/bin/imapd", "${MAILDIRPATH}")
POP3 = (f"{LIBRARY}/courierpop3login", f"{LIBRARY}/courierpop3d", "${MAILDIRPATH}")
ESMTP = ("/usr/sbin/courieresmtpd",)
PROFILES = {
    "imapd-ssl": Profile("imapd", "SSL", "993", IMAP, "IMAPACCESSFILE", "IMAPDSSLSTART"),
    "imapd": Profile("", "", "143", IMAP, "IMAPACCESSFILE", "IMAPDSTART"),
    "pop3d-ssl": Profile("pop3d", "SSL", "995", POP3, "", "POP3DSSLSTART"),
    "pop3d": Profile("", "", "110", POP3, "", "POP3DSTART"),
    "esmtpd-msa": Profile("esmtpd", "", "587", ESMTP, "ACCESSFILE", "ESMTPDSTART", "courier"),
    "esmtpd-ssl": Profile("esmtpd", "SSL", "465", ESMTP, "ACCESSFILE", "ESMTPDSSLSTART", "courier"),
    "esmtpd": Profile("", "", "smtp", ESMTP, "ACCESSFILE", "ESMTPDSTART", "courier"),
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
