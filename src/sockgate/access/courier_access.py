"""--courier-access: the text of smtpaccess or imapaccess, as makedat -cidr and couriertcpd 1.0.16 read it.

A line is KEY, one TAB, `deny` or `allow[,VAR[=VALUE]]...`. The one most specific entry decides. An address in no entry
is let in. A line is an error here if makedat makes a key of it that no client has, or if couriertcpd reads it as an
unwanted "allow". See sockgate-rules(5).
"""

import _socket

from ..core import ALLOW, DENY, NO_MATCH, Cause, ConfigError, Verdict
from ..core.addresses import is_number
from ..core.peer import MAPPED_PREFIX, Peer, text_of
from ..core.rule_files import DIRECTORY, EMPTY_HINT, REGULAR_FILE, kind_of, names_in, read_file, text_lines
from . import Check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..core.options import Settings
    from ..core.rule_files import Sources

    Network = tuple[int, int, int]  # address length in bytes, prefix length, network number

CATCH_ALL = "*"
UNIT_BITS = {4: 8, 16: 16}  # one part of a key of Courier is an octet of IPv4, or a word of IPv6
LEFTOVERS = (".rpmnew", ".rpmsave")  # makedat stops at these and at .dpkg-*
CONTROL_CHARACTERS = frozenset(map(chr, (*range(ord("\t")), *range(ord("\t") + 1, ord(" ")), 127)))
KEY_HINT = "write 192.0.2.1, 192.0.2, 192.0.2.0/24, 192.0.2.1-192.0.2.9, :2001:0db8, 2001:db8::/32 or *"


class Entry:
    """One line: its place, and the variables that it sets, or None if it refuses."""

    __slots__ = ("cause", "variables")

    def __init__(self, cause: Cause, variables: dict[bytes, bytes | None] | None) -> None:
        self.cause = cause
        self.variables = variables

    def verdict(self) -> Verdict:
        outcome = DENY if self.variables is None else ALLOW
        text = self.cause.text.replace("\t", " ")
        return Verdict(outcome, self.cause, f"{self.cause}: {text}", variables=self.variables)


def build(settings: "Settings", sources: "Sources") -> "CourierAccess":
    assert settings.courier_access is not None
    return CourierAccess(settings.courier_access, sources)


class CourierAccess(Check):
    """The entries of one file, or of all files in a directory. Raises ConfigError for every mistake in them."""

    def __init__(self, path: str, sources: "Sources | None" = None) -> None:
        self._path = path
        self._entries: dict[Network, Entry] = {}
        self._catch_all: Entry | None = None
        for file in files_of(path, sources):
            self._read(file, sources)
        if self._is_empty():
            raise ConfigError(f"{path!r} holds no entries", EMPTY_HINT, Cause(file=path))
        self._lengths = {
            size: sorted({bits for length, bits, _ in self._entries if length == size}, reverse=True)
            for size in (0, 4, 16)
        }
        self._require_unambiguous()

    def decide(self, peer: Peer, considered: list[str] | None = None) -> Verdict:
        """The verdict of the most specific entry, or NO_MATCH if there is no entry."""
        entry = self._entry(peer.remote, considered) or self._catch_all
        if entry is not None:
            return entry.verdict()
        if considered is not None:
            considered.append(f"{self._path}: no entry for *")
        return Verdict(NO_MATCH)

    def _entry(self, address: bytes, considered: list[str] | None) -> Entry | None:
        """The most specific entry of a network."""
        length = len(address)
        number = int.from_bytes(address, "big")
        for bits in self._lengths[length]:
            network = length, bits, number >> length * 8 - bits
            entry = self._entries.get(network)
            if entry is not None:
                return entry
            if considered is not None:
                considered.append(f"{self._path}: no entry for {cidr(network)}")
        return None

    def _is_empty(self) -> bool:
        return not self._entries and self._catch_all is None

    def _read(self, path: str, sources: "Sources | None") -> None:
        """Add the entries of one file."""
        actions: dict[str, dict[bytes, bytes | None] | None] = {}  # each distinct action is parsed once
        for number, line in enumerate(text_lines(read_file(path, sources=sources), path), 1):
            if not line or line[0] == "#":
                continue
            cause = Cause(file=path, line=number, text=line)
            key, action = split_line(cause)
            try:
                if action not in actions:
                    actions[action] = parse_action(action)
                self._add(key, Entry(cause, actions[action]))
            except EntryError as error:
                raise ConfigError(f"{cause}: {error}", error.hint, cause) from None

    def _add(self, key: str, entry: Entry) -> None:
        """Add an entry. A key that comes twice is an error, as in makedat. A key without networks is `*`."""
        networks = parse_key(key)
        for network in networks:
            known = self._entries.setdefault(network, entry)
            if known is not entry:
                raise doubled(cidr(network), entry, known)
        if not networks and self._catch_all:
            raise doubled("'*'", entry, self._catch_all)
        if not networks:
            self._catch_all = entry

    def _require_unambiguous(self) -> None:
        """Raise ConfigError if networks overlap that makedat expands to keys of the same length: it stops there."""
        for (length, bits, number), entry in self._entries.items():
            for wider in self._lengths[length]:
                if wider >= bits or specificity(length, wider) < specificity(length, bits):
                    continue
                known = self._entries.get((length, wider, number >> bits - wider))
                if known is not None:
                    both = f"{cidr((length, bits, number))} and {cidr((length, wider, number >> bits - wider))}"
                    message = f"{entry.cause}: overlaps {known.cause}: {both} expand to the same keys"
                    raise ConfigError(message, cause=entry.cause)


class EntryError(Exception):
    """What is wrong with an entry, and how to mend it."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.hint = hint


def files_of(path: str, sources: "Sources | None") -> list[str]:
    """The file itself, or the files of a directory that makedat reads. Raises ConfigError."""
    if kind_of(path, sources) != DIRECTORY:
        return [path]
    names = names_in(path, sources)
    odd = next((name for name in names if not CONTROL_CHARACTERS.isdisjoint(name)), None)
    if odd is not None:  # messages have the names of files as they are
        raise ConfigError(f"{path!r} has a file with a control character in its name: {odd!r}", cause=Cause(file=path))
    for name in names:
        if name.endswith(LEFTOVERS) or ".dpkg-" in name:
            left = Cause(file=f"{path}/{name}")
            raise ConfigError(f"{left}: left over from an upgrade", "take over what it changes, then remove it", left)
    files = [f"{path}/{name}" for name in names if not name.endswith(("~", ".dist"))]
    files = [file for file in files if kind_of(file, sources) == REGULAR_FILE]
    if not files:
        raise ConfigError(f"{path!r} has no files", EMPTY_HINT, Cause(file=path))
    return files


def doubled(key: str, entry: Entry, known: Entry) -> ConfigError:
    return ConfigError(f"{entry.cause}: {key} already has an entry at {known.cause}", cause=entry.cause)


def split_line(cause: Cause) -> tuple[str, str]:
    """Key and action of a line. One TAB is between them, or any blanks if makedat expands the key."""
    line = cause.text
    if not CONTROL_CHARACTERS.isdisjoint(line):
        raise ConfigError(f"{cause}: the line holds a control character", "end lines with LF alone", cause)
    key = line.partition("\t")[0].partition(" ")[0]
    rest = line[len(key) :]
    action = rest.lstrip(" \t") if "/" in key or "-" in key else rest.removeprefix("\t")
    if action == rest or not action or action[0] in " \t":
        raise ConfigError(f"{cause}: {line!r} is not KEY, one TAB, and 'allow' or 'deny'", cause=cause)
    return key, action


def parse_action(action: str) -> dict[bytes, bytes | None] | None:
    """The variables that an action sets, or None if the action refuses. Raises EntryError."""
    if action.startswith("deny"):
        return None
    rest = action.removeprefix("allow")
    if rest == action or rest[:1] not in ("", ","):
        raise EntryError(f"the action {action!r} is neither 'deny' nor 'allow'", "couriertcpd would let the client in")
    variables: dict[bytes, bytes | None] = {}
    for assignment in assignments(rest[1:]):
        name, _, value = assignment.partition("=")
        name, value = name.lstrip(" \t"), value.rstrip(" \t")
        if not (name.isascii() and name.isidentifier()):
            raise EntryError(f"{assignment!r} is not VAR or VAR=VALUE")
        variables[name.encode("latin-1")] = value.encode("latin-1")
    return variables


def assignments(text: str) -> "Iterator[str]":
    """The parts between commas. Quotes of either kind protect commas and are removed. Raises EntryError."""
    word, quote = "", ""
    for character in text:
        if quote:
            word, quote = (word, "") if character == quote else (word + character, quote)
        elif character in "\"'":
            quote = character
        elif character == ",":
            yield word
            word = ""
        else:
            word += character
    if quote:
        raise EntryError(f"{text!r} has no closing {quote}")
    if word:
        yield word


def parse_key(key: str) -> "list[Network]":
    """The networks of a key. Empty for `*`, which matches all other clients. Raises EntryError."""
    if key == CATCH_ALL:
        return []
    if "/" in key:
        return [parse_cidr(key)]
    if "-" in key:
        return parse_range(key)
    if key.startswith(":"):
        return [parse_words(key)]
    return [parse_octets(key)]


def parse_octets(key: str) -> "Network":
    """The network of `192.0.2.1`, or of fewer octets."""
    octets = key.split(".")
    if len(octets) > 4 or not all(is_number(octet) and int(octet) <= 255 for octet in octets):
        raise EntryError(f"no client has the key {key!r}", KEY_HINT)
    return 4, 8 * len(octets), int.from_bytes(bytes(map(int, octets)), "big")


def parse_words(key: str) -> "Network":
    """The network of `:2001:0db8`: words as couriertcpd writes them, each of four lower-case digits."""
    words = key[1:].split(":")
    if len(words) > 8 or not all(len(word) == 4 and not word.strip("0123456789abcdef") for word in words):
        raise EntryError(f"no client has the key {key!r}", KEY_HINT)
    return 16, 16 * len(words), int("".join(words), 16)


def parse_cidr(key: str) -> "Network":
    """The network of `192.0.2.0/24`, `10/8` or `2001:db8::/32`. Net::CIDR masks host bits and completes octets."""
    address, _, bits = key.partition("/")
    length, number = parse_address(key, address)
    if not is_number(bits) or int(bits) > length * 8:
        raise EntryError(f"{key!r} has no valid prefix length (0 to {length * 8})")
    return length, int(bits), number >> length * 8 - int(bits)


def parse_range(key: str) -> "list[Network]":
    """The smallest set of networks that covers `192.0.2.1-192.0.2.9`."""
    start, _, end = key.partition("-")
    length, first = parse_address(key, start)
    end_length, last = parse_address(key, end)
    if length != end_length or start.count(".") != end.count("."):
        raise EntryError(f"{key!r}: both ends must be of one kind")
    if length == 4:
        last |= (1 << 8 * (3 - end.count("."))) - 1
    if first > last:
        raise EntryError(f"{key!r} is a reversed range")
    networks = []
    while first <= last:
        host_bits = min((first & -first).bit_length() - 1 if first else length * 8, (last - first + 1).bit_length() - 1)
        networks.append((length, length * 8 - host_bits, first >> host_bits))
        first += 1 << host_bits
    return networks


def parse_address(key: str, text: str) -> tuple[int, int]:
    """The length in bytes and the number of an address. An IPv4 address can lack octets at its end."""
    if ":" in text:
        try:
            packed = _socket.inet_pton(_socket.AF_INET6, text)
        except (OSError, ValueError):
            raise EntryError(f"no client has the key {key!r}", KEY_HINT) from None
        if packed.startswith(MAPPED_PREFIX):
            raise EntryError(f"no client has the key {key!r}", "write IPv4 addresses as such")
        return 16, int.from_bytes(packed, "big")
    length, bits, number = parse_octets(text)
    return length, number << 32 - bits


def specificity(length: int, bits: int) -> int:
    """The number of octets or words in the keys of a network after makedat has expanded it."""
    return max(1, -(-bits // UNIT_BITS[length]))


def cidr(network: "Network") -> str:
    length, bits, number = network
    return f"{text_of((number << length * 8 - bits).to_bytes(length, 'big'))}/{bits}"
