"""--hosts-access: hosts.allow and hosts.deny, decided as libwrap 7.6.q-32 does for xinetd. See hosts_access(5).

The first rule that matches decides: hosts.allow, then hosts.deny. A client that matches no rule is let in. Where a rule
hangs on a host name that cannot be found out, it counts as matching if it refuses, and as not matching if it lets in.

The cost of a decision does not grow with the tables: rules are found by the address and the name of the client. Only
rules with other patterns, such as wildcards, are compared one by one. To read a table is cheap as well: a rule that
holds addresses and names alone is not built before it is needed.
"""

from ..core import ALLOW, DENY, NO_MATCH, Cause, UsageError, Verdict
from ..core.peer import Peer
from ..core.rule_files import RuleWarning
from . import Check
from .hosts_options import Reading, options_of
from .hosts_patterns import plain_keys
from .hosts_request import ClientKeys, Request
from .hosts_rules import ALWAYS, NEVER, Rule, about_daemon
from .hosts_table import logical_lines, split, split_line
from .hosts_words import words_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..core.options import Settings
    from ..core.rule_files import Sources
    from .hosts_request import Key

DIRECTORY = "/etc"
TABLES = (("hosts.allow", ALLOW), ("hosts.deny", DENY))
MOST_WARNINGS = 100  # a longer list helps no administrator


def build(settings: "Settings", sources: "Sources") -> "HostsAccess":
    assert settings.hosts_access is not None
    return HostsAccess(settings.hosts_access, ident=settings.ident is not None, sources=sources)


class HostsAccess(Check):
    """The rules of both tables. Raises ConfigError for a table that is not whole."""

    by_name = True

    def __init__(self, value: str, *, ident: bool, sources: "Sources | None" = None) -> None:
        """`value` is DAEMON[,DIR], that of --hosts-access."""
        daemon, comma, directory = value.partition(",")
        if not daemon or not daemon.isprintable() or " " in daemon or (comma and not directory):
            cause = Cause("--hosts-access", value)
            raise UsageError(f"--hosts-access: {value!r} is not DAEMON or DAEMON,DIR", cause=cause)
        self._reading = Reading(daemon, ident, sources)
        self._lines: list[tuple[str, int, str, str]] = []  # path, line, text and outcome, in the order of decision
        self._rules: dict[int, Rule] = {}  # those that are built, by their place in that order
        self._keys = ClientKeys()
        self._always: list[int] = []  # the places of rules that can only be found by comparing
        self._first_named: int | None = None  # the place of the first rule that is found by name
        self._refusing_named: list[int] = []  # and of those that refuse
        self._warnings: list[RuleWarning] = []
        self.needs_process = False
        self.lasting = True
        for name, outcome in TABLES:
            self._read_table(f"{directory or DIRECTORY}/{name}", outcome)

    @property
    def warnings(self) -> tuple[RuleWarning, ...]:
        return tuple(self._warnings)

    def decide(self, peer: Peer, considered: list[str] | None = None) -> Verdict:
        request = Request(self._reading.daemon, peer)
        decided, verdict = len(self._lines), None
        for place in self._candidates(request):
            verdict = self._rule(place).decide(request)
            if verdict is not None:
                decided = place
                break
        if considered is not None:
            causes = map(self._cause, range(decided))
            considered += [f"{cause}: {cause.text}: not about this client" for cause in causes]
        return verdict or Verdict(NO_MATCH)

    def asks_where(self, peer: Peer) -> bool:
        request = Request(self._reading.daemon, peer)
        for rule in map(self._rule, self._candidates(request)):
            if rule.asks_where(request):
                return True
            if rule.decide(request) is not None:
                return False
        return False

    def _candidates(self, request: Request) -> "Iterator[int]":
        """The places of the rules that can be about this client. Its name is asked for when a rule by name is due."""
        waiting = sorted({*self._always, *self._keys.of_address(request.client)}, reverse=True)
        while waiting and (self._first_named is None or waiting[-1] <= self._first_named):
            yield waiting.pop()
        if self._first_named is not None:
            name = request.client.find_name()
            by_name = self._refusing_named if name is None else self._keys.of_name(name)
            yield from sorted({*waiting, *by_name})

    def _read_table(self, path: str, outcome: str) -> None:
        """Raises ConfigError."""
        about: dict[str, str] = {}
        for number, text in logical_lines(path, self._reading.sources):
            daemons, colon, rest = text.partition(":") if "[" not in text else split(f" {text}", ":")
            if daemons not in about:
                about[daemons] = about_daemon(daemons, self._reading.daemon)
            if about[daemons] == NEVER and colon:
                continue
            place = len(self._lines)
            self._lines.append((path, number, text, outcome))
            if about[daemons] != ALWAYS or not self._add_plain(place, rest, outcome):
                self._add_rule(place)

    def _add_plain(self, place: int, rest: str, outcome: str) -> bool:
        """Add a rule without building it, if its clients are addresses and names alone. Returns whether they are."""
        clients, colon, text = rest.partition(":")
        keys = plain_keys(words_of(clients.lower())) if (text or not colon) and ":" not in text else None
        if keys is None:
            return False
        options = options_of(text, self._reading)
        if options is not None:
            if options.refusing or options.left_out:
                return False
            outcome = options.outcome or outcome
            self.needs_process = self.needs_process or options.needs_process
            self.lasting = self.lasting and not options.names_port
        self._add_keys(place, *keys, outcome)
        return True

    def _add_keys(self, place: int, keys: "list[Key]", names: list[str], outcome: str) -> None:
        """Note the clients of a rule that is found by them alone."""
        self._keys.add(place, keys, names)
        if not names:
            return
        self.needs_process = True
        if self._first_named is None:
            self._first_named = place
        # Where the name is not known, rules that refuse decide: up to the first that hangs on nothing but the name.
        if outcome == DENY and (not self._refusing_named or self._refusing_named[-1] in self._rules):
            self._refusing_named.append(place)

    def _add_rule(self, place: int) -> None:
        """Build a rule of which more is to be known than its clients."""
        rule = self._rule(place)
        keys = rule.keys()
        if keys is None:
            self._always.append(place)
        else:
            self._add_keys(place, *keys, rule.outcome)
        self.needs_process = self.needs_process or rule.needs_process
        self.lasting = self.lasting and not rule.names_port
        if len(self._warnings) < MOST_WARNINGS:
            self._warnings += rule.warnings()

    def _rule(self, place: int) -> Rule:
        if place not in self._rules:
            _, _, text, outcome = self._lines[place]
            self._rules[place] = Rule(self._cause(place), split_line(text), outcome, self._reading)
        return self._rules[place]

    def _cause(self, place: int) -> Cause:
        path, number, text, _ = self._lines[place]
        return Cause(file=path, line=number, text=text.strip())
