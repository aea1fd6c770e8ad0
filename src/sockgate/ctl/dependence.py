"""Whether a verdict depends on what was not given to `sockgatectl explain`.

That is the client's name, its user, or where it connected to. A gate that runs asks the network for the first two, and
its connection for the third. `explain` asks neither, so "deny" for a list of names would be a guess.
"""

from collections.abc import Iterator
from itertools import islice

from ..access.tcprules_access import RulesAccess
from ..connection import Gate
from ..core import DENY
from ..core.host_names import NONE, HostName
from ..core.peer import Peer
from ..rulefile.reader import read_rules

NAME, USER, PLACE = "the name", "the user", "the address and port it connected to"
MOST_TRIED = 10_000  # names or users of a rules file


class NotedNames:
    """Knows no name, and notes whether a rule asks for one."""

    def __init__(self) -> None:
        self.asked = False

    def name_of(self, _packed: bytes) -> HostName:
        self.asked = True
        return HostName(NONE)

    def is_in_netgroup(self, _group: str, _host: str) -> bool | None:
        self.asked = True
        return None


def depends_on(gate: Gate, peer: Peer, *, host: bool, info: bool, local: bool) -> str:
    """NAME, USER or PLACE if the verdict depends on it, else "". Raises ConfigError.

    `host`, `info` and `local` say that these were given.
    """
    noted = NotedNames()
    names = peer.names
    peer.names = names if host else noted
    try:
        for check in gate.checks:
            verdict = check.decide(peer)
            if noted.asked:
                return NAME
            if not local and check.asks_where(peer):
                return PLACE
            if isinstance(check, RulesAccess):
                for what in untold_in_rules(gate, check, peer, host=host, info=info):
                    return what
            if verdict.outcome == DENY:
                return ""
        return ""
    finally:
        peer.names = names


def untold_in_rules(gate: Gate, check: RulesAccess, peer: Peer, *, host: bool, info: bool) -> Iterator[str]:
    """NAME or USER for each rule that would decide otherwise if the gate found that name or that user."""
    lookups = gate.lookups
    asks_host = lookups is not None and lookups.hostname and not host
    asks_info = lookups is not None and lookups.ident is not None and not info
    before = outcome(check, peer)
    for key in islice(keys_about_names(check.store.name), MOST_TRIED):
        user, at, end = key.rpartition("@")
        name = end[1:] if end.startswith("=") else None
        if (name is not None and not (asks_host or peer.host)) or (at and not (asks_info or peer.info)):
            continue  # the gate does not find that out
        known = peer.host, peer.info
        if name is not None and asks_host:
            peer.host = f"x{name}" if not name or name.startswith(".") else name
        if at and asks_info:
            peer.info = user
        changed = outcome(check, peer) != before
        peer.host, peer.info = known
        if changed:
            yield NAME if name is not None and asks_host else USER


def keys_about_names(path: str) -> Iterator[str]:
    return (rule.key for rule in read_rules(path) if rule.key.startswith("=") or "@" in rule.key)


def outcome(check: RulesAccess, peer: Peer) -> tuple[str, str]:
    verdict = check.decide(peer)
    return verdict.outcome, str(verdict.cause)
