"""TCPDOPTS, BLACKLISTS and DROP: options of couriertcpd."""

import re
from collections.abc import Callable

from ...access.dnsbl import DnsLists, allow_list
from ...core import UsageError
from ...core.numbers import natural
from ...host.accounts import is_number
from ...units.model import Directive
from ..accounts import any_group, named_user, numbered_user
from ..input_files import Unreadable, read_text
from ..outcomes import Answer, approximated, blocked, ignored, translated
from .access import files_in, rules_path
from .given_options import Given, given_options
from .settings import Settings

Handler = Callable[[Settings, Given], Answer]
SELF = "the start script gives {} behind it, and the last one counts"
SIGNALS = "couriertcpd only signals another couriertcpd with it, and serves no client"
NO_WARNING = "systemd has no warning before the limit; it logs every connection above it"
THROUGH_PROXY = "-haproxy is not converted: it decides who gets in; add the gate's own option, see sockgate(8)"
UNKNOWN_OPTION = "couriertcpd knows no such option, and does not start with it"


def options(settings: Settings) -> None:
    """Every option of couriertcpd, in its order. What shapes the unit goes into the settings, for all that follows."""
    given = given_options(settings)
    settings.dropped = next((name for name in map(dropped_by, reversed(given)) if name), "")
    behind = settings.behind()
    for option in given:
        overridden = option.name in behind
        answer = ignored(SELF.format(option.name)) if overridden else tcpd_option(settings, option)
        settings.answer(option.variable, answer)
    if not any(option.name == "-nodnslookup" for option in given):
        settings.gate += [("--hostname", None), ("--paranoid", None)]  # couriertcpd believes no other name
        text = "TCPREMOTEHOST; TCPLOCALHOST stays unset"
        settings.answer("TCPDOPTS", translated("--hostname --paranoid", text=text))


def dropped_by(option: Given) -> str:
    """-drop[=VARIABLE]: a client that has a value in it is turned away. Only the last one counts, up to a comma."""
    return ((option.value or "").partition(",")[0] or "BLOCK") if option.name == "-drop" else ""


def drop(settings: Settings, option: Given) -> Answer:
    """The lists that set this variable refuse by themselves; what else sets one is in the access rules."""
    variable = dropped_by(option)
    if variable != settings.dropped:
        return ignored(f"-drop={settings.dropped} behind it counts alone")
    place = setting_of(rules_path(settings), variable)
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


def tcpd_option(settings: Settings, option: Given) -> Answer:
    handler = HANDLERS.get(option.name)
    return handler(settings, option) if handler else blocked(UNKNOWN_OPTION)


def always(answer: Answer) -> Handler:
    return lambda _settings, _option: answer


def to_journal(settings: Settings, option: Given) -> Answer:
    if str(option) == "-stderr=socket":
        settings.gate.append(("--stderr", "socket"))
        return translated("--stderr socket")
    return translated(text="the journal")


def deny_message(settings: Settings, option: Given) -> Answer:
    if not option.value:
        return translated()
    settings.gate.append(("--deny-message", option.value))
    return translated(f"--deny-message {option.value}")


def local_rules(settings: Settings, _option: Given) -> Answer:
    settings.has_local_rules = True
    path = rules_path(settings)
    return translated(f"--courier-access-local {path}") if path else ignored("there are no access rules")


def backlog(settings: Settings, option: Given) -> Answer:
    number = positive(option)
    if number is None:
        return blocked(f"couriertcpd does not take {str(option)!r} and does not start")
    return translated(settings.socket.set("Backlog", number))


def limit(variable: str) -> Handler:
    """-maxprocs and its like, which count before the setting of their kind."""

    def handler(settings: Settings, option: Given) -> Answer:
        number = positive(option)
        if number is None:
            return blocked(f"couriertcpd does not take {str(option)!r} and does not start")
        settings.values[variable] = str(number)
        return translated(text=f"in place of {variable}")

    return handler


def positive(option: Given) -> int | None:
    return natural(option.value or "") or None


def address(settings: Settings, option: Given) -> Answer:
    if not option.value:
        return blocked("couriertcpd does not take it without an address and does not start")
    settings.values[f"{settings.server.prefix}ADDRESS"] = option.value
    return translated(text="in ListenStream=")


def user(settings: Settings, option: Given) -> Answer:
    """By name with the user's groups, or by number with none but root's."""
    name = option.value or ""
    if is_number(name):
        account, answer = numbered_user(name)
        settings.user, settings.own_group = account.user, "0" if account.user else ""
        if answer.blocks:
            return answer
        return translated(Directive("User", account.user), text="its group is root's without -group")
    account, answer = named_user(settings.host, name)
    settings.user, settings.own_group = account.user, account.group
    return answer


def group(settings: Settings, option: Given) -> Answer:
    settings.group, answer = any_group(settings.host, option.value or "")
    return answer


def rules(settings: Settings, option: Given) -> Answer:
    path = option.value or ""
    if not path.endswith(".dat"):
        return blocked(f"what text {path!r} was made of cannot be known: give the gate that text with --courier-access")
    settings.rules = path.removesuffix(".dat")
    return translated(text=f"the rules are in {settings.rules!r}")


NOTHING = always(translated())
HANDLERS: dict[str, Handler] = {
    "-nodnslookup": NOTHING, "-noidentlookup": NOTHING, "-proxy": NOTHING, "-listen": backlog,
    "-stderrlogger": to_journal, "-stderrloggername": to_journal, "-stderr": to_journal, "-pid": to_journal,
    "-denymsg": deny_message, "-warn": always(ignored(NO_WARNING)), "-haproxy": always(blocked(THROUGH_PROXY)),
    "-restart": always(blocked(SIGNALS)), "-stop": always(blocked(SIGNALS)),
    "-accesslocal": local_rules, "-access": rules, "-address": address, "-user": user, "-group": group,
    "-maxprocs": limit("MAXDAEMONS"), "-maxperip": limit("MAXPERIP"), "-maxperc": limit("MAXPERC"),
    "-block": lambda settings, option: dns_list(settings, "--dnsbl", option.value or ""),
    "-allow": lambda settings, option: dns_list(settings, "--dnsbl-allow", option.value or ""),
    "-drop": drop,
}  # fmt: skip


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
