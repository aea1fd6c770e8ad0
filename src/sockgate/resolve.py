"""Host names of addresses, by the system's resolver (getnameinfo(3), /etc/nsswitch.conf), under one deadline.

Imported only where a rule asks for a name. The C library waits as long as it likes, so it does that in a thread
that is left behind when the time is over: the gate ends by exec or exit, which end every thread.
"""

import _socket
import _thread
import time

from .core.names import CONFIRMED, FAILED, NONE, UNCONFIRMED, HostName
from .core.peer import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Result = TypeVar("Result")

# An answer as good as any: there is none. Everything else that getaddrinfo(3) says is a failure to find out.
NO_SUCH_NAME = frozenset((_socket.EAI_NONAME, getattr(_socket, "EAI_NODATA", -5)))
FAILURES = (OSError, ValueError, RuntimeError)  # of the look-up, of decoding its answer, of starting a thread
USABLE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_")
LONGEST_NAME = 253  # RFC 1035


class Resolver:
    """Asks for names, each only once, for so many seconds in all."""

    __slots__ = ("_answers", "_deadline")

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._answers: dict[bytes, HostName] = {}

    def name_of(self, packed: bytes) -> HostName:
        if packed not in self._answers:
            self._answers[packed] = self._look_up(packed)
        return self._answers[packed]

    def is_in_netgroup(self, group: str, host: str) -> bool | None:
        try:
            return within(self._deadline, lambda: innetgr(group, host))
        except FAILURES:
            return None

    def _look_up(self, packed: bytes) -> HostName:
        try:
            claimed = within(self._deadline, lambda: reverse_name(packed))
        except FAILURES as error:
            return HostName(NONE) if is_no_such_name(error) else HostName(FAILED, problem=describe(error))
        name = claimed.lower().removesuffix(".")
        problem = why_unusable(name)
        if problem:
            return HostName(FAILED, problem=problem)
        try:
            canonical, addresses = within(self._deadline, lambda: forward(name, packed))
        except FAILURES as error:
            if is_no_such_name(error):
                return HostName(UNCONFIRMED, name, f"{name} has no address")
            return HostName(FAILED, name, describe(error))
        if packed not in addresses:
            return HostName(UNCONFIRMED, name, f"{name} has another address")
        return HostName(CONFIRMED, name, canonical=canonical.lower() == name)


def reverse_name(packed: bytes) -> str:
    return _socket.getnameinfo((text_of(packed), 0), _socket.NI_NAMEREQD)[0]


def forward(name: str, packed: bytes) -> tuple[str, set[bytes]]:
    """The canonical name behind a name, and its addresses of the same family as `packed`."""
    family = _socket.AF_INET if len(packed) == 4 else _socket.AF_INET6
    # The name as bytes: text would be encoded as IDNA, which loads 20 modules.
    found = _socket.getaddrinfo(name.encode(), None, family, _socket.SOCK_STREAM, 0, _socket.AI_CANONNAME)
    return found[0][3], {_socket.inet_pton(family, str(entry[4][0]).partition("%")[0]) for entry in found}


def innetgr(group: str, host: str) -> bool:
    """innetgr(3) in this machine's NIS domain, if it has one, as hosts_access.c asks."""
    import ctypes  # costs 10 ms; Python has no other way to netgroups

    with open("/proc/sys/kernel/domainname", "rb") as file:
        domain = file.read().strip()
    found: int = ctypes.CDLL(None).innetgr(
        group.encode(), host.encode(), None, domain if domain not in (b"", b"(none)") else None
    )
    return bool(found)


def why_unusable(name: str) -> str:
    """Why this name must not be compared with a rule; empty if it may."""
    if not name or len(name) > LONGEST_NAME or not USABLE.issuperset(name):
        return "its name is not a host name"
    # 192.0.2.1 as a name would pass for the address in rules that compare both (libwrap's do).
    last = name.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        return "its name looks like an address"
    return ""


def is_no_such_name(error: Exception) -> bool:
    return isinstance(error, _socket.gaierror) and error.errno in NO_SUCH_NAME


def describe(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def within(deadline: float, function: "Callable[[], Result]") -> "Result":
    """The function's result or exception, or TimeoutError when the deadline comes first."""
    results: list[Result] = []
    failures: list[Exception] = []
    done = _thread.allocate_lock()
    done.acquire()

    def run() -> None:
        try:
            results.append(function())
        except Exception as error:
            failures.append(error)
        finally:
            done.release()

    _thread.start_new_thread(run, ())
    if not done.acquire(timeout=max(deadline - time.monotonic(), 0)):
        raise TimeoutError("no answer in time")
    if failures:
        raise failures[0]
    return results[0]
