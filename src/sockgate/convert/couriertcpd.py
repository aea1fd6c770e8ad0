"""Courier's imapd, pop3d and esmtpd settings, from which its start scripts build couriertcpd's command line.

The settings are shell. What shapes the units is evaluated here; the rest is the server's environment, which
`sockgatectl courier-environment` evaluates anew at each start of the socket, as the start script did.
"""

import os
from dataclasses import dataclass, field

from ..core.dnsbl import DnsLists, allow_list
from ..core.errors import UsageError
from ..units.command import format_command
from .answer import Answer, approximated, blocked, entry_of, ignored, translated
from .courier_profiles import PROFILES, Profile, assignments, profile_of
from .gateoptions import offers
from .machine import Machine
from .report import Report
from .service import STREAM, Listen, Service
from .shell.interpreter import Shell
from .shell.tokens import UNKNOWN, ScriptError
from .source import Place, Unreadable, read_text

CONFIG_FOLDER = "/etc/courier"
FOLDERS = {"prefix": "/usr", "exec_prefix": "/usr", "sbindir": "/usr/sbin", "bindir": "/usr/bin",
           "libexecdir": "/usr/lib/courier", "sysconfdir": CONFIG_FOLDER}  # fmt: skip


@dataclass(slots=True)
class Settings:
    """One file of settings after evaluation, while its service is built."""

    name: str
    path: str
    profile: Profile
    machine: Machine
    values: dict[str, str]
    lines: dict[str, int]
    report: Report
    gate: list[tuple[str, str | None]] = field(default_factory=list)
    blocked: bool = False

    def answer(self, variable: str, answer: Answer) -> None:
        place = Place(self.path, self.lines.get(variable, 0))
        written = f"{variable}={self.values.get(variable, '')}"
        self.report.entries.append(entry_of(self.name, place, written, answer))
        self.blocked = self.blocked or answer.blocks

    def number(self, variable: str, default: int) -> int:
        text = self.values.get(variable, "")
        if text.isascii() and text.isdigit():
            return int(text)
        if text:
            self.answer(variable, blocked(f"{text!r} is no number"))
        return default


def read(files: list[str], machine: Machine, report: Report) -> list[Service]:
    services = []
    for file in files:
        service = read_settings(file, machine, report)
        if service:
            services.append(service)
    return services


def read_settings(path: str, machine: Machine, report: Report) -> Service | None:
    try:
        text = read_text(path)
    except Unreadable as error:
        report.entries.append(entry_of("", Place(path, 0), path, blocked(f"unable to read {path!r}: {error}")))
        return None
    lines = assignments(text)
    name = profile_of(path, lines)
    if name is None:
        why = "these are no settings of Courier's imapd, pop3d or esmtpd"
        if any("\t" in line and ("allow" in line or "deny" in line) for line in text.split("\n")):
            why = "these are access rules, which need no conversion: give them to the gate with --courier-access"
        report.entries.append(entry_of("", Place(path, 0), os.path.basename(path), blocked(why)))
        return None
    values = evaluate(path, name, machine, report)
    if values is None:
        return None
    return build(Settings(name, path, PROFILES[name], machine, values, lines, report))


def evaluate(path: str, name: str, machine: Machine, report: Report) -> dict[str, str] | None:
    """The variables after the base settings beside the file, if they are there, and the file itself."""
    folder = os.path.dirname(os.path.abspath(path))
    shell = Shell(machine, folder)
    shell.variables.update(FOLDERS)
    base = PROFILES[name].base
    try:
        if base and os.path.exists(f"{folder}/{base}"):
            shell.run_file(f"{folder}/{base}")
        elif base:
            text = f"{base!r} is not beside it: MAXDAEMONS, MAXPERIP and TCPDOPTS that are set there are not known"
            report.entries.append(entry_of(name, Place(path, 0), base, approximated(text)))
        shell.run_file(path)
    except Unreadable as error:
        report.entries.append(entry_of(name, Place(path, 0), path, blocked(f"unable to read it: {error}")))
        return None
    except ScriptError as error:
        report.entries.append(entry_of(name, Place(path, error.line), path, blocked(str(error))))
        return None
    for doubt in shell.doubts:
        report.entries.append(entry_of(name, doubt.place, doubt.what, approximated(doubt.text)))
    return shell.variables


def build(settings: Settings) -> Service | None:
    profile = settings.profile
    started(settings)
    listens = listening(settings)
    command = server(settings)
    access(settings)
    options(settings)
    config = configuration(settings)
    maximum, per_source = limits(settings)
    rest(settings)
    if settings.blocked or not listens:
        return None
    environment = f"/run/sockgate/{settings.name}.env"
    return Service(
        name=settings.name, place=Place(settings.path, 0), listens=listens, command=command, expand_command=True,
        ipv6_only="both" if any(listen.is_ipv6 for listen in listens) else "",
        user=profile.user, group=profile.user, needs_gate=True, gate=tuple(settings.gate),
        unit=(("Wants", "courier-authdaemon.service"), ("After", "courier-authdaemon.service")),
        socket=(
            ("ExecStartPre",
             format_command([settings.machine.control, "courier-environment", config, "--output", environment])),
            ("KeepAlive", "yes"),
        ),
        directives=(("EnvironmentFile", environment),),
        max_connections=maximum, max_per_source=per_source,
    )  # fmt: skip


def configuration(settings: Settings) -> str:
    """The settings that the socket evaluates at its start: they must have their own name."""
    path = os.path.abspath(settings.path)
    if os.path.basename(path) == settings.name:
        return path
    text = f"taken for a copy of {CONFIG_FOLDER}/{settings.name}, which the socket evaluates when it starts"
    settings.report.entries.append(entry_of(settings.name, Place(settings.path, 0), settings.path, approximated(text)))
    return f"{CONFIG_FOLDER}/{settings.name}"


def started(settings: Settings) -> None:
    value = settings.values.get(settings.profile.start, "")
    if value and not value.upper().startswith("Y"):
        settings.answer(
            settings.profile.start, approximated("it was not started; enable the socket only if you want it")
        )
    elif value:
        settings.answer(settings.profile.start, translated(f"systemctl enable {settings.name}.socket"))


def listening(settings: Settings) -> tuple[Listen, ...]:
    """PORT is a comma list of `port` or `address.port`; ADDRESS is for the entries without one."""
    prefix = settings.profile.prefix
    address = settings.values.get(f"{prefix}ADDRESS", "0")
    listens = []
    for entry in settings.values.get(f"{prefix}PORT", settings.profile.port).split(","):
        own, _, port = entry.strip().rpartition(".")
        number = int(port) if port.isascii() and port.isdigit() else settings.machine.port(port, "tcp")
        if number is None or UNKNOWN in entry:
            settings.answer(f"{prefix}PORT", blocked(f"{entry!r} is neither a port nor in /etc/services"))
            return ()
        where = own or address
        wildcard = where in ("", "0", "0.0.0.0", "::")  # noqa: S104  # what the old settings say
        at = str(number) if wildcard else f"[{where}]:{number}" if ":" in where else f"{where}:{number}"
        listens.append(Listen(STREAM, at))
    if f"{prefix}PORT" in settings.lines:
        settings.answer(f"{prefix}PORT", translated(*(f"ListenStream={listen.address}" for listen in listens)))
    if f"{prefix}ADDRESS" in settings.lines:
        settings.answer(f"{prefix}ADDRESS", translated(text="in ListenStream="))
    return tuple(listens)


def server(settings: Settings) -> tuple[str, ...]:
    """The TLS variants have couriertls in front, which takes the client's address from the gate's variables."""
    words = settings.profile.server
    if not settings.profile.prefix:
        return words
    tls = settings.values.get("COURIERTLS", "/usr/bin/couriertls")
    settings.answer("COURIERTLS", translated(f"{tls} -server -tcpd -user=courier"))
    return (tls, "-server", "-tcpd", "-user=courier", *words)


def access(settings: Settings) -> None:
    variable = settings.profile.access
    path = settings.values.get(variable, "") if variable else ""
    if not path:
        return
    if not os.path.exists(path) and not os.path.exists(f"{path}.dat"):
        settings.answer(variable, approximated(f"{path!r} does not exist here: everybody gets in, as before; add "
                                               "--courier-access when there are rules"))  # fmt: skip
    elif offers("--courier-access"):
        settings.gate.append(("--courier-access", path))
        settings.answer(variable, translated(f"--courier-access {path}", text="the text, no longer what makedat made"))
    else:
        settings.answer(variable, blocked("the gate has no --courier-access"))


def limits(settings: Settings) -> tuple[int, int]:
    maximum, per_source = settings.number("MAXDAEMONS", 40), settings.number("MAXPERIP", 4)
    if "MAXDAEMONS" in settings.values:
        settings.answer(
            "MAXDAEMONS",
            approximated(
                "above it systemd accepts and closes, where couriertcpd let clients wait; sockgated(8) lets them wait",
                f"MaxConnections={maximum}",
            ),
        )
    settings.answer("MAXPERIP", translated(f"MaxConnectionsPerSource={per_source}"))
    per_network = settings.number("MAXPERC", maximum)
    if per_network < maximum:
        settings.answer("MAXPERC", approximated("systemd has no limit per network; sockgated(8) has: "
                                                f"--max-per-network {per_network}"))  # fmt: skip
    return maximum, per_source


def options(settings: Settings) -> None:
    """TCPDOPTS, BLACKLISTS and DROP: options of couriertcpd."""
    words = settings.values.get("TCPDOPTS", "").split()
    for word in words:
        settings.answer("TCPDOPTS", tcpd_option(settings, word))
    if "-nodnslookup" not in words and "TCPDOPTS" in settings.lines:
        settings.answer("TCPDOPTS", lookup(settings))
    for variable in ("BLACKLISTS", "DROP"):
        for word in settings.values.get(variable, "").split():
            settings.answer(variable, tcpd_option(settings, word))


def lookup(settings: Settings) -> Answer:
    if offers("--paranoid"):  # it believes no other name
        settings.gate += [("--hostname", None), ("--paranoid", None)]
        return translated("--hostname --paranoid", text="TCPREMOTEHOST; TCPLOCALHOST stays unset")
    return approximated("no name is looked up, so there is no TCPREMOTEHOST")


def tcpd_option(settings: Settings, word: str) -> Answer:
    name, _, value = word.partition("=")
    match name:
        case "-nodnslookup" | "-noidentlookup" | "-listen" | "-proxy":
            return translated()
        case "-stderrlogger" | "-stderrloggername" | "-stderr" | "-pid":
            return translated(text="the journal")
        case "-denymsg" if offers("--deny-message"):
            settings.gate.append(("--deny-message", value))
            return translated(f"--deny-message {value}")
        case "-warn":
            return ignored("systemd has no warning before the limit; it logs every connection above it")
        case "-block" if offers("--dnsbl"):
            return dns_list(settings, "--dnsbl", value)
        case "-allow" if offers("--dnsbl-allow"):
            return dns_list(settings, "--dnsbl-allow", value)
    return blocked(f"{name} is not converted: it decides who gets in; add the gate's own option, see sockgate(8)")


def dns_list(settings: Settings, option: str, value: str) -> Answer:
    """ZONE[=DISPLAY][,VAR[/ADDRESS][,TEXT]] or ZONE/ADDRESS[,TEXT]. Here the address is behind the zone, and the
    variable must be named.
    """
    names, _, text = value.partition(",")
    variable = ""
    if "/" not in names:
        variable, _, text = text.partition(",")
    names, _, address = names.partition("/")
    variable, _, own_address = variable.partition("/")
    zone, _, display = names.partition("=")
    address = own_address or address
    listed = f"{zone}/{address}" if address else zone
    became = listed if option == "--dnsbl-allow" else f"{listed},{variable or 'BLOCK'}" + (f",{text}" if text else "")
    try:
        DnsLists([became], [], "open") if option == "--dnsbl" else allow_list(became)
    except UsageError as error:
        return blocked(str(error))
    settings.gate.append((option, became))
    if display:
        return approximated(f"BLOCK_ZONE is {zone!r}, not {display!r}", f"{option} {became}")
    if option == "--dnsbl-allow":
        text = "it counts before all -block, wherever it stands, and for each of their variables"
        return approximated(text, f"{option} {became}")
    if "*" in text and text != "*":
        return approximated("the list's own text takes the place of the asterisk", f"{option} {became}")
    if not text:
        text = (
            "couriertcpd sets the variable itself only if there is a text behind it, and else blocks nobody; here it "
        )
        return approximated(f"{text}is set to the list's own text, as its manual says", f"{option} {became}")
    return translated(f"{option} {became}")


def rest(settings: Settings) -> None:
    """Everything else is the server's environment, or of no use without couriertcpd."""
    prefix = settings.profile.prefix
    seen = {"MAXDAEMONS", "MAXPERIP", "MAXPERC", "TCPDOPTS", "BLACKLISTS", "DROP", f"{prefix}PORT", f"{prefix}ADDRESS",
            settings.profile.start, settings.profile.access, "COURIERTLS" if prefix else ""}  # fmt: skip
    for variable in settings.lines:
        if variable in seen:
            continue
        if variable.endswith(("PIDFILE", "LOGGEROPTS")):
            settings.answer(variable, translated(text="systemd and the journal do this"))
        else:
            settings.answer(variable, translated("EnvironmentFile="))
