"""Host names of addresses, by the system's resolver (/etc/nsswitch.conf). Each address is looked up only once."""

import _socket
import time

from ..core.host_names import CONFIRMED, FAILED, NONE, UNCONFIRMED, HostName, is_host_name
from ..core.peer import text_of
from .forked import in_child, within
from .tasks import NotThere, Unable, ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .tasks import Task


class Resolver:
    """The look-ups for one connection, which together take at most this many seconds."""

    __slots__ = ("_answers", "_deadline", "_first_answers")

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._first_answers: dict[bytes, HostName] = {}
        self._answers: dict[bytes, HostName] = {}

    def name_of(self, packed: bytes) -> HostName:
        return ask(self.find(packed, confirm=True), self._deadline)

    def find(self, packed: bytes, *, confirm: bool) -> "Task[HostName]":
        """What name_of returns, as a task. Without `confirm`, the addresses of the name are not looked up."""
        if packed not in self._first_answers:
            self._first_answers[packed] = yield from look_up(packed)
        if not confirm:
            return self._first_answers[packed]
        if packed not in self._answers:
            self._answers[packed] = yield from look_back(self._first_answers[packed], packed)
        return self._answers[packed]

    def is_in_netgroup(self, group: str, host: str) -> bool | None:
        try:
            return within(self._deadline, lambda: innetgr(group, host)) == "yes"
        except Unable:
            return None


def look_up(packed: bytes) -> "Task[HostName]":
    """The name of an address, not confirmed yet."""
    try:
        name = (yield from in_child(lambda: reverse_name(packed))).lower().removesuffix(".")
    except NotThere:
        return HostName(NONE)
    except Unable as error:
        return HostName(FAILED, problem=str(error))
    problem = why_unusable(name)
    return HostName(FAILED, problem=problem) if problem else HostName(UNCONFIRMED, name)


def look_back(host: HostName, packed: bytes) -> "Task[HostName]":
    """The same host name, after a look-up of its addresses: does the name lead back to this address?"""
    if host.state != UNCONFIRMED:
        return host
    name = host.text
    try:
        canonical, *addresses = (yield from in_child(lambda: forward(name, packed))).split()
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
    """The canonical name of a name, then its addresses of the family of `packed`, separated by blanks."""
    family = _socket.AF_INET if len(packed) == 4 else _socket.AF_INET6
    # The name is passed as bytes: Python would encode text as IDNA, which loads 20 modules.
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
    """Why this name must not be compared with a rule or shown to a server. Empty if it is usable."""
    if not is_host_name(name):
        return "its name is not a host name"
    # The name 192.0.2.1 would match rules about that address: libwrap compares patterns with name and address.
    last = name.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        return "its name looks like an address"
    return ""
