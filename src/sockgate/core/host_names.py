"""Host names for rules by name: what was found out, and how certain it is.

A check with such a rule asks `Peer.name_of`. `Peer.names` is the name service that answers: resolve/ for a real
connection, or the name that the administrator gives to `sockgatectl explain`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol  # at run time this import would cost every connection 5 ms

    class NameService(Protocol):
        def name_of(self, packed: bytes) -> "HostName":
            """What is known about the name of this address. Never raises."""

        def is_in_netgroup(self, group: str, host: str) -> bool | None:
            """Whether the netgroup (netgroup(5)) has this host. None if that cannot be found out. Never raises."""


# Of names in lower case, as they are looked up and compared.
HOST_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_")
LONGEST_NAME = 253  # RFC 1035


def is_host_name(text: str) -> bool:
    """Whether this text, in lower case, can be a host name, and neither an option (-x) nor a path (..)."""
    known = HOST_NAME_CHARACTERS.issuperset(text) and len(text) <= LONGEST_NAME
    return known and text[:1] not in ("", "-", ".") and ".." not in text


CONFIRMED = "confirmed"  # the address has this name, and the name has this address
UNCONFIRMED = "not confirmed"  # the address has this name, but the name leads elsewhere: any client can claim a name
NONE = "none"  # the address has no name
FAILED = "not found out"  # the answer is unknown: no server, no time, or no usable name


class HostName:
    """What is known about the name of an address.

    state      one of the four above
    text       the name in lower case, without a final dot; empty if there is no usable name
    canonical  False if the name is an alias (a CNAME) of another name
    problem    why the state is FAILED or UNCONFIRMED
    """

    __slots__ = ("canonical", "problem", "state", "text")

    def __init__(self, state: str, text: str = "", problem: str = "", *, canonical: bool = True) -> None:
        self.state = state
        self.text = text
        self.problem = problem
        self.canonical = canonical


class GivenName:
    """The name from `sockgatectl explain --host`: one address has this name, all others have none."""

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
