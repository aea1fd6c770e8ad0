"""A command line of ncat that serves many clients: `ncat -l -k -e PROGRAM`, as ncat 7.93 and newer read it."""

import ipaddress

from ...units.model import Directive
from ..chain.peeling import BadLink
from ..input_files import Unreadable, read_text
from ..networks import Network, network_of
from ..outcomes import Answer, approximated, blocked, by_engine, translated
from .options import Handlers, Listener, Options, number_of_clients, refuses, says, silent

WITH_VALUE = {
    "c": "sh-exec", "e": "exec", "g": "loose-source", "G": "loose-pointer", "i": "idle-timeout", "m": "max-conns",
    "d": "delay", "o": "output", "x": "hex-dump", "p": "source-port", "s": "source", "w": "wait",
}  # fmt: skip
WITHOUT_VALUE = {
    "4": "4", "6": "6", "U": "unixsock", "C": "crlf", "h": "help", "k": "keep-open", "l": "listen", "t": "telnet",
    "u": "udp", "v": "verbose", "n": "nodns", "z": "zero-io",
}  # fmt: skip
LONG_WITH_VALUE = (
    *WITH_VALUE.values(), "lua-exec", "allow", "allowfile", "deny", "denyfile", "proxy", "proxy-type", "proxy-auth",
    "proxy-dns", "ssl-cert", "ssl-key", "ssl-ciphers", "ssl-trustfile", "ssl-servername", "ssl-alpn",
)  # fmt: skip
LONG_WITHOUT_VALUE = (
    *WITHOUT_VALUE.values(), "vsock", "sctp", "append-output", "send-only", "recv-only", "no-shutdown", "broker",
    "chat", "ssl", "ssl-verify", "version",
)  # fmt: skip
DEFAULT_PORT = "31337"
MOST_CLIENTS = 100  # its default
OCTETS = 4
SHELL = "/bin/sh"
VARIABLES = {
    "NCAT_REMOTE_ADDR": "{TCPREMOTEIP}", "NCAT_REMOTE_PORT": "{TCPREMOTEPORT}",
    "NCAT_LOCAL_ADDR": "{TCPLOCALIP}", "NCAT_LOCAL_PORT": "{TCPLOCALPORT}", "NCAT_PROTO": "TCP",
}  # fmt: skip


def take_apart(words: list[str]) -> tuple[Options, list[str]]:
    """(options by their long names, [host, port, server...]). Raises BadLink."""
    options, places = options_of(words)
    given = dict(options)
    if "listen" not in given:
        raise BadLink("without --listen it is a client")
    host, port = address_of(places, given.get("source-port", DEFAULT_PORT))
    server = [SHELL, "-c", given["sh-exec"]] if "sh-exec" in given else command(given.get("exec", ""))
    if not server:
        raise BadLink("it starts no program (-e, -c)")
    return [pair for pair in options if pair[0] not in ("exec", "sh-exec", "source-port")], [host or "0", port, *server]


def address_of(places: list[str], port: str) -> tuple[str, str]:
    """(host, port): a single number is the port, another single word the host."""
    match places:
        case []:
            return "", port
        case [number] if number.isascii() and number.isdigit():
            return "", number
        case [host]:
            return host, port
        case [host, port]:
            return host, port
    raise BadLink("more than a host and a port")


def options_of(words: list[str]) -> tuple[Options, list[str]]:
    """Options and other words, in any order, as getopt_long(3) takes them."""
    options: Options = []
    places: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            places += waiting
            break
        if word.startswith("--"):
            options.append(long_option(word, waiting))
        elif word.startswith("-") and len(word) > 1:
            options += short_options(word[1:], waiting)
        else:
            places.append(word)
    return options, places


def long_option(word: str, waiting: list[str]) -> tuple[str, str]:
    """One long option, which may be shortened."""
    name, equals, value = word[2:].partition("=")
    known = [one for one in (*LONG_WITH_VALUE, *LONG_WITHOUT_VALUE) if one.startswith(name)]
    found = name if name in known else known[0] if len(set(known)) == 1 else ""
    if not found:
        raise BadLink(f"the option --{name} is not known")
    if found in LONG_WITH_VALUE and not equals:
        value = value_from(waiting, f"--{found}")
    return found, value


def short_options(letters: str, waiting: list[str]) -> Options:
    options: Options = []
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in WITH_VALUE:
            return [*options, (WITH_VALUE[letter], letters or value_from(waiting, f"-{letter}"))]
        if letter not in WITHOUT_VALUE:
            raise BadLink(f"the option -{letter} is not known")
        options.append((WITHOUT_VALUE[letter], ""))
    return options


def value_from(waiting: list[str], option: str) -> str:
    if not waiting:
        raise BadLink(f"the option {option} needs a value")
    return waiting.pop(0)


def command(text: str) -> list[str]:
    """The words of -e: blanks separate them, a backslash takes the next character as it is; quotes mean nothing."""
    words: list[str] = [""]
    at = 0
    while at < len(text):
        if text[at] == " ":
            words.append("")
        elif text[at] == "\\" and at + 1 < len(text):
            at += 1
            words[-1] += text[at]
        else:
            words[-1] += text[at]
        at += 1
    return [word for word in words if word]


def family(number: str) -> Handlers:
    def handler(listener: Listener, _: str) -> None:
        listener.family = number
        listener.ipv6_only = "ipv6-only" if number == "6" else ""

    return {number: handler}


def clients(name: str) -> Handlers:
    """--allow and --deny, and their files."""

    def handler(listener: Listener, value: str) -> Answer | None:
        listener.lists.setdefault(name, []).extend(value.replace(",", " ").split())
        return None

    def of_file(listener: Listener, value: str) -> Answer | None:
        path = value if value.startswith("/") else f"{listener.folder}/{value}"
        try:
            listener.lists.setdefault(name, []).extend(read_text(path).split())
        except Unreadable as error:
            return blocked(f"unable to read {path!r}: {error}")
        return approximated(f"what is in it now stands in the unit, as --{name}; the file no longer counts")

    return {name: handler, f"{name}file": of_file}


@number_of_clients
def most_clients(listener: Listener, number: int) -> Answer:
    listener.concurrency = number
    return closing_limit(listener, "above it a client is closed at once, as before")


def closing_limit(listener: Listener, text: str) -> Answer:
    listener.resident = (("--at-limit", "refuse"),)
    number = listener.concurrency
    return by_engine(
        translated(Directive("MaxConnections", str(number)), text=text),
        translated(f"--max-connections {number} --at-limit refuse", text=text),
    )


def networks(entries: list[str]) -> list[Network]:
    """The networks of a list. Raises ValueError for an entry that is none."""
    found = list(map(network, entries))
    ipv4 = ipaddress.collapse_addresses(one for one in found if isinstance(one, ipaddress.IPv4Network))
    ipv6 = ipaddress.collapse_addresses(one for one in found if isinstance(one, ipaddress.IPv6Network))
    return [*ipv4, *ipv6]


def network(entry: str) -> Network:
    octets = entry.split(".")
    if len(octets) == OCTETS and octets[-1] == "*":
        known = [octet for octet in octets if octet != "*"]
        if octets[: len(known)] == known:
            return ipaddress.ip_network(".".join([*known, *"0000"][:OCTETS]) + f"/{8 * len(known)}")
    return network_of(entry)


def without(network: Network, denied: list[Network]) -> list[Network]:
    """What is left of a network."""
    left = [network]
    for one in denied:
        remaining: list[Network] = []
        for part in left:
            if part.version != one.version or not part.overlaps(one):
                remaining.append(part)
            elif not part.subnet_of(one):  # type: ignore[arg-type]
                remaining += part.address_exclude(one)  # type: ignore[arg-type]
        left = remaining
    return left


def access(listener: Listener) -> Answer | None:
    """A client must be in the list of --allow, if there is one, and not in that of --deny."""
    if not listener.lists:
        return None
    try:
        lists = {name: networks(entries) for name, entries in listener.lists.items()}
    except ValueError as error:
        return blocked(f"{error}: only addresses and networks are converted, no names and no ranges")
    if "allow" not in lists:
        return translated(listener.chain.option("--deny", ",".join(map(str, lists["deny"]))))
    left = [part for one in lists["allow"] for part in without(one, lists.get("deny", []))]
    if not left:
        return blocked("no client may come in")
    return translated(listener.chain.option("--allow", ",".join(map(str, sorted(left, key=str)))))


def finish(listener: Listener) -> list[tuple[str, Answer]]:
    """What follows from all options together."""
    if "keep-open" not in listener.given:
        return [("without -k", blocked("ncat serves one client and ends"))]
    answers = []
    decided = access(listener)
    if decided:
        answers.append((" ".join(f"--{name}" for name in listener.lists), decided))
    if "max-conns" not in listener.given:
        answers.append(("without -m", closing_limit(listener, "its default, above which it closes a client at once")))
    became = [listener.chain.option("--client-env", f"{name}={text}") for name, text in VARIABLES.items()]
    answers.append(("NCAT_REMOTE_ADDR", translated(*became)))
    return answers


JOURNAL = says("in the journal, or sockgatectl log")
NO_MEETING = refuses("no unit connects clients with each other")
NOT_TCP = refuses("only TCP is converted")
NO_TLS = refuses("it ends TLS itself, and no unit does")
NO_COPY = refuses("what is said is not copied to a file")
ONE_WAY = refuses("one of both could not speak, and could now")
HANDLERS: Handlers = {
    **family("4"), **family("6"), **clients("allow"), **clients("deny"),
    "listen": silent, "keep-open": silent, "max-conns": most_clients, "verbose": JOURNAL,
    "nodns": says("nothing is looked up"), "wait": silent, "source": says("it means nothing with --listen"),
    "append-output": silent, "no-shutdown": silent, "output": NO_COPY, "hex-dump": NO_COPY,
    "unixsock": NOT_TCP, "vsock": NOT_TCP, "udp": NOT_TCP, "sctp": NOT_TCP,
    "ssl": NO_TLS, "ssl-cert": NO_TLS, "ssl-key": NO_TLS, "ssl-verify": NO_TLS, "ssl-ciphers": NO_TLS,
    "ssl-trustfile": NO_TLS, "ssl-alpn": NO_TLS, "ssl-servername": NO_TLS,
    "crlf": refuses("the ends of lines are not changed"),
    "telnet": refuses("nothing answers the client's telnet options"),
    "delay": refuses("nothing slows the lines down"), "send-only": ONE_WAY, "recv-only": ONE_WAY,
    "idle-timeout": refuses("no connection is ended for silence; the server must do that"),
    "lua-exec": refuses("nothing runs a script of Lua in place of a program"),
    "broker": NO_MEETING, "chat": NO_MEETING,
}  # fmt: skip
RESTRICTIONS = {"allow": "", "allowfile": "", "deny": "", "denyfile": ""}
