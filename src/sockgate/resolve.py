"""Host names of addresses, by the system's resolver (/etc/nsswitch.conf), under one deadline.

Imported only where a rule asks for a name. The C library waits as long as it likes, and CPython 3.11 keeps the
interpreter locked while it waits in getnameinfo(3), so that no thread could watch the clock: each look-up is left
to a child, which is killed when the time is over.
"""

import _signal  # type: ignore[import-not-found]  # typeshed has no stub for it
import _socket
import posix
import time

from .core.names import CONFIRMED, FAILED, NONE, UNCONFIRMED, HostName
from .core.peer import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

# An answer as good as any: there is none. Everything else that getaddrinfo(3) says is a failure to find out.
NO = frozenset((_socket.EAI_NONAME, _socket.EAI_NODATA, _socket.EAI_ADDRFAMILY))
FOUND, NOT_THERE, UNABLE = b"+", b"-", b"!"  # how the child's answer begins
LONGEST_ANSWER = 1 << 16
USABLE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_")
LONGEST_NAME = 253  # RFC 1035


class NotThere(Exception):
    """The name service knows the answer, and it is: none."""


class Unable(Exception):
    """The answer could not be found out; the text says why."""


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
            return within(self._deadline, lambda: innetgr(group, host)) == "yes"
        except Unable:
            return None

    def _look_up(self, packed: bytes) -> HostName:
        try:
            name = within(self._deadline, lambda: reverse_name(packed)).lower().removesuffix(".")
        except NotThere:
            return HostName(NONE)
        except Unable as error:
            return HostName(FAILED, problem=str(error))
        problem = why_unusable(name)
        if problem:
            return HostName(FAILED, problem=problem)
        try:
            canonical, *addresses = within(self._deadline, lambda: forward(name, packed)).split()
        except NotThere:
            return HostName(UNCONFIRMED, name, f"{name} has no address")
        except Unable as error:
            return HostName(FAILED, name, str(error))
        if text_of(packed) not in addresses:
            return HostName(UNCONFIRMED, name, f"{name} has another address")
        return HostName(CONFIRMED, name, canonical=canonical.lower() == name)


def reverse_name(packed: bytes) -> str:
    return _socket.getnameinfo((text_of(packed), 0), _socket.NI_NAMEREQD)[0]


def forward(name: str, packed: bytes) -> str:
    """The canonical name behind a name, and its addresses of the same family as `packed`, with blanks between."""
    family = _socket.AF_INET if len(packed) == 4 else _socket.AF_INET6
    # The name as bytes: text would be encoded as IDNA, which loads 20 modules.
    found = _socket.getaddrinfo(name.encode(), None, family, _socket.SOCK_STREAM, 0, _socket.AI_CANONNAME)
    return " ".join([found[0][3], *(str(entry[4][0]).partition("%")[0] for entry in found)])


def innetgr(group: str, host: str) -> str:
    """innetgr(3) in this machine's NIS domain, if it has one, as hosts_access.c asks: "yes" or "no"."""
    import ctypes  # costs 10 ms; Python has no other way to netgroups

    with open("/proc/sys/kernel/domainname", "rb") as file:
        domain = file.read().strip()
    known_domain = domain if domain not in (b"", b"(none)") else None
    found = ctypes.CDLL(None).innetgr(group.encode(), host.encode(), None, known_domain)
    return "yes" if found else "no"


def why_unusable(name: str) -> str:
    """Why this name must not be compared with a rule; empty if it may."""
    if not name or len(name) > LONGEST_NAME or not USABLE.issuperset(name):
        return "its name is not a host name"
    # 192.0.2.1 as a name would pass for the address in rules that compare both (libwrap's do).
    last = name.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        return "its name looks like an address"
    return ""


def within(deadline: float, function: "Callable[[], str]") -> str:
    """What the function returns in a child. Raises NotThere, or Unable, also when the deadline comes first."""
    try:
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    except OSError as error:
        raise Unable(error.strerror) from None
    child = 0
    try:
        child = posix.fork()
        if not child:
            answer_and_exit(theirs, function)
        theirs.close()  # so that the end of the child is seen here
        ours.settimeout(max(deadline - time.monotonic(), 0.001))
        answer = ours.recv(LONGEST_ANSWER)
    except OSError as error:
        raise Unable("no answer in time" if isinstance(error, TimeoutError) else error.strerror) from None
    finally:
        ours.close()
        theirs.close()
        if child:
            posix.kill(child, _signal.SIGKILL)
            posix.waitpid(child, 0)
    text = answer[1:].decode("utf-8", "replace")
    if answer[:1] == NOT_THERE:
        raise NotThere
    if answer[:1] != FOUND:
        raise Unable(text or "the look-up died")
    return text


def answer_and_exit(connection: _socket.socket, function: "Callable[[], str]") -> "NoReturn":
    """The child's part: nothing that goes wrong here may run on as if it were the gate."""
    try:
        try:
            answer = FOUND + function().encode()
        except _socket.gaierror as error:
            answer = NOT_THERE if error.errno in NO else UNABLE + str(error.strerror).encode()
        except Exception as error:
            answer = UNABLE + str(error).encode("utf-8", "replace")
        connection.send(answer)
    finally:
        posix._exit(0)
