"""A command line of socat: `socat TCP-LISTEN:PORT,fork,... EXEC:...`, as socat 1.7.4 and 1.8 read it."""

import re

from ...units.model import Directive
from ..chain.identity import known_account
from ..chain.peeling import BadLink
from ..networks import network_of
from ..outcomes import Answer, approximated, blocked, translated
from ..starters import LISTENING
from .options import (
    Handlers,
    Listener,
    Options,
    backlog,
    differs,
    limit_of,
    no_delay,
    number_of_clients,
    refuses,
    says,
    set_flag,
    silent,
)
from .socat_words import address, command

# Its own options that change nothing for the server or its client.
HARMLESS = re.compile(r"-(d+|d\d|D|ly.*|lm.*|ls|lu|lh|lp.*|lf.*|s|S.*|b.*)")
WITH_VALUE = ("-b", "-S", "-T", "-t", "-L", "-W", "-r", "-R", "-lf", "-lp")
ATTACHED = re.compile(r"(-[TtLWrR])(.+)")  # -T300 is -T 300
FAMILIES = {"-4": "4", "-6": "6", "ip4": "4", "inet4": "4", "inet": "4", "2": "4", "ip6": "6", "inet6": "6", "10": "6"}
BUILTIN = "sockgate-builtin"
TO_TCP = "to-tcp"  # the mark of a line with TCP:HOST:PORT as its second address
SHELL = "/bin/sh"


def take_apart(words: list[str]) -> tuple[Options, list[str]]:
    """(options, [host, port, server...]); its own options keep their hyphen. Raises BadLink."""
    own, addresses = own_options(words)
    if len(addresses) != 2:
        raise BadLink("there must be two addresses")
    (kind, *parameters), options = address(addresses[0])
    kind = kind.upper()
    if not any(f"{kind}:".endswith(sign) for sign in LISTENING) or any("!!" in one for one in addresses):
        raise BadLink(f"{kind}: only TCP-LISTEN in the first place and a program in the second one are converted")
    if not kind.startswith("TCP"):
        raise BadLink(f"{kind}: this is no TCP alone, which no unit and no gate speaks")
    if len(parameters) != 1:
        raise BadLink(f"{kind} takes a port")
    family = [("pf", f"ip{kind[3]}")] if kind[3] in "46" else []
    host = next((value for name, value in reversed(options) if name == "bind"), "") or "0"
    server, further = server_of(addresses[1])
    return [*own, *family, *options, *further], [host.strip("[]"), parameters[0], *server]


def own_options(words: list[str]) -> tuple[Options, list[str]]:
    """The options in front of the addresses."""
    options: Options = []
    at = 0
    while at < len(words) and words[at].startswith("-") and len(words[at]) > 1:
        word = words[at]
        at += 1
        value = ""
        if attached := ATTACHED.fullmatch(word):
            word, value = attached.groups()
        elif word in WITH_VALUE and at < len(words):
            value = words[at]
            at += 1
        if word in FAMILIES:
            options.append(("pf", FAMILIES[word]))
        elif not HARMLESS.fullmatch(word):
            options.append((word, value))
    return options, words[at:]


def server_of(text: str) -> tuple[list[str], Options]:
    """The words of the server, and the options behind them. Those that EXEC shares with TCP-LISTEN begin with exec-."""
    (kind, *parameters), options = address(text)
    kind = kind.upper()
    further = [(f"exec-{name}", value) for name, value in options]
    if kind in ("TCP", "TCP4", "TCP6", "TCP-CONNECT", "TCP4-CONNECT", "TCP6-CONNECT") and len(parameters) == 2:
        source = next((["--source", value.strip("[]")] for name, value in reversed(options) if name == "bind"), [])
        return [BUILTIN, "redirect", *source, parameters[0].strip("[]"), parameters[1]], redirected(options)
    if len(parameters) != 1 or kind not in ("EXEC", "SYSTEM"):
        raise BadLink(f"{kind}: no program is started for each client, or a colon is not quoted")
    if kind == "SYSTEM":
        return [SHELL, "-c", parameters[0]], further
    return command(parameters[0]), further


def redirected(options: Options) -> Options:
    """The options of TCP:HOST:PORT that are not converted, behind a mark that it is one."""
    converted = ("nodelay", "keepalive", "tcp-nodelay", "bind")
    return [(TO_TCP, ""), *((f"to-{name}", value) for name, value in options if name not in converted)]


def family(listener: Listener, value: str) -> Answer | None:
    if FAMILIES.get(value, value) not in ("4", "6"):
        return blocked(f"the family {value!r} is not known")
    listener.family = FAMILIES.get(value, value)
    return None


def ipv6_only(listener: Listener, value: str) -> Answer | None:
    listener.ipv6_only = "both" if value == "0" else "ipv6-only"
    return translated(Directive("BindIPv6Only", listener.ipv6_only))


def in_range(listener: Listener, value: str) -> Answer:
    """range=ADDRESS/BITS, ADDRESS:MASK, [ADDRESS]/BITS. Host bits do not count."""
    text = re.sub(r"^\[(.*)\]", r"\1", value)
    by_mask = listener.family != "6" and "/" not in text
    if listener.family != "6":
        text = text.replace(":", "/")
    try:
        network = str(network_of(text, by_mask=by_mask))
    except ValueError:
        return blocked(f"{value!r} is no range of addresses that is known here")
    if any(option == "--allow" for option, _ in listener.chain.gate):
        return blocked("more than one range: socat takes one of them")
    return translated(listener.chain.option("--allow", network))


def wrapped(listener: Listener, value: str) -> Answer:
    listener.wrapper = value or "socat"
    return translated(f"--hosts-access {listener.wrapper}")


def wrapper_folder(listener: Listener, value: str) -> Answer:
    listener.wrapper_folder = value
    return translated(text="with tcpwrap")


@number_of_clients
def children(listener: Listener, number: int) -> Answer:
    listener.concurrency = number
    return limit_of(listener)


def keep_alive(listener: Listener, _: str) -> Answer:
    return translated(listener.socket.set("KeepAlive", "yes"))


def reuse_port(listener: Listener, _: str) -> Answer:
    return translated(listener.socket.set("ReusePort", "yes"))


def account(listener: Listener, value: str) -> Answer:
    """su=USER, of either address; the user keeps its further groups."""
    chain = listener.chain
    chain.user, chain.group, chain.keeps_groups = value, "", True
    return known_account(chain, value, Directive("User", value))


def on_socket(listener: Listener, _: str) -> Answer:
    return translated(listener.chain.option("--stderr", "socket"))


def search_path(listener: Listener, value: str) -> Answer:
    listener.chain.path = value
    listener.variables["PATH"] = value
    return translated(f"--env PATH={value}")


NO_TERMINAL = refuses("the server had a terminal, and would have the connection now; leave it out")
HALF_CLOSED = differs(
    "when one side has ended, the server goes on until it ends by itself; socat ended it after this time"
)
# What each server has of socat (SOCAT_* of xio-listen.c), from the gate's variables.
VARIABLES = {
    "SOCAT_PEERADDR": "{TCPREMOTEIP}", "SOCAT_PEERPORT": "{TCPREMOTEPORT}",
    "SOCAT_SOCKADDR": "{TCPLOCALIP}", "SOCAT_SOCKPORT": "{TCPLOCALPORT}",
}  # fmt: skip
TOLD = (
    "an IPv6 address is short and without brackets there; SOCAT_PID, SOCAT_PPID and SOCAT_VERSION are not set. Half a "
    "second after the client had ended, socat ended the server; now the server ends by itself"
)
SAME = says("the same in systemd and the gate")
OWN_SIGNALS = says("systemd and the gate end the server by SIGTERM")
NOT_OF_TCP = says("it means nothing to TCP")
HANDLERS: Handlers = {
    "fork": set_flag("serves_many", value=True), "pf": family, "ipv6only": ipv6_only, "ipv6-v6only": ipv6_only,
    "bind": silent, "range": in_range,
    "tcpwrap": wrapped, "tcpwrappers": wrapped, "tcpwrap-etc": wrapper_folder, "tcpwrap-dir": wrapper_folder,
    "reuseaddr": SAME, "so-reuseaddr": SAME, "keepalive": keep_alive, "so-keepalive": keep_alive,
    "nodelay": no_delay(wanted=True), "tcp-nodelay": no_delay(wanted=True), "backlog": backlog,
    "max-children": children, "su": account, "su-d": account, "substuser": account, "substuser-delayed": account,
    "reuseport": reuse_port, "so-reuseport": reuse_port,
    "pktinfo": NOT_OF_TCP, "ip-pktinfo": NOT_OF_TCP, "ippktinfo": NOT_OF_TCP,
    "retry": SAME, "forever": SAME, "interval": SAME, "cloexec": SAME, "end-close": SAME,
    "ignoreeof": refuses("the server never learned that its client had ended, and would learn it now"),
    TO_TCP: silent,
    "exec-su": account, "exec-su-d": account, "exec-substuser": account, "exec-substuser-delayed": account,
    "exec-stderr": on_socket, "exec-nofork": SAME, "exec-pipes": says("one socket in place of two pipes"),
    "exec-setsid": SAME, "exec-sighup": OWN_SIGNALS, "exec-sigint": OWN_SIGNALS, "exec-sigquit": OWN_SIGNALS,
    "exec-path": search_path, "exec-pty": NO_TERMINAL, "exec-ptmx": NO_TERMINAL,
    "exec-openpty": NO_TERMINAL, "exec-ctty": NO_TERMINAL,
    "-T": refuses("no connection is ended for silence; the server must do that"), "-t": HALF_CLOSED,
    "-u": refuses("the client could send only, and could read what the server says now"),
    "-U": refuses("the client could read only, and could send to the server now"),
    "-v": differs("what both say is not shown"), "-x": differs("what both say is not shown"),
    "-r": refuses("what is said is not copied to a file"), "-R": refuses("what is said is not copied to a file"),
    "-L": says("systemd has one socket for the port"), "-W": says("systemd has one socket for the port"),
}  # fmt: skip
RESTRICTIONS = {"range": "", "tcpwrap": "", "tcpwrappers": ""}


def finish(listener: Listener) -> list[tuple[str, Answer]]:
    """What follows from all options together."""
    if not listener.serves_many:
        return [("without fork", blocked("socat serves one client and ends"))]
    if listener.wrapper:
        folder = f",{listener.wrapper_folder}" if listener.wrapper_folder else ""
        listener.chain.option("--hosts-access", f"{listener.wrapper}{folder}")
    if TO_TCP in listener.given:
        return []
    became = [listener.chain.option("--client-env", f"{name}={text}") for name, text in VARIABLES.items()]
    return [("SOCAT_PEERADDR", approximated(TOLD, *became))]
