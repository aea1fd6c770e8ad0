"""What a check, a store of rules and a name service look like to who uses them: for type checkers, and to be read.

Not a module that exists when the program runs, because `typing` would cost every connection 5 ms.
"""

from typing import Protocol

from .host_names import HostName
from .peer import Peer
from .verdict import Verdict

class Check(Protocol):
    needs_process: bool  # whether it may wait for names or has actions: Gate.must_wait
    by_name: bool  # whether it may be about what --hostname and --ident find out: Gate.foresee
    lasting: bool  # whether its verdict on two addresses stays until one of its files changes: Gate.is_lasting

    def decide(self, peer: Peer, considered: list[str] | None = None) -> Verdict:
        """What this check says of the peer. Raises ConfigError where it cannot be decided.

        With `considered`, appends a line for everything that was tried and did not match, for `explain`.
        """

class Store(Protocol):
    name: str  # for people: the path of the file

    def find(self, key: str) -> Verdict | None:
        """The verdict of the rule with exactly this key; None if there is none. Raises ConfigError."""

class Names(Protocol):
    def name_of(self, packed: bytes) -> HostName:
        """What the name service says of this address. Never raises."""

    def is_in_netgroup(self, group: str, host: str) -> bool | None:
        """Whether the netgroup (netgroup(5)) has this host; None if that cannot be found out. Never raises."""
