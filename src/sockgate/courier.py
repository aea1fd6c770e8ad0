"""Courier's servers: one row for each, for `convert`, `install` and `courier-environment`.

What the start scripts /usr/lib/courier/NAME do with their settings, in Debian's courier 1.0.16 and 1.4.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .units.model import Variable, Word

LIBRARY = "/usr/lib/courier/courier"
SETTINGS_FOLDER = "/etc/courier"
TLS_USER = "courier"
# Every start script sets these before it reads its settings, which may use them (ACCESSFILE=${sysconfdir}/smtpaccess).
FOLDERS = {
    "prefix": "/usr", "exec_prefix": "/usr", "sbindir": "/usr/sbin", "bindir": "/usr/bin",
    "libexecdir": "/usr/lib/courier", "sysconfdir": SETTINGS_FOLDER,
}  # fmt: skip
# Variables that `sockgatectl courier-environment` sets, and that the units expand.
LIMITS = "SOCKGATE_LIMITS"
MAILDIR = "MAILDIRPATH"


@dataclass(frozen=True, slots=True)
class Limit:
    """A setting that is a limit in kB, and the limit's name for setrlimit(2)."""

    setting: str
    resource: str


@dataclass(frozen=True, slots=True)
class Server:
    """One server of Courier's, and what its start script does.

    unit              Courier's own unit that starts it, without its suffix
    read              the settings that the script reads, in order; its own ones last
    environment_from  the settings that the server's environment comes from, in order
    needs_others      the script cannot do without the other settings
    prefix            of PORT and ADDRESS: SSL for the variants with TLS
    port              the port if PORT is not set
    command           what couriertcpd starts
    start             the setting that says whether it is started at all
    access            the setting that names the access rules, "" for none
    rules             the rules if that setting is empty; the server does not start without them; "" for none
    runs_as           the settings that name user and group, and the value of both if they are empty; "" for root
    behind            the options that the script gives couriertcpd behind TCPDOPTS
    echoes            the script writes TCPDOPTS with echo(1), into the second shell
    umask, limit      the settings for these; "" or None for none
    copied            variables of the server that get the script's value of another one
    fixed             variables of the server that the script sets itself
    wants             units of Courier's own that it needs
    """

    unit: str
    read: tuple[str, ...]
    environment_from: tuple[str, ...]
    prefix: str
    port: str
    command: tuple[Word, ...]
    start: str
    needs_others: bool = False
    access: str = ""
    rules: str = ""
    runs_as: tuple[str, str, str] = ("", "", "")
    behind: tuple[str, ...] = ()
    echoes: bool = False
    umask: str = ""
    limit: Limit | None = None
    copied: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    wants: tuple[str, ...] = ("courier-authdaemon.service",)

    @property
    def has_mailbox(self) -> bool:
        return Variable(MAILDIR) in self.command


PROXY = {"PROXY_HOSTNAME": "PROXY_HOSTNAME"}
MTA_UNITS = ("courier-authdaemon.service", "courier.service", "courierfilter.service")


ESMTP_LIMITS = ("-maxprocs", "-maxperc", "-maxperip")


def imap(*read: str, unit: str, prefix: str, port: str, start: str, copied: Mapping[str, str] = PROXY,
         fixed: Mapping[str, str] | None = None) -> Server:  # fmt: skip
    return Server(
        unit, read, ("imapd", "imapd-ssl"), prefix, port,
        (f"{LIBRARY}/imaplogin", "/usr/bin/imapd", Variable(MAILDIR)), start, needs_others=bool(prefix),
        access="IMAPACCESSFILE", rules="imapaccess", umask="IMAP_UMASK", limit=Limit("IMAP_ULIMITD", "as"),
        copied=copied, fixed=fixed or {},
    )  # fmt: skip


def pop3(*read: str, unit: str, prefix: str, port: str, start: str, fixed: Mapping[str, str] | None = None) -> Server:
    return Server(
        unit, read, ("pop3d", "pop3d-ssl"), prefix, port,
        (f"{LIBRARY}/courierpop3login", f"{LIBRARY}/courierpop3d", Variable(MAILDIR)), start,
        needs_others=bool(prefix), copied=PROXY, fixed=fixed or {},
    )  # fmt: skip


def esmtp(*read: str, unit: str, prefix: str, port: str, start: str, fixed: Mapping[str, str] | None = None) -> Server:
    return Server(
        unit, read, read, prefix, port, ("/usr/sbin/courieresmtpd",), start, needs_others=len(read) > 1,
        access="ACCESSFILE", runs_as=("MAILUSER", "MAILGROUP", "courier"), limit=Limit("ULIMIT", "data"),
        behind=("-user", "-group", "-address", "-access", *(() if prefix else ESMTP_LIMITS)), echoes=not prefix,
        fixed=fixed or {}, wants=MTA_UNITS,
    )  # fmt: skip


SERVERS = {
    "imapd-ssl": imap("imapd", "imapd-ssl", unit="courier-imap-ssl", prefix="SSL", port="993", start="IMAPDSSLSTART",
                      fixed={"IMAP_TLS": "1"}),
    "imapd": imap("imapd-ssl", "imapd", unit="courier-imap", prefix="", port="143", start="IMAPDSTART",
                  copied={"IMAP_STARTTLS": "IMAPDSTARTTLS", **PROXY}),
    "pop3d-ssl": pop3("pop3d", "pop3d-ssl", unit="courier-pop-ssl", prefix="SSL", port="995", start="POP3DSSLSTART",
                      fixed={"POP3_TLS": "1", "POP3_STARTTLS": "NO", "POP3_TLS_REQUIRED": "0"}),
    "pop3d": pop3("pop3d-ssl", "pop3d", unit="courier-pop", prefix="", port="110", start="POP3DSTART"),
    "esmtpd-msa": esmtp("esmtpd", "esmtpd-msa", unit="courier-msa", prefix="", port="587", start="ESMTPDSTART"),
    "esmtpd-ssl": esmtp("esmtpd", "esmtpd-ssl", unit="courier-mta-ssl", prefix="SSL", port="465",
                        start="ESMTPDSSLSTART", fixed={"ESMTP_TLS": "1"}),
    "esmtpd": esmtp("esmtpd", unit="courier-mta", prefix="", port="smtp", start="ESMTPDSTART"),
}  # fmt: skip
