"""--log and --log-address: which records are written, and how much of a client's address stands in them."""

from ..core import Cause, UsageError, Verdict
from ..core.addresses import parse_network
from ..core.peer import Peer, endpoint, pack, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..core.options import Settings

KINDS = ("accepted", "ended", "refused", "gone")
NONE = "none"
FULL, NETWORK = "full", "network"
ADDRESSES = (FULL, NETWORK, NONE)
HOST_BITS = {4: 8, 16: 80}  # of a /24, and of a /48
ALL_ONES = 0xFFFFFFFF  # the mask of a /32
HIDDEN = "a client"
MOST_PIECES = 9  # between the colons of an IPv6 address: ::2:3:4:5:6:7:8. Names and users have no colon
# Of addresses, host names and users. Other characters are between two words.
WORD_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:_+-")


class LogChoice:
    """What the administrator wants to have in the log. Failures, and events of the gate itself, are always there.

    kinds    the kinds of records about clients
    address  FULL, NETWORK for the /24 or /48 of the client alone, NONE for nothing that identifies the client
    """

    __slots__ = ("address", "kinds")

    def __init__(self, kinds: frozenset[str], address: str) -> None:
        self.kinds = kinds
        self.address = address

    def shown(self, peer: Peer) -> Peer:
        """The client as records show it. The user of an AF_UNIX socket has no address, and is shown."""
        if self.address == FULL or peer.remote_ip is None:
            return peer
        twin = peer.with_port(peer.remote_port)
        twin.host = twin.info = twin.interface = None
        if self.address == NETWORK:
            bits = HOST_BITS[len(peer.remote)]
            network = int.from_bytes(peer.remote, "big") >> bits << bits
            twin.remote = network.to_bytes(len(peer.remote), "big")
            twin.remote_ip = text_of(twin.remote)
        else:
            twin.remote, twin.remote_ip, twin.remote_port = b"", None, 0
        return twin

    def text(self, text: str, peer: Peer) -> str:
        """A text about this client, such as the reason of a verdict, without what identifies the client."""
        if self.address == FULL or peer.remote_ip is None:
            return text
        shown = self.shown(peer).remote_ip or HIDDEN
        for address in (endpoint(peer.remote_ip, peer.remote_port), peer.remote_ip):
            text = text.replace(address, shown)
        names = {name.lower() for name in (peer.host, peer.claimed, peer.info) if name}
        parts = list(parts_of(text))
        for at, part in enumerate(parts):
            behind = parts[at + 2] if parts[at + 1 : at + 2] == ["/"] and at + 2 < len(parts) else ""
            bits = behind.partition(":")[0].rstrip(".")
            first, end = secret_in(part.split(":"), bits, peer.remote, names)
            if end:
                parts[at] = ":".join([*part.split(":")[:first], shown, *part.split(":")[end:]])
        return "".join(parts)

    def verdict(self, verdict: Verdict, peer: Peer) -> Verdict:
        """The verdict as records show it: a rule can name the client."""
        if self.address == FULL or peer.remote_ip is None:
            return verdict
        cause = verdict.cause
        if cause is not None:
            cause = Cause(cause.option, self.text(cause.text, peer), file=cause.file, line=cause.line)
        return Verdict(verdict.outcome, cause, self.text(verdict.reason, peer), actions=verdict.actions)


def parts_of(text: str) -> "Iterator[str]":
    """The words of a text, and what is between them."""
    part = ""
    for character in text:
        if part and (character in WORD_CHARACTERS) != (part[-1] in WORD_CHARACTERS):
            yield part
            part = ""
        part += character
    yield part


def secret_in(pieces: list[str], bits: str, packed: bytes, names: set[str]) -> tuple[int, int]:
    """Which pieces of a word name the client, from the first one to the one behind the last; (0, 0) for none.

    pieces  between colons, which are a part of an address, or what rules have between their fields
    bits    what follows the word behind a slash: a prefix length, or a mask
    names   of the client, in lower case
    """
    for first in range(len(pieces)):
        for end in range(min(len(pieces), first + MOST_PIECES), first, -1):
            text = ":".join(pieces[first:end]).rstrip(".")
            behind = bits if end == len(pieces) else ""
            # Also the end of a range: 192.0.2.7-9.
            if text.lower() in names or any(is_within(part, behind, packed) for part in (text, *text.split("-"))):
                return first, end
    return 0, 0


def is_within(address: str, bits: str, packed: bytes) -> bool:
    """Whether this is the address, or a network of it that is smaller than the one that may be shown."""
    try:
        size = prefix_length(bits)
        length, host_bits, network = parse_network(f"{address}/{size}" if size.isdecimal() else address)
    except ValueError:
        return False
    is_small = length == len(packed) and host_bits < HOST_BITS[length]
    return is_small and int.from_bytes(packed, "big") >> host_bits == network


def prefix_length(bits: str) -> str:
    """The prefix length of a mask such as 255.255.255.0. Another text stays as it is."""
    try:
        return str(32 - (int.from_bytes(pack(bits), "big") ^ ALL_ONES).bit_length())
    except ValueError:
        return bits


WITHOUT_ADDRESS = LogChoice(frozenset(KINDS), NONE)


def parse_kinds(text: str, option: str) -> frozenset[str]:
    """--log LIST, or `none`. Raises UsageError."""
    words = text.replace(",", " ").split()
    if words == [NONE]:
        return frozenset()
    wrong = next((word for word in words if word not in KINDS), None)
    if wrong is not None or not words:
        message = f"{option}: {wrong or ''!r} is none of: {' '.join(KINDS)}"
        raise UsageError(message, f"{NONE} alone for no record", Cause(option, wrong or ""))
    return frozenset(words)


def parse_address(text: str, option: str) -> str:
    """Raises UsageError."""
    if text not in ADDRESSES:
        raise UsageError(f"{option}: {text!r} is none of: {' '.join(ADDRESSES)}", cause=Cause(option, text))
    return text


def choice_of(settings: "Settings") -> LogChoice:
    """Raises UsageError."""
    kinds = frozenset(KINDS) if settings.log is None else settings.log
    return LogChoice(kinds, settings.log_address or FULL)
