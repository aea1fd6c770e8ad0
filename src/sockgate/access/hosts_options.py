"""The options of a rule in hosts.allow or hosts.deny: hosts_options(5), as libwrap 7.6.q-32 reads them."""

import posix

from ..core import ALLOW, DENY, ConfigError
from ..core.actions import Actions
from ..core.rule_files import PassingError, exists, read_file
from .hosts_words import C_SPACE, Flaw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.rule_files import Sources
    from .hosts_request import Request

    Variables = dict[bytes, bytes | None]

LARGEST_BANNER = 1 << 16
DEFAULT_NICE = 10
NOT_HERE = (
    "user",
    "group",
    "linger",
    "aclexec",
    "spawn",
    "twist",
    "rfc931",
)  # options of libwrap that the gate does not have

# syslog(3)
LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
FACILITIES = {
    "kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "lpr": 6, "news": 7, "uucp": 8, "cron": 9,
    **{f"local{number}": 16 + number for number in range(8)},
}  # fmt: skip

# The characters that the text of an expansion may have. libwrap replaces all others by underscores (percent_x.c).
SAFE_CHARACTERS = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!@%-_=+:,./")
EXPANSIONS: "dict[str, Callable[[Request], str]]" = {
    "a": lambda request: request.client.address,
    "A": lambda request: request.server.address,
    "c": lambda request: client_of(request),
    "d": lambda request: request.daemon,
    "h": lambda request: request.client.shown(),
    "H": lambda request: request.server.shown(),
    "n": lambda request: request.client.find_name() or "unknown",
    "N": lambda request: request.server.find_name() or "unknown",
    "p": lambda request: str(posix.getpid()),
    "r": lambda request: str(request.remote_port),
    "R": lambda request: str(request.port),
    "s": lambda request: server_of(request),
    "u": lambda request: request.user,
    "%": lambda request: "%",
}


class Reading:
    """One reading of the tables.

    daemon   the name in the rules that are read
    ident    whether the gate asks for the client's user (--ident)
    sources  records the files that were read
    options  the options that were read before, by their text
    """

    __slots__ = ("daemon", "ident", "options", "sources")

    def __init__(self, daemon: str, ident: bool, sources: "Sources | None" = None) -> None:
        self.daemon = daemon
        self.ident = ident
        self.sources = sources
        self.options: dict[str, Options] = {}


class Options:
    """The options of one rule, in their order.

    outcome        allow or deny, if the rule has this option; None if it has neither
    refusing       faults because of which the rule lets no client in
    left_out       faults that change nothing about which clients come in
    needs_process  whether the rule needs a process for each client: an option changes the process, or an expansion
                   contains its number or a host name
    names_port     whether an expansion contains the client's port
    """

    __slots__ = (
        "_actions", "_banner", "_reading", "_variables", "left_out", "names_port", "needs_process", "outcome",
        "refusing",
    )  # fmt: skip

    def __init__(self, text: str, reading: Reading) -> None:
        self.outcome: str | None = None
        self.refusing: list[Flaw] = []
        self.left_out: list[Flaw] = []
        self.needs_process = False
        self.names_port = False
        self._reading = reading
        self._actions = Actions()
        self._banner = ""
        self._variables: list[tuple[bytes, str]] = []
        for key, value in split_options(text):
            try:
                self._add(key, value)
            except Flaw as flaw:
                self.refusing.append(flaw)

    def for_client(self, request: "Request") -> "tuple[Variables, Actions]":
        """The variables and actions of the rule for one client."""
        actions = self._actions.copy()
        actions.banner = expand(self._banner, request).encode("latin-1")
        variables: Variables = {name: expand(value, request).encode("latin-1") for name, value in self._variables}
        return variables, actions

    def _add(self, key: str, value: str) -> None:
        """Raises Flaw for an option that cannot be honoured."""
        check_option(key, value)
        if self.outcome:
            raise Flaw(f"the option {self.outcome!r} must be the last one")
        if key == "banners":
            self._add_banner(value)
        elif key == "setenv":
            self._add_variable(value)
        elif key in (ALLOW, DENY):
            self.outcome = key
        else:
            ACTIONS[key](self._actions, value)
            self.needs_process = self.needs_process or key != "severity"

    def _add_banner(self, folder: str) -> None:
        """Read the file with the daemon's name, lines ended by CR LF. An unreadable file is left out, as by libwrap."""
        path = f"{folder}/{self._reading.daemon}"
        if not exists(path, self._reading.sources):
            if not exists(folder, self._reading.sources):
                self.left_out.append(Flaw(f"banners: there is no folder {folder!r}"))
            return
        try:
            text = read_file(path, LARGEST_BANNER, self._reading.sources).decode("latin-1").replace("\n", "\r\n")
        except PassingError:
            raise
        except ConfigError as error:
            self.left_out.append(Flaw(f"banners: {error.message}", error.hint))
            return
        self._note_expansions(text)
        self._banner += text

    def _add_variable(self, text: str) -> None:
        name, _, value = text.replace("\t", " ").partition(" ")
        if not (name.isascii() and name.isidentifier()):
            raise Flaw(f"setenv: {text!r} is not a variable and its value")
        self._note_expansions(value)
        self._variables.append((name.encode(), value.strip(C_SPACE)))

    def _note_expansions(self, text: str) -> None:
        """Record what the expansions of a text need. libwrap replaces an unknown expansion by nothing."""
        for letter in (part[1] for part in parts(text) if len(part) > 1):
            if letter not in EXPANSIONS:
                self.left_out.append(Flaw(f"'%{letter}' stands for nothing in {text.strip()!r}"))
            if letter == "u" and not self._reading.ident:
                self.left_out.append(Flaw("'%u' is the client's user, which only --ident asks for"))
            self.needs_process = self.needs_process or letter in "nNp"
            self.names_port = self.names_port or letter == "r"


def options_of(text: str, reading: Reading) -> Options | None:
    """The options of a rule, None if it has none. The same text is read only once."""
    if not text:
        return None
    if text not in reading.options:
        reading.options[text] = Options(text, reading)
    return reading.options[text]


def set_keepalive(actions: Actions, value: str) -> None:
    actions.keepalive = True


def set_nice(actions: Actions, value: str) -> None:
    digits = value[1:] if value[:1] in ("+", "-") else value
    if value and not (digits.isascii() and digits.isdigit() and len(digits) <= 2):
        raise Flaw(f"nice: {value!r} is not a nice value")
    actions.nice += int(value) if value else DEFAULT_NICE


def set_severity(actions: Actions, value: str) -> None:
    facility, dot, level = value.lower().rpartition(".")
    if level not in LEVELS or (dot and facility not in FACILITIES):
        raise Flaw(f"severity: {value!r} is not [FACILITY.]LEVEL of syslog(3)")
    actions.priority = LEVELS.index(level)
    actions.facility = FACILITIES.get(facility)


def set_umask(actions: Actions, value: str) -> None:
    if value.strip("01234567") or int(value, 8) > 0o777:
        raise Flaw(f"umask: {value!r} is not an octal mask")
    actions.umask = int(value, 8)


ACTIONS = {"keepalive": set_keepalive, "nice": set_nice, "severity": set_severity, "umask": set_umask}
WITHOUT_VALUE = (ALLOW, DENY, "keepalive")
WITH_VALUE = ("banners", "setenv", "severity", "umask")
WITH_OR_WITHOUT = ("nice",)


def split_options(text: str) -> list[tuple[str, str]]:
    """Keyword and value of each option, `KEYWORD [=] VALUE` between colons; `\\:` is a colon."""
    options = []
    for field in text.replace("\\:", "\0").split(":"):
        field = field.replace("\0", ":").strip(C_SPACE)
        end = next((at for at, character in enumerate(field) if character in "= \t"), len(field))
        options.append((field[:end].lower(), field[end:].lstrip(" \t").removeprefix("=").lstrip(" \t")))
    return options


def check_option(key: str, value: str) -> None:
    """Raises Flaw for an option that is not here, or that is not written right."""
    if not key and not value:  # libwrap refuses as well, also where the colon is the end of the rule
        raise Flaw("there is no option behind a colon", "take the colon away")
    if key in NOT_HERE:
        raise Flaw(f"the option {key!r} cannot be honoured here")
    if key not in WITHOUT_VALUE + WITH_VALUE + WITH_OR_WITHOUT:
        raise Flaw(f"{f'{key} {value}'.strip()!r} is not an option of hosts_options(5)")
    if bool(value) != (key in WITH_VALUE) and key not in WITH_OR_WITHOUT:
        raise Flaw(f"the option {key!r} " + ("takes no value" if value else "needs a value"))


def parts(text: str) -> list[str]:
    """The text in parts: expansions such as %h, and single characters."""
    found = []
    at = 0
    while at < len(text):
        size = 2 if text[at] == "%" and at + 1 < len(text) else 1
        found.append(text[at : at + size])
        at += size
    return found


def expand(text: str, request: "Request") -> str:
    return "".join(expanded(part[1], request) if len(part) > 1 else part for part in parts(text))


def expanded(letter: str, request: "Request") -> str:
    return safe(EXPANSIONS[letter](request)) if letter in EXPANSIONS else ""


def safe(text: str) -> str:
    return "".join(character if character in SAFE_CHARACTERS else "_" for character in text)


def client_of(request: "Request") -> str:
    host = request.client.shown()
    return host if request.user == "unknown" else f"{request.user}@{host}"


def server_of(request: "Request") -> str:
    host = request.server.shown()
    return request.daemon if host == "unknown" else f"{request.daemon}@{host}"
