"""The one table of gate options, and the reader of a gate's command line.

`sockgate` and `sockgated` parse with this table. `sockgatectl check` and the tests of the manual pages read it. The
reader is our own because argparse takes 6 ms per connection, as much as Python itself.
"""

import sys

from . import Cause, UsageError
from .addresses import AddressList

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # A parser takes what stands behind the option, and the option's name for its messages. It raises UsageError.
    Parser = Callable[[str, str], object] | Callable[[list[str], str], object] | str

FILE_SYSTEM_ENCODING = sys.getfilesystemencoding()

# How often an option can stand on a command line, and what its parser gets.
FLAG = "flag"  # once, without a value: it is True
ONCE = "once"  # once, with a value; a second one is an error, because it would silently replace the first
OPTIONAL = "optional"  # once; a value only behind an equals sign, because the next word may be another option
LIST = "list"  # many times, each time with entries of one list: the parser gets all of them in one text
MANY = "many"  # many times, each time with a value: the parser gets a list

DEFAULT_TIMEOUT = 5.0  # seconds


class Option:
    """One row: how an option is written, what it is for, and how its value is read.

    name     such as --max-load
    metavar  what its value is called; empty for a flag
    group    the part of the manual that it belongs to
    parser   makes the value of the text; None keeps the text. Where a text stands for the function, its module is
             loaded only if the option is given
    default  the value where the option is not given
    """

    __slots__ = ("arity", "default", "group", "metavar", "name", "parser", "summary")

    def __init__(
        self, written: str, arity: str, group: str, summary: str, parser: "Parser | None" = None, default: object = None
    ) -> None:
        """`written` is name and metavar: `--max-load N`."""
        self.name, _, self.metavar = written.partition(" ")
        self.arity = arity
        self.group = group
        self.summary = summary
        self.parser = parser
        self.default = default

    @property
    def usage(self) -> str:
        """The form of the option: `--flag`, `--option VALUE` or `--option[=VALUE]`."""
        if self.arity == OPTIONAL:
            return f"{self.name}[={self.metavar}]"
        return f"{self.name} {self.metavar}".rstrip()

    def value_of(self, texts: list[str]) -> object:
        """The value of the option where it was given with these texts. Raises UsageError."""
        if self.arity == FLAG:
            return True
        value: object = texts
        if self.arity == LIST:
            value = " ".join(texts) or " "  # given, but empty: the parser must not take it for absent
        elif self.arity != MANY:
            value = texts[0]
        if self.parser is None:
            return value
        parser = loaded(self.parser) if isinstance(self.parser, str) else self.parser
        return parser(value, self.name)  # type: ignore[arg-type]  # the test of the table calls each with what it takes


def loaded(function: str) -> "Callable[[object, str], object]":
    """`room.module.function`, below sockgate."""
    module, _, name = function.rpartition(".")
    parser: Callable[[object, str], object] = getattr(
        __import__(f"sockgate.{module}", fromlist=(name,)), name
    )  # fmt: skip
    return parser


def decimal(text: str) -> float | None:
    """A number without a sign, whole or with a decimal point. None for any other text, also for what float() takes."""
    whole, _point, fraction = text.partition(".")
    return float(text) if text.isascii() and whole.isdigit() and (fraction or "0").isdigit() else None


def parse_seconds(text: str, option: str) -> float:
    """A positive number of seconds, whole or with a decimal point. Raises UsageError."""
    seconds = decimal(text)
    if seconds is None or not 0.1 <= seconds <= 3600:
        message = f"{option}: {text!r} is not a number of seconds from 0.1 to 3600"
        raise UsageError(message, cause=Cause(option, text))
    return seconds


def parse_ident(text: str, option: str) -> float:
    """The same; 0 without a number, which stands for as long as --timeout says."""
    return parse_seconds(text, option) if text else 0.0


def parse_relay(text: str, option: str) -> AddressList:
    return AddressList(text, option, dotted=True)


GATE_OPTIONS = (
    Option("--access-times LIST", LIST, "access", "let in only in these intervals, such as 8:00-17:00", default=""),
    Option("--max-load N", ONCE, "access", "refuse while the load of the last minute is at least N"),
    Option("--allow LIST", LIST, "access", "let these addresses in; without --deny, refuse all others", default=""),
    Option("--deny LIST", LIST, "access", "refuse these addresses, except those in --allow", default=""),
    Option("--only-from LIST", LIST, "access", "let in the clients that xinetd's only_from lets in", default=""),
    Option("--no-access LIST", LIST, "access", "refuse the clients that xinetd's no_access refuses", default=""),
    Option("--courier-access FILE", ONCE, "access", "decide by the source of makesmtpaccess or makeimapaccess"),
    Option("--courier-access-local FILE", ONCE, "access", "also by its entries for the machine's own address and port"),
    Option("--hosts-access DAEMON[,DIR]", ONCE, "access", "decide by hosts.allow and hosts.deny as this daemon"),
    Option("--rules FILE", ONCE, "access", "decide by tcprules source, or by the cdb made of it"),
    Option("--relay LIST", LIST, "access", "set RELAYCLIENT and RELAYHOST for these addresses", parse_relay),
    Option("--banner FILE", ONCE, "access", "send this to every client, before access is decided"),
    Option("--banner-text TEXT", ONCE, "access", "send this text, as it is, in place of a file"),
    Option("--banner-success FILE", ONCE, "access", "send this to a client that is let in"),
    Option("--banner-fail FILE", ONCE, "access", "send this to a client that is refused"),
    Option(
        "--deny-message TEXT", ONCE, "access", "send this line to a refused client, unless the rule has one",
        "connection.banners.encode_message", b"",
    ),
    Option("--proxy-protocol LIST", LIST, "peer", "expect a PROXY header, from these proxies only", AddressList),
    Option("--hostname", FLAG, "peer", "look up the client's host name, and set TCPREMOTEHOST", default=False),
    Option("--paranoid", FLAG, "peer", "use that name only if it leads back to the client's address", default=False),
    Option("--local-name NAME", ONCE, "peer", "set TCPLOCALHOST", "connection.lookup_options.parse_host_name"),
    Option(
        "--ssl-variables PROTO", OPTIONAL, "peer", "set SSLREMOTEIP and the like too, as ucspi-ssl does",
        "connection.ssl_variables.parse_protocol",
    ),
    Option(
        "--ident SECONDS", OPTIONAL, "peer", "ask the client's machine for its user, and set TCPREMOTEINFO",
        parse_ident,
    ),
    Option(
        "--dnsbl ZONE[,VAR[,TEXT]]", MANY, "peer", "refuse clients in this DNS list, or set a variable for them",
        default=(),
    ),
    Option("--dnsbl-allow ZONE", MANY, "peer", "except those in this DNS list", default=()),
    Option("--dnsbl-fail open|closed", ONCE, "peer", "let in or refuse clients if a list does not answer"),
    Option(
        "--timeout SECONDS", ONCE, "peer", "time for all that must be learned about the client (5)", parse_seconds,
        DEFAULT_TIMEOUT,
    ),
    Option(
        "--greet-delay SECONDS[,TEXT]", ONCE, "peer", "wait, and refuse a client that speaks meanwhile",
        "connection.greet_delay.parse_greet_delay",
    ),
    Option("--name SERVICE", ONCE, "exec", "the service's name in log records", default=""),
    Option(
        "--log LIST", LIST, "exec", "write only these records: accepted ended refused gone; or none",
        "connection.log_choice.parse_kinds",
    ),
    Option(
        "--log-address full|network|none", ONCE, "exec", "how much of the client's address the records show",
        "connection.log_choice.parse_address",
    ),
    Option("--argv0 NAME", ONCE, "exec", "start the server under this name", default=""),
    Option(
        "--env VAR=VALUE", MANY, "exec", "set a variable for the server", "connection.server.parse_assignments", {}
    ),
    Option(
        "--client-env VAR=TEXT", MANY, "exec", "set a variable to a text that names the client, as in {TCPREMOTEIP}",
        "connection.client_variables.parse_client_variables", {},
    ),
    Option(
        "--pass-env LIST", LIST, "exec", "keep only these of the inherited variables", "connection.server.parse_names"
    ),
    Option(
        "--rlimit NAME=VALUE", MANY, "exec", "set a resource limit for the server", "connection.rlimits.parse_limits",
        (),
    ),
    Option(
        "--stderr journal|socket", ONCE, "exec", "where the server's standard error goes",
        "connection.server.parse_stderr", "journal",
    ),
)  # fmt: skip


class Settings:
    """A command line after parsing: the server's own words, and a field for each option, named as the option is.

    A field is read when it is asked for: what is wrong with one option does not hide the others. The language of an
    access dialect is read by the dialect (access/); its field is the text, empty where the option is not given.

    texts    what stands behind each option that was given
    options  the rows of the table, by name
    program  the gate that reads them, for its messages
    """

    program = "sockgate"

    if TYPE_CHECKING:
        access_times: str
        max_load: str | None
        allow: str
        deny: str
        only_from: str
        no_access: str
        courier_access: str | None
        courier_access_local: str | None
        hosts_access: str | None
        rules: str | None
        relay: AddressList | None
        banner: str | None
        banner_text: str | None
        banner_success: str | None
        banner_fail: str | None
        deny_message: bytes
        proxy_protocol: AddressList | None
        hostname: bool
        paranoid: bool
        local_name: str | None
        ssl_variables: str | None  # what PROTO says, empty to leave it as it is
        ident: float | None
        dnsbl: list[str]
        dnsbl_allow: list[str]
        dnsbl_fail: str | None
        timeout: float
        greet_delay: tuple[float, bytes] | None
        name: str
        log: frozenset[str] | None
        log_address: str | None
        argv0: str
        env: dict[bytes, bytes]
        client_env: dict[bytes, list[bytes]]
        pass_env: frozenset[bytes] | None
        rlimit: list[tuple[int, int, int]]
        stderr: str

    def __init__(
        self, texts: dict[str, list[str]], command: list[str], table: tuple[Option, ...] = GATE_OPTIONS
    ) -> None:
        self.texts = texts
        self.command = command
        self.options = {option.name: option for option in table}

    def __contains__(self, option: str) -> bool:
        """Whether this option was given."""
        return option in self.texts

    if not TYPE_CHECKING:  # a type checker goes by the fields above

        def __getattr__(self, field: str) -> object:
            """The value of a field that is read for the first time. Raises UsageError."""
            name = "--" + field.replace("_", "-")
            option = self.options.get(name)
            if option is None:
                raise AttributeError(field)
            value = option.value_of(self.texts[name]) if name in self.texts else option.default
            setattr(self, field, value)
            return value


def parse(words: list[str], table: tuple[Option, ...] = GATE_OPTIONS, program: str = Settings.program) -> Settings:
    """Read options up to `--` or the first word that is no option. The rest is the server's command line.

    Accepts `--option VALUE` and `--option=VALUE`, but no abbreviations. An OPTIONAL option without a value gets "".
    Raises UsageError.
    """
    settings = Settings({}, [], table)
    settings.program = program
    texts = settings.texts
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "--":
        name, equals, value = words[at].partition("=")
        at += 1
        option = settings.options.get(name)
        if option is None:
            raise UsageError(f"unknown option {name!r}", f"see {program}(8)", Cause(name))
        if name in texts and option.arity not in (MANY, LIST):
            raise UsageError(f"{name} is given twice", cause=Cause(name))
        if option.arity in (FLAG, OPTIONAL):
            check_equals(option, equals, value)
        elif not equals:
            if at == len(words) or words[at] == "--":
                raise UsageError(f"{name} needs a value: {option.usage}", cause=Cause(name))
            value = words[at]
            at += 1
        texts.setdefault(name, []).append(value)
    if at < len(words) and words[at] == "--":
        at += 1
    settings.command = words[at:]
    return settings


def check_equals(option: Option, equals: str, value: str) -> None:
    """Raises UsageError for a value where the option takes none, and for none where an equals sign promises one."""
    if option.arity == FLAG and equals:
        raise UsageError(f"{option.name} takes no value", cause=Cause(option.name))
    if option.arity == OPTIONAL and equals and not value:
        message = f"{option.name}= needs a value, or no equals sign: {option.usage}"
        raise UsageError(message, cause=Cause(option.name))


def service_named_in(words: list[str]) -> str:
    """The name of the service of a command line that cannot be parsed, for the record that says so. "" if unknown."""
    end = words.index("--") if "--" in words else len(words)
    for at, word in enumerate(words[:end]):
        if word.startswith("--name="):
            return word.partition("=")[2]
        if word == "--name":
            return "".join(words[at + 1 : min(at + 2, end)])
    return "".join(words[end + 1 : end + 2]).rpartition("/")[2]


def hides_addresses(words: list[str]) -> bool:
    """Whether a command line that cannot be parsed asks for records without the whole address of a client."""
    end = words.index("--") if "--" in words else len(words)
    return any(word.partition("=")[0] == "--log-address" for word in words[:end])


def to_bytes(text: str) -> bytes:
    """The original bytes of a word of the command line (os.fsencode without os)."""
    return text.encode(FILE_SYSTEM_ENCODING, "surrogateescape")
