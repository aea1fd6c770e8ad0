"""One rule of hosts.allow or hosts.deny: the clients that it is about, and what it says of them.

A rule that is not written right, or that has an option which cannot be honoured, lets no client in: it refuses the
clients that it is about. Other clients come to the next rule, as with libwrap.
"""

from ..core import ALLOW, DENY, Cause, Verdict
from ..core.addresses import port_number
from ..core.rule_files import RuleWarning
from .hosts_options import options_of
from .hosts_patterns import EVERY_HOST, HostPattern, read_pattern
from .hosts_table import Fields, split
from .hosts_words import Flaw, any_of, comments_aside, match_text, words_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .hosts_options import Reading
    from .hosts_request import Key, Request
    from .hosts_words import Match

NEVER, ALWAYS, PERHAPS = "never", "always", "perhaps"  # whether a list of daemons is about ours
EXCEPT = "except"


class ServerWord:
    """`daemon`, `port`, or either of them with `@host`: where the client connected to."""

    __slots__ = ("_daemon", "_port", "pattern")

    def __init__(self, text: str, reading: "Reading") -> None:
        self._daemon, at, host = split(text, "@")
        self._port = port_number(self._daemon)
        self.pattern = pattern_behind_at(text, host, reading) if at else EVERY_HOST

    def asks_where(self, daemon: str) -> bool:
        """Whether it is about this daemon on one port, or on some addresses of the machine."""
        if self._port is not None:
            return True
        return self.pattern is not EVERY_HOST and match_text(self._daemon, daemon)

    def match(self, request: "Request") -> "Match":
        if self._port is not None and self._port != request.port:
            return False
        if self._port is None and not match_text(self._daemon, request.daemon):
            return False
        return self.pattern.match(request.server)


class ClientWord:
    """`host` or `user@host`. Without --ident, a word about a user may be about each client of the host."""

    __slots__ = ("_user", "pattern")

    def __init__(self, text: str, reading: "Reading") -> None:
        first, at, host = split(text, "@")
        self._user = first if at else ""
        self.pattern = pattern_behind_at(text, host, reading) if at else read_pattern(first, reading.sources)
        if at and host and first.lower() != "all" and not reading.ident:
            self._user = ""
            flaw = Flaw(f"{text!r} is about the client's user, which only --ident asks for")
            self.pattern = self.pattern.doubted(flaw)

    def match(self, request: "Request") -> "Match":
        matched = self.pattern.match(request.client)
        if matched is False or not self._user:
            return matched
        return matched if match_text(self._user, request.user) else False


class WordList:
    """`a b EXCEPT c EXCEPT d`, which is (a b) but not (c but not d).

    flaw  of the list itself: then it may be about each client
    """

    __slots__ = ("exceptions", "flaw", "words")

    def __init__(
        self, words: "list[ServerWord | ClientWord]", exceptions: "WordList | None", flaw: Flaw | None
    ) -> None:
        self.words = words
        self.exceptions = exceptions
        self.flaw = flaw

    def match(self, request: "Request") -> "Match":
        matched = any_of(word.match(request) for word in self.words) if self.flaw is None else None
        if matched is False or self.exceptions is None:
            return matched
        excepted = self.exceptions.match(request)
        if excepted:
            return False
        return None if excepted is None else matched

    def all_words(self) -> "list[ServerWord | ClientWord]":
        return self.words + (self.exceptions.all_words() if self.exceptions else [])

    def patterns(self) -> list[HostPattern]:
        return [word.pattern for word in self.all_words()]

    def flaws(self) -> list[Flaw]:
        own = [self.flaw] if self.flaw else []
        in_words = [flaw for word in self.words for flaw in word.pattern.flaws]
        return own + in_words + (self.exceptions.flaws() if self.exceptions else [])


class Rule:
    """One rule that may be about our daemon.

    outcome  what it says of the clients that it is about, where it can be honoured
    """

    __slots__ = ("_clients", "_daemons", "_doubts", "_junk", "_options", "_refusing", "cause", "outcome")

    def __init__(self, cause: Cause, fields: Fields, outcome: str, reading: "Reading") -> None:
        self.cause = cause
        self._daemons = read_list(fields.daemons, ServerWord, reading)
        self._clients = read_list(fields.clients, ClientWord, reading)
        self._options = options_of(fields.options, reading)
        self.outcome = (self._options and self._options.outcome) or outcome
        self._junk = fields.junk
        self._doubts = [fields.junk] if fields.junk else self._daemons.flaws() + self._clients.flaws()
        self._refusing = [fields.bare] if fields.bare else self._options.refusing if self._options else []

    @property
    def needs_process(self) -> bool:
        acts = self._options is not None and self._options.needs_process
        return acts or any(pattern.needs_name for pattern in self._daemons.patterns() + self._clients.patterns())

    @property
    def names_port(self) -> bool:
        return self._options is not None and self._options.names_port

    def asks_where(self, request: "Request") -> bool:
        """Whether it may be about this client where it connects to one address or port, and not at another."""
        words = (word for word in self._daemons.all_words() if type(word) is ServerWord)
        return any(word.asks_where(request.daemon) for word in words) and self._clients.match(request) is not False

    def keys(self) -> "tuple[list[Key], list[str]] | None":
        """The clients that this rule can be about, as ClientKeys has them; None if it can be about others."""
        keys: list[Key] = []
        names: list[str] = []
        if self._doubts or any(word.pattern is not EVERY_HOST for word in self._daemons.words):
            return None
        for word in self._clients.words:
            if word.pattern.keys is None:
                return None
            keys += word.pattern.keys
            names += word.pattern.names
        return keys, names

    def warnings(self) -> list[RuleWarning]:
        """What does not happen as it is written, and what happens in its place."""
        lets_in = self.outcome == ALLOW
        instead = "it lets no client in" if lets_in else "each client that it may be about is refused"
        told = [(flaw, instead) for flaw in self._doubts]
        if self._options is not None:
            instead = "its clients are refused" if lets_in else "its clients are refused without that"
            told += [(flaw, instead) for flaw in self._options.refusing]
            told += [(flaw, "it is left out") for flaw in self._options.left_out]
        return [RuleWarning(self.cause, f"{flaw.reason}: {instead}", flaw.hint) for flaw, instead in told]

    def decide(self, request: "Request") -> Verdict | None:
        """The verdict if this rule decides, else None."""
        matched = self._match(request)
        if matched is False or (matched is None and self.outcome == ALLOW):
            return None
        return self._undecided(request) if matched is None else self._decided(request)

    def _match(self, request: "Request") -> "Match":
        daemons = self._daemons.match(request)
        clients = daemons if daemons is False else self._clients.match(request)
        if clients is False:
            return False
        return True if daemons and clients and self._junk is None else None

    def _decided(self, request: "Request") -> Verdict:
        reason = f"{self.cause}: {self.cause.text}"
        variables, actions = self._options.for_client(request) if self._options else (None, None)
        if not self._refusing:
            return Verdict(self.outcome, self.cause, reason, variables=variables, actions=actions)
        if self.outcome == ALLOW:
            reason = f"{reason}: {self._refusing[0]}"
        return Verdict(DENY, self.cause, reason, variables=variables, actions=actions)

    def _undecided(self, request: "Request") -> Verdict:
        """The refusal of a client if it is not known whether the rule is about it."""
        problem = request.client.problem or request.server.problem or "no name service"
        why = self._doubts[0] if self._doubts else problem
        reason = f"{self.cause}: {self.cause.text}: unable to tell whether that is this client: {why}"
        return Verdict(DENY, self.cause, reason)


def read_list(text: str, kind: "type[ServerWord] | type[ClientWord]", reading: "Reading") -> WordList:
    """The words of one field. A list without a word, or an exception without one, may be about each client."""
    groups: list[list[ServerWord | ClientWord]] = [[]]
    for name, comment in comments_aside(words_of(text)):
        if name.lower() == EXCEPT:
            groups.append([])
            continue
        word = kind(name, reading)
        if comment is not None:
            word.pattern = word.pattern.commented(comment)
        groups[-1].append(word)
    result: WordList | None = None
    for words in reversed(groups):
        where = " on one side of EXCEPT" if len(groups) > 1 else ""
        result = WordList(words, result, None if words else Flaw(f"{text.strip()!r} names no client{where}"))
    assert result is not None
    return result


def about_daemon(daemons: str, daemon: str) -> str:
    """Whether a list of daemons is about ours: ALWAYS, NEVER, or PERHAPS if that depends on the port or the address."""
    words = words_of(daemons)
    if not any(may_be_about(word, daemon) for word in words):
        return NEVER if words else PERHAPS
    if any(word.lower() == EXCEPT for word in words):
        return PERHAPS
    plain = [word for word in words if "@" not in word and "[" not in word and port_number(word) is None]
    return ALWAYS if any(match_text(word, daemon) for word in plain) else PERHAPS


def may_be_about(word: str, daemon: str) -> bool:
    """Whether a word of a daemon list can match our daemon on some address or port."""
    name = split(word, "@")[0]
    return port_number(name) is not None or match_text(name, daemon)


def pattern_behind_at(text: str, host: str, reading: "Reading") -> HostPattern:
    if not host:
        return EVERY_HOST.doubted(Flaw(f"{text!r} names no host behind '@'"))
    return read_pattern(host, reading.sources)
