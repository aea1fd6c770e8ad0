"""What a rule of hosts.allow or hosts.deny does beside matching: hosts_options(5), as libwrap 7.6.q-32 reads it.

An option that cannot be honoured is an error: a rule that is half carried out is none.
"""

import posix

from ..core.actions import Actions
from ..core.rule_files import exists, read_file
from ..core.verdict import ALLOW, DENY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.rule_files import Sources
    from .hosts_patterns import Request

    Variables = dict[bytes, bytes | None]

LARGEST_BANNER = 1 << 16
DEFAULT_NICE = 10
NOT_HERE = ("user", "group", "linger", "aclexec", "spawn", "twist", "rfc931")  # what libwrap has beside ours

# syslog(3)
LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
FACILITIES = {
    "kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "lpr": 6, "news": 7, "uucp": 8, "cron": 9,
    **{f"local{number}": 16 + number for number in range(8)},
}  # fmt: skip

NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
# What the client can bring in by an expansion; everything else becomes an underscore (percent_x.c).
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


class Options:
    """The options of one rule, in their order. Raises ValueError for a wrong one.

    outcome        what the option allow or deny makes of the rule, None if it has neither
    needs_process  whether a process of the connection's own is to be changed, or spoken of, or a name looked up
    names_port     whether it says which port the client has
    """

    __slots__ = ("_actions", "_banner", "_ident", "_sources", "_variables", "names_port", "needs_process", "outcome")

    def __init__(self, text: str, daemon: str, ident: bool, sources: "Sources | None" = None) -> None:
        self._sources = sources
        self.outcome: str | None = None
        self.needs_process = False
        self.names_port = False
        self._ident = ident
        self._actions = Actions()
        self._banner = ""
        self._variables: list[tuple[bytes, str]] = []
        for key, value in split_options(text):
            if self.outcome:
                raise ValueError(f"the option {self.outcome!r} must be the last one")
            if key == "banners":
                self._add_banner(value, daemon)
            elif key == "setenv":
                self._add_variable(value)
            elif key in (ALLOW, DENY):
                self.outcome = key
            else:
                ACTIONS[key](self._actions, value)
                self.needs_process = self.needs_process or key != "severity"

    def for_client(self, request: "Request") -> "tuple[Variables, Actions]":
        """What the rule does for the client that it has decided about."""
        actions = self._actions.copy()
        actions.banner = expand(self._banner, request).encode("latin-1")
        variables: Variables = {name: expand(value, request).encode("latin-1") for name, value in self._variables}
        return variables, actions

    def _add_banner(self, directory: str, daemon: str) -> None:
        """The file with the daemon's name, its lines ended by CR LF; a daemon without one has no banner."""
        path = f"{directory}/{daemon}"
        if not exists(path, self._sources):
            if not exists(directory, self._sources):
                raise ValueError(f"banners: there is no directory {directory!r}")
            return
        text = read_file(path, LARGEST_BANNER, self._sources).decode("latin-1").replace("\n", "\r\n")
        self._check_expansions(text)
        self._banner += text

    def _add_variable(self, text: str) -> None:
        name, _, value = text.replace("\t", " ").partition(" ")
        if not name or name[0].isdigit() or not NAME_CHARACTERS.issuperset(name):
            raise ValueError(f"setenv: {text!r} is not a variable and its value")
        self._check_expansions(value)
        self._variables.append((name.encode(), value.strip()))

    def _check_expansions(self, text: str) -> None:
        for letter in (part[1] for part in parts(text) if len(part) > 1):
            if letter not in EXPANSIONS:
                raise ValueError(f"'%{letter}' stands for nothing in {text.strip()!r}")
            if letter == "u" and not self._ident:
                raise ValueError("'%u' is the client's user, which only --ident asks for")
            self.needs_process = self.needs_process or letter in "nNp"
            self.names_port = self.names_port or letter == "r"


def set_keepalive(actions: Actions, value: str) -> None:
    actions.keepalive = True


def set_nice(actions: Actions, value: str) -> None:
    digits = value[1:] if value[:1] in ("+", "-") else value
    if value and not (digits.isascii() and digits.isdigit() and len(digits) <= 2):
        raise ValueError(f"nice: {value!r} is not a nice value")
    actions.nice += int(value) if value else DEFAULT_NICE


def set_severity(actions: Actions, value: str) -> None:
    facility, dot, level = value.lower().rpartition(".")
    if level not in LEVELS or (dot and facility not in FACILITIES):
        raise ValueError(f"severity: {value!r} is not [FACILITY.]LEVEL of syslog(3)")
    actions.priority = LEVELS.index(level)
    actions.facility = FACILITIES.get(facility)


def set_umask(actions: Actions, value: str) -> None:
    if value.strip("01234567") or int(value, 8) > 0o777:
        raise ValueError(f"umask: {value!r} is not an octal mask")
    actions.umask = int(value, 8)


ACTIONS = {"keepalive": set_keepalive, "nice": set_nice, "severity": set_severity, "umask": set_umask}
WITHOUT_VALUE = (ALLOW, DENY, "keepalive")
WITH_VALUE = ("banners", "setenv", "severity", "umask")
WITH_OR_WITHOUT = ("nice",)


def split_options(text: str) -> list[tuple[str, str]]:
    """Keyword and value of each option, `KEYWORD [=] VALUE` between colons; `\\:` is a colon. Raises ValueError."""
    options = []
    fields = text.replace("\\:", "\0").split(":")
    if not fields[-1]:
        fields.pop()  # libwrap warns of a colon at the end of a rule, and goes on
    for field in fields:
        field = field.replace("\0", ":").strip()
        end = next((at for at, character in enumerate(field) if character in "= \t"), len(field))
        key = field[:end].lower()
        value = field[end:].lstrip(" \t").removeprefix("=").lstrip(" \t")
        if key in NOT_HERE:
            raise ValueError(f"the option {key!r} cannot be honoured here")
        if key not in WITHOUT_VALUE + WITH_VALUE + WITH_OR_WITHOUT:
            raise ValueError(f"{field!r} is not an option of hosts_options(5)")
        if bool(value) != (key in WITH_VALUE) and key not in WITH_OR_WITHOUT:
            raise ValueError(f"the option {key!r} " + ("takes no value" if value else "needs a value"))
        options.append((key, value))
    return options


def parts(text: str) -> list[str]:
    """Single characters, and two where a % begins an expansion."""
    found = []
    at = 0
    while at < len(text):
        size = 2 if text[at] == "%" and at + 1 < len(text) else 1
        found.append(text[at : at + size])
        at += size
    return found


def expand(text: str, request: "Request") -> str:
    return "".join(safe(EXPANSIONS[part[1]](request)) if len(part) > 1 else part for part in parts(text))


def safe(text: str) -> str:
    return "".join(character if character in SAFE_CHARACTERS else "_" for character in text)


def client_of(request: "Request") -> str:
    host = request.client.shown()
    return host if request.user == "unknown" else f"{request.user}@{host}"


def server_of(request: "Request") -> str:
    host = request.server.shown()
    return request.daemon if host == "unknown" else f"{request.daemon}@{host}"
