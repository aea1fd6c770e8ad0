"""The environments of servers, most of which is the same for one client after another."""

from collections.abc import Collection

# How many of a client's source are connected: the names of s6-tcpserver and of tcpsvd.
COUNTS = (b"TCPCONNNUM", b"TCPCONCURRENCY")
PORTS = {"TCP": (b"TCPREMOTEPORT",), "TCP6": (b"TCPREMOTEPORT", b"TCP6REMOTEPORT")}  # by Peer.protocol
# What has another value for each connection, and what that is.
OWN = dict.fromkeys(PORTS["TCP6"], b"port") | dict.fromkeys(COUNTS, b"number")


class Template:
    """The environment of each server for clients that come from one address to another.

    search   PATH, if there is one: where the server is to be found
    """

    __slots__ = ("_own", "_words", "search")

    def __init__(self, environment: dict[bytes, bytes], own: Collection[bytes]) -> None:
        """`own` are names from OWN."""
        self._words = [b"%b=%b" % item for item in environment.items() if item[0] not in own]
        self._own = b"\0".join(b"%b=%%(%b)d" % (name, OWN[name]) for name in own)
        self.search = {b"PATH": environment[b"PATH"]} if b"PATH" in environment else {}

    def words(self, port: int, number: int) -> list[bytes]:
        """For a client with this port, the numberth of its source: NAME=VALUE for each variable."""
        own = (self._own % {b"port": port, b"number": number}).split(b"\0") if self._own else []
        return self._words + own

    def environment(self, port: int, number: int) -> dict[bytes, bytes]:
        """The same as a dictionary."""
        return {name: value for name, _, value in (word.partition(b"=") for word in self.words(port, number))}
