"""--only-from and --no-access: the address forms and verdicts of xinetd 2.3.15 (addr.c, access.c).

A client that both lists match is refused. Most forms mean something else than they seem to: `10.0.0.0` is 10.0.0.0/8,
and `192.168.10` is 192.168.0.10. Each form keeps its meaning, and `meaning()` tells it. An entry that xinetd skips
without a message is an error here. An entry of --no-access that refuses less than it says is an error, too. See
sockgate-rules(5).
"""

import _socket

from ..core import ALLOW, DENY, NO_MATCH, Cause, UsageError, Verdict
from ..core.addresses import EMPTY_HINT, Network, Networks, inet_aton, shortened
from ..core.host_names import CONFIRMED, FAILED, HOST_NAME_CHARACTERS, HostName
from ..core.peer import MAPPED_PREFIX, Peer, text_of
from ..core.rule_files import exists, read_file
from . import Check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.options import Settings
    from ..core.rule_files import Sources


ONLY_FROM, NO_ACCESS = "--only-from", "--no-access"
NETWORKS_FILE = "/etc/networks"  # networks(5)
NO_CLIENT = "xinetd matches no client by it"
FORMS = "see sockgate-rules(5) for xinetd's forms of addresses"


class Entry:
    """One word of a list.

    networks  the networks that it covers
    name      instead of networks, a host name or .domain for the peer's own name, in lower case
    caveat    why it matches less than it says; such an entry can never let a client in by mistake
    """

    __slots__ = ("caveat", "name", "networks", "text")

    def __init__(self, text: str, networks: tuple[Network, ...] = (), name: str = "", caveat: str = "") -> None:
        self.text = text
        self.networks = networks
        self.name = name
        self.caveat = caveat

    def meaning(self) -> str:
        """The clients that it matches, as text for `check` and `explain`."""
        if self.name:
            return f"clients whose name ends in {self.name}" if self.name[0] == "." else f"the client named {self.name}"
        networks = " ".join(cidr(network) for network in self.networks) or "no client"
        return f"{networks} ({self.caveat})" if self.caveat else networks

    def shown(self) -> str:
        """The entry as it was written, with its networks if they look different: `10.0.0.0, that is 10.0.0.0/8`."""
        networks = " ".join(cidr(network) for network in self.networks)
        plain = self.name or networks in (self.text, f"{self.text}/32", f"{self.text}/128")
        return self.text if plain else f"{self.text}, that is {networks}"


def build(settings: "Settings", sources: "Sources") -> "XinetdAccess":
    return XinetdAccess(settings.only_from, settings.no_access, sources)


class EntryList:
    """The entries of one option. To find one takes the same time in a list of ten and of ten thousand.

    text   the list for messages
    named  the first entry that has a name, None if there is none
    """

    def __init__(self, option: str, entries: list[Entry]) -> None:
        self.option = option
        self.entries = entries
        self.text = shortened(" ".join(entry.text for entry in entries))
        self.named = next((entry for entry in entries if entry.name), None)
        self._networks = Networks()
        self._names: dict[str, int] = {}
        for number, entry in enumerate(entries):
            for network in entry.networks:
                self._networks.add(network, number)
            if entry.name:
                self._names.setdefault(entry.name, number)

    def find(self, peer: Peer) -> Entry | None:
        """The first entry with a network that has the client's address.

        xinetd also compares the IPv4 client of an IPv6 socket with IPv6 entries, by its mapped address.
        """
        packed = (peer.remote, MAPPED_PREFIX + peer.remote) if peer.mapped else (peer.remote,)
        return self._first([self._networks.find(address) for address in packed])

    def find_name(self, host: HostName) -> Entry | None:
        """The first entry that is the client's name, or a domain that the name ends in."""
        domains = (host.text[at:] for at, letter in enumerate(host.text) if letter == ".")
        return self._first([self._names.get(name) for name in (host.text, *domains)])

    def _first(self, numbers: list[int | None]) -> Entry | None:
        found = [number for number in numbers if number is not None]
        return self.entries[min(found)] if found else None

    def report(self, considered: list[str] | None) -> None:
        if considered is not None:
            considered += [f"{self.option} {entry.text}: not {entry.meaning()}" for entry in self.entries]


class XinetdAccess(Check):
    """The check of both lists. "" stands for a list that is not given, a blank for a list that is empty."""

    def __init__(self, only_from: str, no_access: str, sources: "Sources | None" = None) -> None:
        self._only_from = EntryList(ONLY_FROM, read_list(only_from, ONLY_FROM, sources)) if only_from else None
        self._no_access = EntryList(NO_ACCESS, read_list(no_access, NO_ACCESS, sources)) if no_access else None
        if self._no_access is not None and not self._no_access.entries:
            raise UsageError("--no-access: the list is empty", EMPTY_HINT, Cause(NO_ACCESS))
        self.needs_process = any(entry.name for entry in self.entries())

    def entries(self) -> list[Entry]:
        return [entry for entries in (self._only_from, self._no_access) if entries for entry in entries.entries]

    def decide(self, peer: Peer, considered: list[str] | None = None) -> Verdict:
        if not peer.remote:
            cause = Cause(ONLY_FROM if self._only_from is not None else NO_ACCESS)
            return Verdict(DENY, cause, f"the client has no address, and {cause} is about addresses")
        if self._no_access is not None:
            verdict = refused_by(self._no_access, peer, considered)
            if verdict is not None:
                return verdict
        if self._only_from is not None:
            return let_in_by(self._only_from, peer, considered)
        return Verdict(NO_MATCH)


def refused_by(entries: EntryList, peer: Peer, considered: list[str] | None) -> Verdict | None:
    """The refusal of --no-access, or None. An unconfirmed name counts, too. A failed look-up refuses."""
    entry = entries.find(peer)
    if entry is None and entries.named is not None:
        host = peer.name_of(peer.remote)
        if host.state == FAILED and not host.text:
            cause = Cause(NO_ACCESS, entries.named.text)
            return Verdict(DENY, cause, f"unable to compare the client's name with {cause}: {host.problem}")
        entry = entries.find_name(host)
    if entry is not None:
        return Verdict(DENY, Cause(NO_ACCESS, entry.text), f"in {NO_ACCESS} {entry.shown()}")
    entries.report(considered)
    return None


def let_in_by(entries: EntryList, peer: Peer, considered: list[str] | None) -> Verdict:
    """The verdict of --only-from. A name counts only if it leads back to the client: a client can claim any name."""
    entry = entries.find(peer)
    problem = ""
    if entry is None and entries.named is not None:
        host = peer.name_of(peer.remote)
        problem = f": {host.problem}" if host.problem else ""
        entry = entries.find_name(host) if host.state == CONFIRMED else None
    if entry is not None:
        return Verdict(ALLOW, Cause(ONLY_FROM, entry.text), f"in {ONLY_FROM} {entry.shown()}")
    entries.report(considered)
    if not entries.entries:
        return Verdict(DENY, Cause(ONLY_FROM), "--only-from is empty: no client may come in")
    cause = Cause(ONLY_FROM, entries.text)
    return Verdict(DENY, cause, f"not in {cause}{problem}")


def read_list(text: str, option: str, sources: "Sources | None") -> list[Entry]:
    """The entries of a list, separated by blanks. Raises UsageError for the first wrong entry."""
    entries = []
    known = KnownNetworks(sources)
    for word in text.split():
        try:
            entry = parse_entry(word, known)
        except ValueError as error:
            raise UsageError(f"{option}: {error}", FORMS, Cause(option, word)) from None
        if entry.caveat and option == NO_ACCESS:
            message = f"--no-access: {word!r} would refuse less than it says: {entry.caveat}"
            raise UsageError(message, FORMS, Cause(option, word))
        entries.append(entry)
    return entries


def parse_entry(text: str, known: "KnownNetworks | None" = None) -> Entry:
    """The entry that xinetd makes of one word. Its parsers are tried in xinetd's order. Raises ValueError."""
    if "{" in text:
        return Entry(text, factorised(text))
    if "," in text:
        raise ValueError(f"{text!r} has a comma in it: separate entries with blanks")
    address, slash, bits = text.partition("/")
    if slash:
        return masked(text, address, bits)
    if ":" in text:
        number = inet_pton6(text)
        return Entry(text, ((16, 0, number),)) if number else Entry(text, caveat=NO_CLIENT)
    try:
        number = inet_aton(text)
    except ValueError:
        return named(text, known or KnownNetworks())
    host_bits = trailing_zero_octets(number) * 8
    return Entry(text, ((4, host_bits, number >> host_bits),))


def trailing_zero_octets(number: int) -> int:
    """The number of zero octets at the end of an IPv4 address. xinetd lets each of them match any number."""
    count = 0
    while count < 4 and not number >> count * 8 & 0xFF:
        count += 1
    return count


def masked(text: str, address: str, bits: str) -> Entry:
    """The entry of `address/bits`. Raises ValueError."""
    length = 16 if ":" in address else 4
    number = inet_pton6(address) if length == 16 else inet_aton(address)
    size = prefix_length(text, bits, length)
    missing = 3 - address.count(".") if length == 4 else 0
    if missing and number >> 32 - min(size, 32) != inet_aton(address + ".0" * missing) >> 32 - min(size, 32):
        raise ValueError(f"{text!r}: write all four octets, since xinetd reads {address} as {dotted(number)}")
    if size == 128 and length == 16:
        return Entry(text, caveat=NO_CLIENT)
    host_bits = max(length * 8 - size, 0)
    caveat = "xinetd reads it as a single address" if size > length * 8 else ""
    return Entry(text, ((length, host_bits, number >> host_bits),), caveat=caveat)


def prefix_length(text: str, bits: str, length: int) -> int:
    """The number that xinetd reads behind the slash. It is the first number, so a mask such as 255.255.255.0 is 255.

    Raises ValueError if that lets in more than is written (/24x, /0x18, /24.0.0.0), or makes no sense.
    """
    first, *others = bits.split(".")
    valid = is_octet(first) and (length == 4 or int(first) <= 128)
    if others:
        valid = valid and length == 4 and len(others) == 3 and all(map(is_octet, others)) and int(first) > 32
    if not valid:
        raise ValueError(f"{text!r} has no valid prefix length (0 to {length * 8})")
    return int(first)


def factorised(text: str) -> tuple[Network, ...]:
    """One network for each item of `10.1.{2,3}`. The octets up to the item are its prefix. Raises ValueError."""
    head, _, tail = text.partition("{")
    octets = head.split(".")
    items = tail.removesuffix("}").split(",")
    fits = tail.endswith("}") and octets.pop() == "" and len(octets) <= 3
    if not fits or not all(is_octet(part) for part in octets + items):
        raise ValueError(f"{text!r} is not a factorised address such as 10.1.{{2,3}}")
    network = 0
    for octet in octets:
        network = network << 8 | int(octet)
    return tuple((4, 24 - 8 * len(octets), network << 8 | int(item)) for item in items)


def is_octet(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255


def named(text: str, known: "KnownNetworks") -> Entry:
    """The entry of a host name, a .domain, or a name of networks(5). Raises ValueError."""
    name = text.lower()
    last = name.rpartition(".")[2]
    if not text.isascii() or not HOST_NAME_CHARACTERS.issuperset(name) or not last or last.isdigit() or ".." in name:
        raise ValueError(f"{text!r} is neither an address nor a host name")
    network = known.find(name)
    if network is None:
        return Entry(text, name=name)
    # The C library completes the number of a network to four octets, so xinetd cannot see its class (/8, /16, /24).
    return Entry(text, ((4, 0, network),), caveat="xinetd compares with the network's own address alone")


class KnownNetworks:
    """The names of networks(5). The file is read once, and only if there is a name to look up."""

    def __init__(self, sources: "Sources | None" = None) -> None:
        self._sources = sources
        self._networks: dict[str, int] | None = None

    def find(self, name: str) -> int | None:
        """Raises ConfigError."""
        if self._networks is None:
            self._networks = read_networks(self._sources)
        return self._networks.get(name)


def read_networks(sources: "Sources | None") -> dict[str, int]:
    """The networks in networks(5): name to number. For xinetd 0.0.0.0 is no network. Raises ConfigError."""
    if not exists(NETWORKS_FILE, sources):
        return {}  # then getnetbyname(3) knows no networks either
    networks: dict[str, int] = {}
    for line in read_file(NETWORKS_FILE, sources=sources).decode("latin-1").splitlines():
        name, number, *aliases = [*line.partition("#")[0].split(), "", ""]
        octets = number.split(".")
        if all(is_octet(octet) for octet in octets) and len(octets) <= 4:
            packed = bytes(map(int, octets)).ljust(4, b"\0")
            networks |= {alias.lower(): int.from_bytes(packed, "big") for alias in (name, *aliases)}
    return {name: number for name, number in networks.items() if name and number}


def inet_pton6(text: str) -> int:
    """The number of an IPv6 address. A scope is an error: xinetd accepts it and ignores it."""
    try:
        return int.from_bytes(_socket.inet_pton(_socket.AF_INET6, text), "big")
    except (OSError, ValueError):
        raise ValueError(f"{text!r} is not an IPv6 address") from None


def dotted(number: int) -> str:
    return text_of(number.to_bytes(4, "big"))


def cidr(network: Network) -> str:
    length, host_bits, number = network
    return f"{text_of((number << host_bits).to_bytes(length, 'big'))}/{length * 8 - host_bits}"
