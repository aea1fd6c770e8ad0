"""TCPDOPTS, BLACKLISTS and DROP: options of couriertcpd."""

import re

from ...access.dnsbl import DnsLists, allow_list
from ...core.errors import UsageError
from ..gateoptions import offers
from ..input_files import Unreadable, read_text
from ..outcomes import Answer, approximated, blocked, ignored, translated
from .access import files_in, rules_of
from .settings import Settings


def options(settings: Settings) -> None:
    """TCPDOPTS, BLACKLISTS and DROP: options of couriertcpd."""
    words = settings.values.get("TCPDOPTS", "").split()
    everything = [*words, *settings.values.get("BLACKLISTS", "").split(), *settings.values.get("DROP", "").split()]
    settings.dropped = next((name for name in map(dropped_by, reversed(everything)) if name), "")
    for word in words:
        settings.answer("TCPDOPTS", tcpd_option(settings, word))
    if "-nodnslookup" not in words:
        settings.answer("TCPDOPTS", lookup(settings))
    for variable in ("BLACKLISTS", "DROP"):
        for word in settings.values.get(variable, "").split():
            settings.answer(variable, tcpd_option(settings, word))


def lookup(settings: Settings) -> Answer:
    if offers("--paranoid"):  # it believes no other name
        settings.gate += [("--hostname", None), ("--paranoid", None)]
        return translated("--hostname --paranoid", text="TCPREMOTEHOST; TCPLOCALHOST stays unset")
    return approximated("no name is looked up, so there is no TCPREMOTEHOST")


def dropped_by(word: str) -> str:
    """The variable of -drop[=VARIABLE].

    A client with a value in it is refused. Only the last one counts, up to a comma.
    """
    name, _, value = word.partition("=")
    return (value.partition(",")[0] or "BLOCK") if name == "-drop" else ""


def drop(settings: Settings, value: str) -> Answer:
    """The DNS lists that set this variable now refuse clients themselves. Access rules can set it, too."""
    variable = dropped_by(f"-drop={value}")
    if variable != settings.dropped:
        return ignored(f"-drop={settings.dropped} behind it counts alone")
    place = setting_of(rules_of(settings)[1], variable)
    if place:
        return blocked(f"{place} gives {variable} a value, and -drop turns that client away: write deny there")
    return translated("--dnsbl without a variable", text="the lists refuse")


def setting_of(path: str, variable: str) -> str:
    """The line of the access rules that gives this variable a value. "" if there is none."""
    files = files_in(path) or [path] * bool(path)
    for file in files:
        try:
            lines = read_text(file).split("\n")
        except Unreadable:  # and then the gate refuses every client
            continue
        for number, line in enumerate(lines, 1):
            if re.search(rf"[\t, ]{re.escape(variable)}[ \t]*=[ \t]*[^ \t,]", line) and not line.startswith("#"):
                return f"{file}:{number}"
    return ""


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
        case "-drop" if offers("--dnsbl"):
            return drop(settings, value)
        case "-accesslocal":
            option, path = rules_of(settings)
            return translated(f"{option} {path}") if option else ignored("there are no access rules")
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
    refuses = (variable or "BLOCK") == settings.dropped
    named = listed if refuses else f"{listed},{variable or 'BLOCK'}" + (f",{text}" if text else "")
    became = listed if option == "--dnsbl-allow" else named
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
    if refuses and variable not in ("", "BLOCK"):
        text = f"it refuses, as -drop did; a rule exempts a client by BLOCK, where {variable} did"
        return approximated(text, f"{option} {became}")
    if refuses and text:
        return translated(f"{option} {became}", text="it refuses, as -drop did")
    if "*" in text and text != "*":
        return approximated("the list's own text takes the place of the asterisk", f"{option} {became}")
    if not text:
        text = "couriertcpd sets the variable only if a text stands behind it, and else blocks no client; here it "
        text += "refuses the clients that the list has" if refuses else "is set to the list's own text"
        return approximated(f"{text}, as its manual says", f"{option} {became}")
    return translated(f"{option} {became}")
