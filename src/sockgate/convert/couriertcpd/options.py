"""TCPDOPTS, BLACKLISTS and DROP: options of couriertcpd."""

from ...core.dnsbl import DnsLists, allow_list
from ...core.errors import UsageError
from ..answer import Answer, approximated, blocked, ignored, translated
from ..gateoptions import offers
from .settings import Settings


def options(settings: Settings) -> None:
    """TCPDOPTS, BLACKLISTS and DROP: options of couriertcpd."""
    words = settings.values.get("TCPDOPTS", "").split()
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
