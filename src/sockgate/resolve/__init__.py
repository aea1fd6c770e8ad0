"""What only the network can tell about a client: its name, its user, and the DNS lists that have it.

Imported only where an option or a rule asks for one of them. All of a connection's questions are asked side by side
and share one deadline, and no answer reaches anybody uncleaned.
"""

import time

from ..core.host_names import CONFIRMED
from .host_lookup import Resolver
from .tasks import Unable, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..connection.lookup_options import LookUps
    from ..core.peer import Peer
    from .tasks import Task


def look_up(peer: "Peer", lookups: "LookUps | None", zones: dict[str, bool], deadline: float, *, by_rule: bool) -> None:
    """Ask everything, and tell the peer what came of it.

    zones    the DNS lists: zone to whether for its text
    by_rule  whether a rule may want the client's name: it is asked when the rule does, unless something else is asked
             anyway, which might leave no time for it
    """
    resolver = Resolver(deadline - time.monotonic())
    peer.names = resolver
    if lookups is None or not peer.remote:
        return
    questions = find_listings(peer, zones) if zones else []
    if lookups.ident is not None and peer.protocol != "UDP" and not peer.via:  # a proxy's user is none of the client's
        questions.append(find_user(peer, lookups.ident))
    if lookups.hostname or (by_rule and questions):
        questions.append(find_host(peer, lookups, resolver, by_rule=by_rule))
    run(questions, deadline)


def load_everything() -> None:
    """What is else loaded when it is needed: for a process whose children ask."""
    from . import dns_client, dns_lists, ident  # noqa: F401


def find_host(peer: "Peer", lookups: "LookUps", resolver: Resolver, *, by_rule: bool) -> "Task[None]":
    host = yield from resolver.find(peer.remote, confirm=lookups.paranoid or by_rule)
    if not lookups.hostname:
        return  # the resolver keeps it for the rule
    if host.text and (host.state == CONFIRMED or not lookups.paranoid):
        peer.host = host.text
    elif host.problem:
        peer.problems.append(f"no host name: {host.problem}")


def find_user(peer: "Peer", seconds: float) -> "Task[None]":
    from .ident import user_of

    try:
        peer.info = yield from user_of(peer, seconds)
    except Unable:
        return  # hardly any machine has an ident server: not worth a word


def find_listings(peer: "Peer", zones: dict[str, bool]) -> "list[Task[None]]":
    from .dns_client import known_servers
    from .dns_lists import listing_of

    servers = known_servers()

    def find(zone: str, text: bool) -> "Task[None]":
        listing = yield from listing_of(peer.remote, zone, servers, text=text)
        peer.listings[zone] = listing
        if listing.problem:
            peer.problems.append(f"no answer from the DNS list {zone}: {listing.problem}")

    return [find(zone, text) for zone, text in zones.items()]
