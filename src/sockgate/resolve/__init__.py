"""What only the network can tell about a client: its name, its user, and the DNS lists that have it.

Imported only where an option or a rule asks for one of them. All of a connection's questions are asked side by side
and share one deadline, and no answer reaches anybody uncleaned.
"""

import time

from ..core.names import CONFIRMED
from .asking import Unable, run
from .names import Resolver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.lookups import LookUps
    from ..core.peer import Peer
    from .asking import Task


def look_up(peer: "Peer", lookups: "LookUps | None", zones: dict[str, bool], deadline: float) -> None:
    """Ask everything, and tell the peer what came of it. `zones` are the DNS lists: zone to whether for its text.

    Names that a rule alone wants are asked for when it does.
    """
    resolver = Resolver(deadline - time.monotonic())
    peer.names = resolver
    if lookups is None or not peer.remote:
        return
    questions = [find_host(peer, resolver, confirm=lookups.paranoid)] if lookups.hostname else []
    if lookups.ident is not None and peer.protocol != "UDP" and not peer.via:  # a proxy's user is none of the client's
        questions.append(find_user(peer, lookups.ident))
    if zones:
        questions += find_listings(peer, zones)
    run(questions, deadline)


def find_host(peer: "Peer", resolver: Resolver, *, confirm: bool) -> "Task[None]":
    host = yield from resolver.find(peer.remote, confirm=confirm)
    if host.text and (host.state == CONFIRMED or not confirm):
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
    from .lists import listing_of
    from .servers import known_servers

    servers = known_servers()

    def find(zone: str, text: bool) -> "Task[None]":
        listing = yield from listing_of(peer.remote, zone, servers, text=text)
        peer.listings[zone] = listing
        if listing.problem:
            peer.problems.append(f"no answer from the DNS list {zone}: {listing.problem}")

    return [find(zone, text) for zone, text in zones.items()]
