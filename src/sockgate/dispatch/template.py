"""The environments of servers, most of which is the same for one client after another."""

import ctypes
from collections.abc import Collection

Words = ctypes.Array[ctypes.c_char_p]

# How many of a client's source are connected: the names of s6-tcpserver and of tcpsvd.
COUNTS = (b"TCPCONNNUM", b"TCPCONCURRENCY")
# What has another value for each connection, and what that is.
OWN = {b"TCPREMOTEPORT": b"port", b"TCP6REMOTEPORT": b"port"} | dict.fromkeys(COUNTS, b"number")


class Template:
    """The environment of each server for clients that come from one address to another.

    It is put together once, as posix_spawn takes it, with room for what is the client's own: copying it is five times
    as fast.

    common   all variables but those of `own`
    """

    __slots__ = ("_own", "_places", "_words", "common")

    def __init__(self, environment: dict[bytes, bytes], own: Collection[bytes]) -> None:
        """`own` are names from OWN."""
        self.common = {name: value for name, value in environment.items() if name not in own}
        self._own = b"\0".join(b"%b=%%(%b)d" % (name, OWN[name]) for name in own)
        self._words = pointers([b"%b=%b" % item for item in self.common.items()], len(own))
        self._places = slice(len(self.common), len(self.common) + len(own))

    def words(self, port: int, number: int) -> Words:
        """For a client with this port, the numberth of its source. Only valid as long as the template is."""
        words = type(self._words).from_buffer_copy(self._words)
        words[self._places] = self._own_words(port, number)  # type: ignore[assignment]
        return words

    def environment(self, port: int, number: int) -> dict[bytes, bytes]:
        """The same for execve(2)."""
        own = (word.partition(b"=") for word in self._own_words(port, number))
        return self.common | {name: value for name, _, value in own}

    def _own_words(self, port: int, number: int) -> list[bytes]:
        return (self._own % {b"port": port, b"number": number}).split(b"\0") if self._own else []


def pointers(words: list[bytes], spare: int = 0) -> Words:
    """A char *[] with NULL at its end, and with room for more."""
    return (ctypes.c_char_p * (len(words) + spare + 1))(*words)
