"""What only the network can tell about a client: its name, its user, and the DNS lists that have it.

This package is imported only if an option or a rule needs one of them. All questions about a connection are asked at
the same time and share one deadline. Every answer is cleaned here, before any other code sees it.
"""

import time

from ..core.host_names import CONFIRMED
from .host_lookup import Resolver
from .tasks import Unable, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.peer import Peer
    from ..core.questions import Questions
    from .tasks import Task


def look_up(questions: "Questions", deadline: float) -> None:
    """Ask everything, and write the answers into the peer."""
    peer = questions.peer
    resolver = Resolver(deadline - time.monotonic())
    peer.names = resolver
    if not peer.remote:
        return
    tasks = find_listings(peer, questions.zones) if questions.zones else []
    if questions.ident is not None and peer.protocol != "UDP" and not peer.via:  # a proxy's user is not the client's
        tasks.append(find_user(peer, questions.ident))
    if questions.hostname or (questions.by_rule and tasks):
        tasks.append(find_host(questions, resolver))
    run(tasks, deadline)


def load_everything() -> None:
    """Import now what is otherwise imported when it is needed. For a process with children that ask."""
    from . import dns_client, dns_lists, ident  # noqa: F401


def find_host(questions: "Questions", resolver: Resolver) -> "Task[None]":
    peer = questions.peer
    host = yield from resolver.find(peer.remote, confirm=questions.paranoid or questions.by_rule)
    peer.claimed = host.text or None
    if not questions.hostname:
        return  # the resolver keeps the name for the rule
    if host.text and (host.state == CONFIRMED or not questions.paranoid):
        peer.host = host.text
    elif host.problem:
        peer.problems.append(f"no host name: {host.problem}")


def find_user(peer: "Peer", seconds: float) -> "Task[None]":
    from .ident import user_of

    try:
        peer.info = yield from user_of(peer, seconds)
    except Unable:
        return  # hardly any machine has an ident server, so the log does not mention it


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
