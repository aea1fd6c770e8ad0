"""The options of tcpserver, sslserver and tcpsvd, and what becomes of each."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from ...connection.log_choice import NONE
from ...connection.lookup_options import parse_host_name
from ...core import UsageError
from ...core.numbers import natural
from ...host.host import Host
from ...units.model import Directive
from ..chain.identity import known_account
from ..chain.peeling import Chain
from ..directives import Directives
from ..outcomes import Answer, approximated, blocked, by_engine, ignored, translated
from .command_words import number_of

# Options that decide neither which clients get in nor what the server may do.
HARMLESS = frozenset("cbltTw")
WAITED = "above it systemd accepts and closes, where {} let clients wait; sockgated(8) lets them wait (Accept=no)"


@dataclass(slots=True)
class Listener:
    """The effect of tcpserver's own options.

    ident                of sslserver without -r and -R: None, since its versions differ
    client_certificates  sslserver's letter that demands one, "" for none
    handshake, idle      sslserver's -T and -w in seconds
    greeting             sslserver's -B, which goes through TLS
    binary               the path of the program that would run
    ipv4_only, mapped    -4 and -6
    family, ipv6_only    "4", "6" or "both" where the program says it, and BindIPv6Only=
    concurrency          None for no limit
    serves_many          whether it goes on after its first client
    wrapper, wrapper_folder  the daemon's name for hosts.allow, and the folder of that file
    lists                ncat's lists of clients, by the names of their options
    given                the names of all its options
    instructions         tcpsvd's -i or -x: (letter, path)
    forgets, tells       its -t, and whether the server is told of its client (without -E)
    resident             sockgated's own options
    log                  the gate's options for its records
    rules_text           rules for a file of the unit's own, made of those of the old program
    """

    host: Host
    program: str
    folder: str
    chain: Chain
    concurrency: int | None = 40
    per_source: int | None = None
    user: str = ""
    group: str = ""
    use_uid_variables: bool = False
    lookup: bool = True
    ident: bool | None = True
    paranoid: bool = False
    ident_seconds: str = ""
    local_name: str | None = None
    rules: str = ""
    missing_rules_allow: bool = False
    socket: Directives = field(default_factory=Directives)
    variables: dict[str, str] = field(default_factory=dict)
    client_certificates: str = ""
    handshake: int = 26
    idle: int = 3600
    greeting: str = ""
    tcp_variables: bool = False
    binary: str = ""
    ipv4_only: bool = False
    mapped: bool = False
    family: str = ""
    ipv6_only: str = ""
    serves_many: bool = False
    wrapper: str = ""
    wrapper_folder: str = ""
    lists: dict[str, list[str]] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    instructions: tuple[str, str] | None = None
    forgets: bool = False
    tells: bool = True
    resident: tuple[tuple[str, str], ...] = ()
    log: tuple[tuple[str, str], ...] = ()
    rules_text: tuple[str, ...] = ()


Options = list[tuple[str, str]]
Handlers = dict[str, Callable[[Listener, str], Answer | None]]


def set_flag(name: str, *, value: bool | str, text: str = "") -> Callable[[Listener, str], Answer | None]:
    def handler(listener: Listener, _: str) -> Answer | None:
        setattr(listener, name, value)
        return translated(text=text) if text else None

    return handler


def says(text: str) -> Callable[[Listener, str], Answer]:
    return lambda listener, value: translated(text=text)


def differs(text: str) -> Callable[[Listener, str], Answer]:
    return lambda listener, value: approximated(text)


def refuses(text: str) -> Callable[[Listener, str], Answer]:
    return lambda listener, value: blocked(text)


def silent(_listener: Listener, _value: str) -> None:
    """For what another part answers for, or what says nothing about the service."""


def quiet(listener: Listener, _value: str) -> Answer:
    """-q and -Q: no line about a client. The last of them and -v counts."""
    listener.log = (("--log", NONE),)
    return by_engine(
        approximated("systemd writes of the unit of each connection, whose name has the client's address", LOG_NOTHING),
        translated(LOG_NOTHING),
    )


def verbose(listener: Listener, value: str) -> Answer:
    listener.log = ()
    return JOURNAL(listener, value)


def concurrency(listener: Listener, value: str) -> Answer:
    listener.concurrency = natural(value.partition(":")[0].partition("/")[0])
    if listener.concurrency is None:
        return blocked(f"{value!r} is no number")
    if not listener.concurrency:
        return blocked("0 lets no client in; without a unit it is the same")
    return limit_of(listener)


def limit_of(listener: Listener, text: str = "") -> Answer:
    """The limit of clients at a time, above which they wait."""
    more = f"; {text}" if text else ""
    waited = WAITED.format(listener.program) + more
    return by_engine(
        approximated(waited, Directive("MaxConnections", str(listener.concurrency))),
        translated(f"--max-connections {listener.concurrency}", text=text),
    )


def number_of_clients(handler: Callable[[Listener, int], Answer]) -> Callable[[Listener, str], Answer]:
    """For a handler of a limit of clients, which is not 0."""

    def checked(listener: Listener, value: str) -> Answer:
        number = natural(value)
        return handler(listener, number) if number else blocked(f"{value!r} is no number of clients")

    return checked


def per_source(listener: Listener, value: str) -> Answer:
    """tcpsvd -C N[:MESSAGE]"""
    text, colon, _ = value.partition(":")
    number = natural(text)
    if number is None:
        return blocked(f"{value!r} is no number")
    listener.per_source = number
    return source_limit(listener, has_message=bool(colon))


def source_limit(listener: Listener, text: str = "", *, has_message: bool = False) -> Answer:
    """The limit of clients of one address, above which they are closed."""
    answers = (
        translated(Directive("MaxConnectionsPerSource", str(listener.per_source)), text=text),
        translated(f"--max-per-source {listener.per_source}", text=text),
    )
    if has_message:
        text = "above it a client is closed without the message; --deny-message sends one to every refused client"
        answers = (approximated(text, *answers[0].became), approximated(text, *answers[1].became))
    return by_engine(*answers)


def told_by_resident(name: str) -> Answer:
    """A variable that only sockgated sets: the number of clients of one address."""
    return by_engine(approximated(f"{name} is not set; sockgated(8) sets it"), translated(name))


def rules(listener: Listener, value: str) -> Answer | None:
    listener.rules = value if value.startswith("/") else os.path.normpath(f"{listener.folder}/{value}")
    return None


def banner(listener: Listener, value: str) -> Answer:
    listener.chain.gate = [pair for pair in listener.chain.gate if pair[0] != "--banner-text"]
    if not value:
        return translated()
    return translated(listener.chain.option("--banner-text", value))


def backlog(listener: Listener, value: str) -> Answer:
    if natural(value) is None:
        return blocked(f"{value!r} is no number")
    return translated(listener.socket.set("Backlog", value))


def no_delay(wanted: bool) -> Callable[[Listener, str], Answer]:
    def handler(listener: Listener, _: str) -> Answer:
        if wanted:
            return translated(listener.socket.replace("NoDelay", "yes"))
        listener.socket.unset("NoDelay")
        return translated(Directive("NoDelay", "no"))

    return handler


def user(listener: Listener, value: str) -> Answer | None:
    listener.user = value
    return None


def group(listener: Listener, value: str) -> Answer | None:
    listener.group = value
    return None


def account(listener: Listener, value: str) -> Answer:
    """tcpsvd -u [:]USER[:GROUP]: numbers behind a colon in front."""
    chain = listener.chain
    chain.user, _, chain.group = number_of(listener.host, value).removeprefix(":").partition(":")
    if ":" in chain.group:
        return blocked("several groups are not converted; add SupplementaryGroups= by hand")
    group = [Directive("Group", chain.group)] if chain.group else []
    return known_account(chain, chain.user, Directive("User", chain.user), *group)


def ident_time(listener: Listener, value: str) -> Answer:
    """-t, for -r alone; the gate's own --timeout, which is for all look-ups together, must not end before it."""
    if not 1 <= (natural(value) or 0) <= 3600:
        return ignored(f"{value!r} is no number of seconds from 1 to 3600: the gate's own time counts")
    listener.ident_seconds = value
    return translated(text="a time for -r alone")


def greeting(listener: Listener, value: str) -> Answer:
    listener.greeting = value
    return translated("printf", text="through TLS, in front of the server") if value else translated()


def seconds(name: str, became: str) -> Callable[[Listener, str], Answer]:
    """sslserver's -T and -w."""

    def handler(listener: Listener, value: str) -> Answer:
        number = natural(value)
        if not number:
            return ignored(f"{value!r} is no number of seconds: {getattr(listener, name)} are taken, its default")
        setattr(listener, name, number)
        return translated(f"{became} = {number}")

    return handler


def mapped(listener: Listener, _: str) -> Answer:
    """-6 of ucspi-tcp-ipv6."""
    listener.mapped = True
    return approximated("an IPv4 client has PROTO=TCP and its own address now; -6 said PROTO=TCP6 and ::ffff:ADDRESS")


def local_name(listener: Listener, value: str) -> Answer:
    """Any text is taken for $TCPLOCALHOST, and --local-name takes host names only."""
    listener.local_name = value
    listener.chain.gate = [pair for pair in listener.chain.gate if pair[0] != "--local-name"]
    listener.variables.pop("TCPLOCALHOST", None)
    if is_local_name(value):
        return translated(listener.chain.option("--local-name", value))
    listener.variables["TCPLOCALHOST"] = value
    return translated(f"--env TCPLOCALHOST={value}")


def is_local_name(text: str) -> bool:
    """Whether --local-name takes this."""
    try:
        parse_host_name(text, "--local-name")
    except UsageError:
        return False
    return True


JOURNAL = says("in the journal, or sockgatectl log")
LOG_NOTHING = f"--log {NONE}"
TCPSERVER: Handlers = {
    "c": concurrency, "x": rules, "X": set_flag("missing_rules_allow", value=True), "B": banner, "b": backlog,
    "D": no_delay(wanted=True), "d": no_delay(wanted=False), "u": user, "g": group, "l": local_name,
    "U": set_flag("use_uid_variables", value=True),
    "h": set_flag("lookup", value=True), "H": set_flag("lookup", value=False, text="no look-up"),
    "r": set_flag("ident", value=True), "R": set_flag("ident", value=False, text="no look-up"),
    "p": set_flag("paranoid", value=True), "P": set_flag("paranoid", value=False, text="no check"),
    "t": ident_time, "O": says("Linux drops source routes unless a sysctl allows them"),
    "o": differs("-o keeps IP source routes, which Linux drops unless a sysctl allows them"),
    "1": differs("-1 prints the port when it listens; systemd listens before anything else starts"),
    "4": set_flag("ipv4_only", value=True), "6": mapped, "I": refuses(
        "-I is for link-local addresses: write ListenStream=[ADDRESS]:PORT%%INTERFACE by hand"),
    "q": quiet, "Q": quiet, "v": verbose,
}  # fmt: skip
TCPSVD: Handlers = {
    "c": concurrency, "C": per_source, "b": backlog, "u": account, "l": local_name, "v": JOURNAL,
    "h": set_flag("lookup", value=True),
}  # fmt: skip
KEPT_APART = (
    "the server starts TLS itself (UCSPI-TLS), on descriptors that only sslserver has: let it speak STARTTLS by itself "
    "and convert with tcpserver in place of sslserver, or leave this service where it is"
)
SSLSERVER: Handlers = TCPSERVER | {
    "B": greeting, "T": seconds("handshake", "TIMEOUTbusy"), "w": seconds("idle", "TIMEOUTidle"), "V": JOURNAL,
    "e": set_flag("tcp_variables", value=True), "E": set_flag("tcp_variables", value=False),
    "s": differs("of the session the server is told SSL_CLIENT_DN and SSL_CLIENT_I_DN only, and those only of a client "
                 "that shows a certificate; no SSL_PROTOCOL, SSL_CIPHER, SSL_SERVER_... or certificates"),
    "S": says("nothing of the session is told to the server"),
    "n": refuses(KEPT_APART), "N": says("TLS from the first byte"),
    "z": set_flag("client_certificates", value="z"), "Z": set_flag("client_certificates", value=""),
    "i": set_flag("client_certificates", value="i"), "I": set_flag("client_certificates", value=""),
    "m": set_flag("client_certificates", value="m"),
    "a": says("stunnel reads its key and becomes the server's user then"),
    "A": says("stunnel reads its key and becomes the server's user then"),
    "3": refuses("the password of the key came on descriptor 3, and no unit has one: `openssl pkey -in KEY -out NEW` "
                 "writes a key without; name that in KEYFILE"),
}  # fmt: skip
