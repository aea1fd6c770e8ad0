"""Host names, as rules by name need them: what was found out, and how sure it is.

A check that has such a rule asks `name_of`; who looks up is decided outside (`Peer.names`): resolve.py for a real
connection, the administrator's word for `sockgatectl explain`.
"""

from .peer import Peer

CONFIRMED = "confirmed"  # the address has this name, and the name has this address
UNCONFIRMED = "not confirmed"  # the address has this name, but the name leads elsewhere: anyone can claim a name
NONE = "none"  # the address has no name
FAILED = "not found out"  # the answer is unknown: no server, no time, or no usable name


class HostName:
    """What is known of an address's name.

    state      one of the four above
    text       the name in lower case, without a final dot; empty if there is none or it is unusable
    canonical  whether the name is no alias (a CNAME) of another
    problem    why the state is FAILED or UNCONFIRMED
    """

    __slots__ = ("canonical", "problem", "state", "text")

    def __init__(self, state: str, text: str = "", problem: str = "", *, canonical: bool = True) -> None:
        self.state = state
        self.text = text
        self.problem = problem
        self.canonical = canonical


class GivenName:
    """A name for one address, and none for any other: what the administrator says in `sockgatectl explain --host`."""

    __slots__ = ("_address", "_host")

    def __init__(self, address: bytes, host: str | None) -> None:
        self._address = address
        self._host = host

    def name_of(self, packed: bytes) -> HostName:
        if not self._host or packed != self._address:
            return HostName(NONE)
        return HostName(CONFIRMED, self._host.lower())

    def is_in_netgroup(self, group: str, host: str) -> bool | None:
        return None


def name_of(peer: Peer, packed: bytes) -> HostName:
    """The name of one of this connection's addresses. A client without an address (AF_UNIX) has none."""
    if not packed:
        return HostName(NONE)
    if peer.names is None:
        return HostName(FAILED, problem="nobody looks names up here")
    return peer.names.name_of(packed)
