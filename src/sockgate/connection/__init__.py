"""The connection: all that one client passes through, from the options to the server. The steps are in admission.py.

A gate: a set of options, checked and loaded before a client comes. It decides about clients.

`sockgate` builds a gate for its only connection, `sockgated` one for all its connections. `sockgatectl` builds a gate
to check and explain options. A gate starts no process and writes nothing.

The gate stands here and not in a file of its own, which would take 0.1 ms of each connection.
"""

from ..access import build_checks
from ..core import ALLOW, DENY, NO_MATCH, Verdict
from ..core.options import Settings
from ..core.peer import Peer
from .server import Server, peer_variables, scrub

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.actions import Actions
    from ..core.questions import Questions
    from ..core.rule_files import RuleWarning, Sources
    from .banners import Banners
    from .client_variables import ClientVariables
    from .greet_delay import GreetDelay
    from .log_choice import LogChoice
    from .lookup_options import LookUps
    from .proxy import ProxyProtocol
    from .ssl_variables import SslVariables

LOOKUP_OPTIONS = ("--hostname", "--paranoid", "--ident", "--dnsbl", "--dnsbl-allow", "--dnsbl-fail")
BANNER_OPTIONS = ("--banner", "--banner-success", "--banner-fail", "--deny-message", "--banner-text")


class Gate:
    """A gate, built from a parsed command line. Raises UsageError or ConfigError for options that cannot work.

    sources     each file and folder that was looked at, with its signature (core/rule_files.py)
    greeting    what every client is sent before the gate decides about it
    local_name  the name of this end (TCPLOCALHOST), None if it is unknown
    log_choice  what stands in the log, None for everything
    """

    __slots__ = (
        "_assignments", "_banners", "_client_variables", "_pass_env", "_relay", "_ssl_variables", "checks",
        "greet_delay", "greeting", "local_name", "log_choice", "lookups", "name", "proxy", "server", "sources",
        "timeout",
    )  # fmt: skip

    def __init__(self, settings: Settings, sources: "Sources | None" = None) -> None:
        """`sources` is filled. A caller that needs the record also of a build that failed brings its own."""
        self.sources: Sources = {} if sources is None else sources
        self.server = Server(settings.command, settings.argv0, settings.stderr, settings.rlimit, settings.program)
        self.name = settings.name or settings.command[0].rpartition("/")[2]
        self.checks = build_checks(settings, self.sources)
        self._banners = make_banners(settings, self.sources)
        self.greeting = self._banners.greeting if self._banners else b""
        self.timeout = settings.timeout
        self.proxy = make_proxy_protocol(settings)
        self.greet_delay = make_greet_delay(settings)
        self.lookups = make_look_ups(settings)
        self.local_name = settings.local_name
        self.log_choice = make_log_choice(settings)
        self._ssl_variables = make_ssl_variables(settings)
        self._relay = settings.relay
        self._assignments = settings.env
        self._client_variables = make_client_variables(settings)
        self._pass_env = settings.pass_env

    @property
    def is_lasting(self) -> bool:
        """Whether a decision about one connection holds for all connections between the same two addresses.

        Such a decision holds until one of the files changes. The servers of these connections get the same variables,
        except TCPREMOTEPORT.
        """
        own = (self.proxy, self.greet_delay, self.lookups, self._ssl_variables)
        if self._client_variables is not None and self._client_variables.varies:
            return False
        return own == (None,) * 4 and all(check.lasting and not check.needs_process for check in self.checks)

    @property
    def files(self) -> tuple[str, ...]:
        """Each file and folder that this gate was built from, also those that were missing."""
        return tuple(self.sources)

    def require_succession(self, previous: "Gate") -> None:
        """Raises ConfigError if this gate must not take the place of a previous one of the same options."""
        for check, before in zip(self.checks, previous.checks, strict=True):
            check.require_succession(before)

    @property
    def warnings(self) -> "tuple[RuleWarning, ...]":
        """What an administrator should know of the rules, although the gate works with them."""
        return tuple(warning for check in self.checks for warning in check.warnings)

    def decide(self, peer: Peer, considered: list[str] | None = None) -> Verdict:
        """The verdict on a client, after all questions about it were asked. Raises ConfigError.

        All checks must let the client in. The first check that refuses decides.
        """
        verdict, _ = self._ask_checks(peer, considered, all_known=True)
        return verdict if verdict.outcome == DENY else self._ask_lists(peer, verdict, considered)

    def decide_or_ask(self, peer: Peer) -> "tuple[Verdict | None, Questions | None]":
        """The verdict if no answer from the network can change it, else the questions to ask. Raises ConfigError.

        A client that will be refused anyway causes no look-up. A client about which nothing is asked does not wait.
        """
        verdict, certain = self._ask_checks(peer, None, all_known=False)
        if verdict.outcome == DENY:
            return verdict, None
        questions = self.lookups.questions(peer, verdict, self.relays_for(peer)) if self.lookups is not None else None
        if certain and questions is None:
            return self._ask_lists(peer, verdict, None), None
        if questions is None:
            from ..core.questions import Questions

            questions = Questions(peer)
        questions.by_rule = any(check.needs_process for check in self.checks)
        return None, questions

    def _ask_checks(self, peer: Peer, considered: list[str] | None, *, all_known: bool) -> tuple[Verdict, bool]:
        """The common verdict of the checks, and whether it is certain: no answer from the network can change it.

        Unless all is known, checks that may depend on such an answer are left out.
        """
        matched, certain = Verdict(NO_MATCH), True
        actions: Actions | None = None
        variables: dict[bytes, bytes | None] = {}
        asks_names = not all_known and self.lookups is not None and self.lookups.identifies(peer)
        for check in self.checks:
            if not all_known and (check.needs_process or (asks_names and check.by_name)):
                certain = False
                continue
            verdict = check.decide(peer, considered)
            if verdict.outcome == DENY and certain:
                return verdict, True
            if verdict.outcome == ALLOW:
                matched = verdict
                actions = verdict.actions or actions
                variables.update(verdict.variables)
        return Verdict(ALLOW, matched.cause, matched.reason, variables=variables, actions=actions), certain

    def _ask_lists(self, peer: Peer, verdict: Verdict, considered: list[str] | None) -> Verdict:
        """The verdict on a client that the checks let in, after the answers of the DNS lists."""
        lists = self.lookups.lists if self.lookups is not None else None
        if lists is None:
            return verdict
        listed = lists.decide(peer, verdict.variables, self.relays_for(peer), considered)
        if listed.outcome == DENY:
            return listed
        verdict.variables = listed.variables | verdict.variables
        return verdict

    def welcome(self, verdict: Verdict) -> bytes:
        """The text that a client is sent just before its server starts."""
        own = verdict.actions.banner if verdict.actions else b""
        return own + self._banners.success if self._banners else own

    def refusal(self, verdict: Verdict) -> bytes:
        """The text that a refused client is sent before its connection is closed."""
        own = verdict.actions.banner if verdict.actions else b""
        if self._banners is None:
            return own + verdict.message
        return own + self._banners.failure + (verdict.message or self._banners.message)

    def relays_for(self, peer: Peer) -> str | None:
        """The entry of --relay that covers this peer, or None."""
        return self._relay.find(peer.remote) if self._relay else None

    def note(self, peer: Peer) -> str:
        """The note in the log record of a client that is let in."""
        relay = self.relays_for(peer)
        return "; ".join(peer.problems if relay is None else [f"relay ({relay})", *peer.problems])

    def base_environment(self, inherited: dict[bytes, bytes]) -> dict[bytes, bytes]:
        """The variables that are the same for all servers: the inherited ones, scrubbed, then --env."""
        kept = inherited
        if self._pass_env is not None:
            kept = {name: value for name, value in inherited.items() if name in self._pass_env}
        return scrub(kept) | self._assignments

    def replaces(self, variable: bytes, verdict: Verdict) -> bool:
        """Whether --client-env or the rule sets or removes this variable, whatever the gate says of the client."""
        given = self._client_variables
        return variable in verdict.variables or (given is not None and given.has(variable))

    def environment(
        self, base: dict[bytes, bytes], peer: Peer, verdict: Verdict, relay: str | None
    ) -> dict[bytes, bytes]:
        """The environment of one server: base, the client's variables, --client-env, --relay, and those of the rule."""
        peer.local_host = self.local_name
        environment = base | peer_variables(peer)
        if self._ssl_variables is not None:
            environment |= self._ssl_variables.beside(environment)
        if self._client_variables is not None:
            self._client_variables.put_into(environment)
        if relay is not None:
            environment[b"RELAYCLIENT"] = b""
            environment[b"RELAYHOST"] = b""
        for name, value in verdict.variables.items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        return environment


def make_banners(settings: Settings, sources: "Sources") -> "Banners | None":
    if not any(option in settings for option in BANNER_OPTIONS):
        return None
    from .banners import Banners

    return Banners(settings, sources)


def make_proxy_protocol(settings: Settings) -> "ProxyProtocol | None":
    if settings.proxy_protocol is None:
        return None
    from .proxy import ProxyProtocol

    return ProxyProtocol(settings.proxy_protocol)


def make_greet_delay(settings: Settings) -> "GreetDelay | None":
    if settings.greet_delay is None:
        return None
    from .greet_delay import GreetDelay

    return GreetDelay(*settings.greet_delay, quotes=settings.log_address in (None, "full"))


def make_look_ups(settings: Settings) -> "LookUps | None":
    if not any(option in settings for option in LOOKUP_OPTIONS):
        return None
    from .lookup_options import LookUps

    return LookUps(settings)


def make_log_choice(settings: Settings) -> "LogChoice | None":
    if "--log" not in settings and "--log-address" not in settings:
        return None
    from .log_choice import choice_of

    return choice_of(settings)


def make_ssl_variables(settings: Settings) -> "SslVariables | None":
    if settings.ssl_variables is None:
        return None
    from .ssl_variables import SslVariables

    return SslVariables(settings.ssl_variables)


def make_client_variables(settings: Settings) -> "ClientVariables | None":
    if not settings.client_env:
        return None
    from .client_variables import ClientVariables

    return ClientVariables(settings.client_env)
