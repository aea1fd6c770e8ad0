"""--rules: access rules in the language of tcprules, as text or compiled to a cdb."""

import posix

from ..core import ALLOW, DENY, Cause, ConfigError, Verdict
from ..core.cdb import HEADER_SIZE, Cdb, is_cdb
from ..core.peer import Peer
from ..core.rule_files import COMPILE_HINT, EMPTY_HINT, RuleWarning, open_file, read_open_file, text_lines, unreadable
from . import Check
from .keys import DOTTED_LENGTHS, FirstNumbers, evaluate, network_keys, tcprules_keys, textual_prefixes
from .tcprules import Action, parse, rule_text, written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..core.options import Settings
    from ..core.rule_files import Sources

# A cdb that `sockgatectl rules compile` made has this key. No peer has it, because the keys of tcpserver are C strings.
# Its data is: version, source, prefix lengths of the CIDR rules for IPv4, and for IPv6, each with a NUL at its end.
ABOUT_KEY = b"\0sockgate"
ABOUT_VERSION = b"1"

# The data of a rule consists of parts with a NUL at their end. tcpserver knows the first two and skips the third.
PART_DENY, PART_VARIABLE, PART_LINE = b"D", b"+", b"L"


def build(settings: "Settings", sources: "Sources") -> "RulesAccess":
    assert settings.rules is not None
    return RulesAccess(settings.rules, sources)


class RulesAccess(Check):
    """The rules of one file. About a client that matches no rule, this check decides nothing."""

    by_name = True

    def __init__(self, path: str, sources: "Sources | None" = None) -> None:
        self.store = load(path, sources)

    @property
    def warnings(self) -> tuple[RuleWarning, ...]:
        if self.store.has_catch_all:
            return ()
        return (without_catch_all(self.store.end),)

    def require_succession(self, previous: Check) -> None:
        """Refuse a file that had a catch-all rule and has none now: it may have been cut between two lines."""
        if isinstance(previous, RulesAccess) and previous.store.has_catch_all and not self.store.has_catch_all:
            raise ConfigError(
                f"{self.store.end}: the catch-all rule is gone", "reload the service if that is meant", self.store.end
            )

    def decide(self, peer: Peer, considered: list[str] | None = None) -> Verdict:
        verdict = evaluate(tcprules_keys(peer, self.store.networks), self.store, considered)
        self.store.require_unchanged()
        return verdict


def without_catch_all(end: Cause) -> RuleWarning:
    """The warning about rules without a catch-all rule. `end` is the last rule."""
    message = "no catch-all rule: every client that matches no rule is let in"
    compiling = "" if end.line else ", and compile them anew"
    return RuleWarning(end, message, f"add ':deny' or ':allow' at the end of the rules{compiling}")


def load(path: str, sources: "Sources | None") -> "TextRules | CompiledRules":
    """The store in this file. Its content tells the kind: a cdb has a NUL in its header, a text has none anywhere.

    So no cdb, also no damaged one, is ever taken for a text. Raises ConfigError.
    """
    descriptor, status = open_file(path, sources)
    try:
        if is_cdb(posix.pread(descriptor, HEADER_SIZE, 0)):
            return CompiledRules(Cdb(posix.dup(descriptor), status, path))
        return TextRules(read_open_file(descriptor, status, path, hint=COMPILE_HINT), path)
    except OSError as error:
        raise unreadable(path, error) from None
    finally:
        posix.close(descriptor)


class TextRules:
    """A store of the rules in a text. All of it is read and checked. Of two rules with one key the first counts.

    end  the last rule
    """

    __slots__ = ("_actions", "_lengths", "_lines", "_numbers", "end", "name")

    def __init__(self, data: bytes, path: str) -> None:
        self.name = path
        self._lines = text_lines(data, path)
        self._numbers = FirstNumbers()
        self._actions: dict[int, Action] = {}
        last = 0
        for last, keys, action in parse(self._lines, path):
            self._actions[last] = action
            self._numbers.add(last, keys)
        self._lengths = prefix_lengths(self._numbers.keys())
        if not last:
            raise ConfigError(f"{path!r} holds no rules", EMPTY_HINT, Cause(file=path))
        self.end = Cause(file=path, line=last, text=self._lines[last - 1])

    @property
    def has_catch_all(self) -> bool:
        return self._numbers.find("") is not None

    def find(self, key: str) -> Verdict | None:
        number = self._numbers.find(key)
        if number is None:
            return None
        text = self._lines[number - 1].rstrip(" \t")
        return self._actions[number].verdict(Cause(file=self.name, line=number, text=text))

    def networks(self, peer: Peer) -> list[str]:
        return network_keys(peer.remote, self._lengths[len(peer.remote)])

    def require_unchanged(self) -> None:
        """Never raises: the text was read as a whole, so later changes of its file do not matter to this store."""


class CompiledRules:
    """A store of the rules in a cdb that sockgate or tcprules made. In the latter, only keys of tcpserver count.

    end            the file
    has_catch_all  whether there is a catch-all rule
    source         the text from which sockgate compiled it; empty for a cdb of tcprules
    """

    __slots__ = ("_cdb", "_lengths", "end", "has_catch_all", "name", "source")

    def __init__(self, cdb: Cdb) -> None:
        self._cdb = cdb
        self.name = cdb.path
        self.end = Cause(file=cdb.path)
        self.source = ""
        self._lengths: dict[int, frozenset[int]] | None = None
        if cdb.is_empty:
            raise ConfigError(f"{self.name!r} holds no rules", EMPTY_HINT, Cause(file=self.name))
        self.has_catch_all = cdb.get(b"") is not None
        about = cdb.get(ABOUT_KEY)
        if about is not None:
            self.source, self._lengths = self._read_about(about)

    def find(self, key: str) -> Verdict | None:
        data = self._cdb.get(key.encode("latin-1"))
        if data is None:
            return None
        action, cause = self.read_rule(key, data)
        cause.text = rule_text(key if self._lengths is None else written(key), action)
        return action.verdict(cause)

    def networks(self, peer: Peer) -> list[str]:
        if self._lengths is None:
            return textual_prefixes(peer.remote_ip or "")
        return network_keys(peer.remote, self._lengths[len(peer.remote)])

    def require_unchanged(self) -> None:
        self._cdb.require_unchanged()

    def read_rule(self, key: str, data: bytes) -> tuple[Action, Cause]:
        """The action in a rule's data, and the place of the rule.

        Raises ConfigError for data that tcprules does not write.
        """
        outcome, cause = ALLOW, Cause(file=self.name)
        variables: dict[bytes, bytes | None] = {}
        *parts, rest = data.split(b"\0")
        for part in parts:
            kind, text = part[:1], part[1:]
            name, equals, value = text.partition(b"=")
            if kind == PART_VARIABLE and name and equals:
                variables[name] = value
            elif part == PART_DENY:
                outcome = DENY
            elif kind == PART_LINE and self.source and text.isdigit():
                cause = Cause(file=self.source, line=int(text))
            else:
                raise self._damaged(key)
        if rest:
            raise self._damaged(key)
        return Action(outcome, variables), cause

    def _read_about(self, data: bytes) -> tuple[str, dict[int, frozenset[int]]]:
        try:
            version, source, ipv4, ipv6, end = data.split(b"\0")
            lengths = {4: read_lengths(ipv4, 32), 16: read_lengths(ipv6, 128), 0: frozenset[int]()}
        except ValueError:
            raise self._damaged(ABOUT_KEY.decode()) from None
        if version != ABOUT_VERSION or end:
            message = f"{self.name!r} was compiled by another version of sockgatectl"
            raise ConfigError(message, "compile it anew", Cause(file=self.name))
        return source.decode("utf-8", "surrogateescape"), lengths

    def _damaged(self, key: str) -> ConfigError:
        message = f"{self.name!r} holds a damaged rule for {key!r}"
        return ConfigError(message, "compile it anew", Cause(file=self.name))


def prefix_lengths(keys: "Iterable[str]") -> dict[int, frozenset[int]]:
    """The prefix lengths of the networks among these keys, by length of the address in bytes."""
    lengths: dict[int, set[int]] = {4: set(DOTTED_LENGTHS), 16: set(), 0: set()}
    for key in keys:
        if "/" in key and "@" not in key:
            address, _, length = key.partition("/")
            lengths[16 if ":" in address else 4].add(int(length))
    return {size: frozenset(found) for size, found in lengths.items()}


def read_lengths(text: bytes, longest: int) -> frozenset[int]:
    """The prefix lengths in this text. Raises ValueError."""
    lengths = frozenset(int(number) for number in text.split(b",") if number)
    if not lengths <= set(range(longest + 1)):
        raise ValueError
    return lengths
