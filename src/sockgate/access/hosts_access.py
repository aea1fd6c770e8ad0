"""--hosts-access: hosts.allow and hosts.deny, decided as libwrap 7.6.q-32 does for xinetd. See hosts_access(5).

The first rule that matches decides: hosts.allow, then hosts.deny, and who matches neither comes in. Only rules that
can be about this daemon are looked at closely. Whatever libwrap logs and skips there is an error, and where a rule
hangs on a host name that cannot be found out, it counts as matching if it refuses, and as not if it lets in.
"""

from ..core.errors import ConfigError, UsageError
from ..core.peer import Peer
from ..core.rule_files import exists, read_file, text_lines
from ..core.verdict import ALLOW, DENY, NO_MATCH, Cause, Verdict
from . import Check
from .hosts_options import Options
from .hosts_patterns import HostPattern, Request, any_of, match_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.options import Settings
    from ..core.rule_files import Sources
    from .hosts_patterns import Match

DIRECTORY = "/etc"
TABLES = (("hosts.allow", ALLOW), ("hosts.deny", DENY))
SEPARATORS = str.maketrans(",\t\r", "   ")
LONGEST_RULE = 2046  # libwrap stops reading a table at a longer one


class WordList:
    """`a b EXCEPT c EXCEPT d`, which is (a b) but not (c but not d)."""

    __slots__ = ("exceptions", "words")

    def __init__(self, words: "list[ServerWord | ClientWord]", exceptions: "WordList | None") -> None:
        self.words = words
        self.exceptions = exceptions

    def match(self, request: Request) -> "Match":
        matched = any_of(word.match(request) for word in self.words)
        if matched is False or self.exceptions is None:
            return matched
        excepted = self.exceptions.match(request)
        if excepted:
            return False
        return None if excepted is None else matched

    def all_words(self) -> "list[ServerWord | ClientWord]":
        return [*self.words, *(self.exceptions.all_words() if self.exceptions else [])]


class Reading:
    """How the tables are read: for which daemon, whether a client's user is known, and what was looked at."""

    __slots__ = ("daemon", "ident", "sources")

    def __init__(self, daemon: str, ident: bool, sources: "Sources | None") -> None:
        self.daemon = daemon
        self.ident = ident
        self.sources = sources


class ServerWord:
    """`daemon`, `port`, or either of them with `@host`: where the client connected to."""

    __slots__ = ("_daemon", "_port", "patterns")

    def __init__(self, text: str, reading: Reading) -> None:
        self._daemon, at, host = split(text, "@")
        self._port = port_number(self._daemon)
        self.patterns = [host_pattern(text, host, reading)] if at else []

    def match(self, request: Request) -> "Match":
        if self._port is not None and self._port != request.port:
            return False
        if self._port is None and not match_text(self._daemon, request.daemon):
            return False
        return self.patterns[0].match(request.server) if self.patterns else True


class ClientWord:
    """`host` or `user@host`. Raises ValueError for a user where nobody asks for one."""

    __slots__ = ("_user", "patterns")

    def __init__(self, text: str, reading: Reading) -> None:
        first, at, host = split(text, "@")
        self._user = first if at else ""
        self.patterns = [host_pattern(text, host if at else first, reading)]
        if at and first.lower() != "all" and not reading.ident:
            raise ValueError(f"{text!r} is about the client's user, which only --ident asks for")

    def match(self, request: Request) -> "Match":
        matched = self.patterns[0].match(request.client)
        if matched is False or not self._user:
            return matched
        return matched if match_text(self._user, request.user) else False


class Rule:
    """One rule that may be about our daemon."""

    __slots__ = ("_clients", "_daemons", "_options", "cause", "outcome")

    def __init__(self, cause: Cause, fields: list[str], outcome: str, reading: Reading) -> None:
        self.cause = cause
        self._daemons = parse_list(fields[0], ServerWord, reading)
        self._clients = parse_list(fields[1], ClientWord, reading)
        self._options = None
        if len(fields) > 2:
            self._options = Options(fields[2], reading.daemon, reading.ident, reading.sources)
        self.outcome = (self._options and self._options.outcome) or outcome

    @property
    def needs_process(self) -> bool:
        acts = self._options is not None and self._options.needs_process
        return acts or any(pattern.needs_name for pattern in self._patterns())

    @property
    def names_port(self) -> bool:
        return self._options is not None and self._options.names_port

    def _patterns(self) -> list[HostPattern]:
        words = self._daemons.all_words() + self._clients.all_words()
        return [pattern for word in words for pattern in word.patterns]

    def decide(self, request: Request) -> Verdict | None:
        """The verdict if this rule decides, else None."""
        matched = self._daemons.match(request)
        if matched is not False:
            clients = self._clients.match(request)
            matched = clients and matched if clients is not None else None
        if matched is False or (matched is None and self.outcome == ALLOW):
            return None
        reason = f"{self.cause}: {self.cause.text}"
        if matched is None:
            problem = request.client.problem or request.server.problem or "no name service"
            return Verdict(DENY, self.cause, f"{reason}: unable to tell whether that is this client: {problem}")
        variables, actions = self._options.for_client(request) if self._options else (None, None)
        return Verdict(self.outcome, self.cause, reason, variables=variables, actions=actions)


def build(settings: "Settings", sources: "Sources") -> "HostsAccess":
    assert settings.hosts_access is not None
    return HostsAccess(settings.hosts_access, ident=settings.ident is not None, sources=sources)


class HostsAccess(Check):
    """The rules of both tables. Raises ConfigError for whatever is not right in them."""

    by_name = True

    def __init__(self, value: str, *, ident: bool, sources: "Sources | None" = None) -> None:
        """`value` is DAEMON[,DIR], that of --hosts-access."""
        self._daemon, comma, directory = value.partition(",")
        if not self._daemon or not self._daemon.isprintable() or " " in self._daemon or (comma and not directory):
            cause = Cause("--hosts-access", value)
            raise UsageError(f"--hosts-access: {value!r} is not DAEMON or DAEMON,DIR", cause=cause)
        reading = Reading(self._daemon, ident, sources)
        self._rules: list[Rule] = []
        for name, outcome in TABLES:
            self._rules += read_table(f"{directory or DIRECTORY}/{name}", outcome, reading)
        self.needs_process = any(rule.needs_process for rule in self._rules)
        self.lasting = not any(rule.names_port for rule in self._rules)

    def decide(self, peer: Peer, considered: list[str] | None = None) -> Verdict:
        request = Request(self._daemon, peer)
        for rule in self._rules:
            verdict = rule.decide(request)
            if verdict is not None:
                return verdict
            if considered is not None:
                considered.append(f"{rule.cause}: {rule.cause.text}: not about this client")
        return Verdict(NO_MATCH)


def read_table(path: str, outcome: str, reading: Reading) -> list[Rule]:
    """The rules of one table that may be about this daemon. Raises ConfigError."""
    rules = []
    for number, line in logical_lines(path, reading.sources):
        cause = Cause(file=path, line=number, text=line.strip())
        fields = split_fields(line)
        if len(fields) < 2 or not fields[0].strip(", \t\r"):
            raise ConfigError(f"{cause}: {line!r} is not DAEMONS : CLIENTS", cause=cause)
        try:
            if any(may_be_about(word, reading.daemon) for word in words_of(fields[0])):
                rules.append(Rule(cause, fields, outcome, reading))
        except (ValueError, ConfigError) as error:
            raise ConfigError(f"{cause}: {error}", cause=cause) from None
    return rules


def logical_lines(path: str, sources: "Sources | None") -> list[tuple[int, str]]:
    """Number and text of each rule; a backslash at the end of a line continues it, even that of a comment."""
    if not exists(path, sources):
        return []  # hosts_access(5)
    data = read_file(path, sources=sources)
    if not data.strip():
        return []
    rules = []
    first, joined = 0, ""
    for number, line in enumerate(text_lines(data, path), 1):
        first = first if joined else number
        joined += line.removesuffix("\\")
        if line.endswith("\\"):
            continue
        if len(joined) > LONGEST_RULE:
            cause = Cause(file=path, line=first)
            raise ConfigError(f"{cause}: the rule is longer than {LONGEST_RULE} characters", cause=cause)
        if joined.strip(" \t\r") and joined[0] != "#":
            rules.append((first, joined))
        joined = ""
    if joined:
        cause = Cause(file=path, line=first)
        raise ConfigError(f"{cause}: the last line continues, and nothing follows", cause=cause)
    return rules


def split(text: str, delimiter: str) -> tuple[str, str, str]:
    """Like partition, but not inside brackets, where an IPv6 address stands, and not at the first character."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if character == delimiter and depth == 0 and at:
            return text[:at], delimiter, text[at + 1 :]
    return text, "", ""


def split_fields(line: str) -> list[str]:
    """Daemons, clients, and options if there are any."""
    daemons, colon, rest = split(" " + line, ":")
    clients, second, options = split(" " + rest, ":")
    return [daemons, clients, options][: 1 + bool(colon) + bool(second)]


def words_of(text: str) -> list[str]:
    return text.translate(SEPARATORS).split()


def may_be_about(word: str, daemon: str) -> bool:
    """Whether a word of a daemon list can match our daemon on some address or port."""
    name = split(word, "@")[0]
    return port_number(name) is not None or match_text(name, daemon)


def port_number(text: str) -> int | None:
    """The port that a word stands for, None if it is a daemon's name."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535 else None


def parse_list(text: str, kind: "type[ServerWord] | type[ClientWord]", reading: Reading) -> WordList:
    """Raises ValueError, also for a list, or an exception from it, that names nobody."""
    groups: list[list[ServerWord | ClientWord]] = [[]]
    for word in words_of(text):
        if word.lower() == "except":
            groups.append([])
        else:
            groups[-1].append(kind(word, reading))
    if not all(groups):
        raise ValueError(f"{text.strip()!r} names nobody" + (" on one side of EXCEPT" if len(groups) > 1 else ""))
    result: WordList | None = None
    for words in reversed(groups):
        result = WordList(words, result)
    assert result is not None
    return result


def host_pattern(text: str, host: str, reading: Reading) -> HostPattern:
    if not host:
        raise ValueError(f"{text!r} names no host behind '@'")
    return HostPattern(host, reading.sources)
