"""What a store of rules and a name service look like to who uses them: for type checkers, and to be read.

Not a module that exists when the program runs, because `typing` would cost every connection 5 ms.
"""

from typing import Protocol

from .host_names import HostName
from .verdict import Verdict

class Store(Protocol):
    name: str  # for people: the path of the file

    def find(self, key: str) -> Verdict | None:
        """The verdict of the rule with exactly this key; None if there is none. Raises ConfigError."""

class Names(Protocol):
    def name_of(self, packed: bytes) -> HostName:
        """What the name service says of this address. Never raises."""

    def is_in_netgroup(self, group: str, host: str) -> bool | None:
        """Whether the netgroup (netgroup(5)) has this host; None if that cannot be found out. Never raises."""
