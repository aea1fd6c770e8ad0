"""The patterns of hosts.allow and hosts.deny, as libwrap 7.6.q-32 (hosts_access.c) compares them: hosts_access(5).

A match is True, False, or None where the answer is not known: a host name could not be found out, or the pattern is
not written right. libwrap skips a pattern that no client can match. Here such a pattern gives None for the clients
that it may be about, so that a rule refuses them, and lets none of them in by it.
"""

import _socket

from ..core import ConfigError
from ..core.host_names import HOST_NAME_CHARACTERS
from ..core.peer import pack, text_of
from ..core.rule_files import PassingError, read_file
from .hosts_request import ALL, PARANOID, UNKNOWN, ClientKeys, End
from .hosts_words import (
    ALL_ONES,
    DIGITS,
    KEYWORDS,
    KNOWN,
    LOCAL,
    NUMERIC,
    Flaw,
    address_key,
    any_of,
    bare_flaw,
    comments_aside,
    dotted_quad,
    in_brackets,
    ipv4_mask,
    match_text,
    name_key,
    words_of_file,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..core.rule_files import Sources
    from .hosts_request import Key
    from .hosts_words import Match

DEEPEST_FILE = 8  # files of patterns that name files of patterns


class HostPattern:
    """One word that a host is compared with.

    keys        the addresses and networks that it matches, as ClientKeys has them; None if it can match others
    names       the names that it matches, in the same form; only where `keys` is not None
    needs_name  whether it asks for the name of the host
    flaws       what is not written right
    """

    __slots__ = ("flaws", "keys", "match", "names", "needs_name")

    def __init__(
        self, match: "Callable[[End], Match]", keys: "Iterable[Key] | None" = None, names: "Iterable[str]" = (),
        *, needs_name: bool = False, flaws: "Iterable[Flaw]" = (),
    ) -> None:  # fmt: skip
        self.match = match
        self.keys = None if keys is None else tuple(keys)
        self.names = tuple(names)
        self.needs_name = needs_name
        self.flaws = tuple(flaws)

    def doubted(self, flaw: Flaw) -> "HostPattern":
        """The same, where the answer counts for refusals alone."""
        return HostPattern(
            lambda end: False if self.match(end) is False else None, needs_name=self.needs_name, flaws=(flaw,)
        )

    def commented(self, flaw: Flaw) -> "HostPattern":
        """The same behind a `#`, where a name that is not known counts as no match."""
        return HostPattern(lambda end: None if self.match(end) else False, needs_name=self.needs_name, flaws=(flaw,))


def read_pattern(text: str, sources: "Sources | None" = None, depth: int = 0) -> HostPattern:
    """The pattern of one word. A word that is not written right may be about the clients of `meant_by`.

    Raises PassingError.
    """
    try:
        return parse_pattern(text, sources, depth)
    except Flaw as flaw:
        return meant_by(text).doubted(flaw)
    except PassingError:
        raise
    except ConfigError as error:
        return EVERY_HOST.doubted(Flaw(error.message, error.hint))


def parse_pattern(text: str, sources: "Sources | None", depth: int) -> HostPattern:
    """Raises Flaw, or ConfigError for a file of patterns that cannot be read."""
    word = text.lower()
    if word in KEYWORDS:
        return KEYWORD_PATTERNS[word]
    if word[0] == "@":
        return HostPattern(lambda end: end.is_in_netgroup(text[1:]), needs_name=True)
    if word[0] == "/":
        return file_pattern(text, sources, depth)
    bracket, closed, size = text.partition("]")
    if text[0] == "[" and closed:
        return ipv6_pattern(text, bracket[1:], size)
    if ":" in text:
        return text_pattern(word, depth)
    if "/" in text:
        return ipv4_pattern(text)
    key = address_key(word)
    if key is not None:
        return HostPattern(lambda end: match_text(word, end.address), (key,))
    if not HOST_NAME_CHARACTERS.issuperset(word.replace("*", "").replace("?", "")):
        raise Flaw(f"no client can match {text!r}")
    if not word.strip(NUMERIC):
        return numeric_pattern(text)
    name = name_key(word)
    names = () if name is None else (name,)
    return HostPattern(lambda end: match_host(word, end), () if names else None, names, needs_name=True)


def plain_keys(words: list[str]) -> "tuple[list[Key], list[str]] | None":
    """The addresses and names that these words in lower case stand for; None if other patterns are among them.

    This is the short way for lists of thousands of addresses: no pattern is built.
    """
    keys: list[Key] = []
    names = []
    for word in words:
        key = address_key(word)
        if key is None and "/" in word and word[0] in DIGITS:
            key = network_key(word)
        if key is not None:
            keys.append(key)
        elif word == ALL:
            keys.append(ALL)
        elif word != "except" and (name := name_key(word)) is not None:
            names.append(name)
        else:
            return None
    return (keys, names) if keys or names else None


def network_key(word: str) -> "Key | None":
    """The key of `net/mask` or `net/bits`; None if it is not written right, or has no key."""
    net, _, size = word.partition("/")
    network, mask = dotted_quad(net), ipv4_mask(size)
    return None if network is None or mask is None or network & mask != network else key_of(network, mask)


def numeric_pattern(text: str) -> HostPattern:
    """Digits and dots alone that are no address: only an ending such as `.5` can match."""
    if text.startswith("."):
        return HostPattern(lambda end: match_text(text, end.address))
    hint = "" if text.endswith(".") else f"write {text}. for a network"
    raise Flaw(f"no client can match {text!r}", hint)


def file_pattern(path: str, sources: "Sources | None", depth: int) -> HostPattern:
    """Patterns in a file of their own, separated by blanks. Raises Flaw, or ConfigError."""
    if depth == DEEPEST_FILE:
        raise Flaw(f"{path!r}: files of patterns that name files, without end")
    found = ClientKeys()
    others = []
    for line in read_file(path, sources=sources).decode("latin-1").split("\n"):
        words = words_of_file(line)
        plain = plain_keys([word.lower() for word in words])
        if plain is not None:
            found.add(0, *plain)
            continue
        for word, comment in comments_aside(words):
            pattern = read_pattern(word, sources, depth + 1)
            pattern = pattern if comment is None else pattern.commented(comment)
            if pattern.keys is None:
                others.append(pattern)
            else:
                found.add(0, pattern.keys, pattern.names)

    def match(end: End) -> "Match":
        if found.of_address(end):
            return True
        by_name = match_names(found, end) if found.names else False
        return by_name or any_of([*(pattern.match(end) for pattern in others), by_name])

    return HostPattern(
        match, None if others else found.addresses, found.names,
        needs_name=bool(found.names) or any(pattern.needs_name for pattern in others),
        flaws=(flaw for pattern in others for flaw in pattern.flaws),
    )  # fmt: skip


def match_names(found: ClientKeys, end: End) -> "Match":
    name = end.find_name()
    return None if name is None else bool(found.of_name(name))


def match_host(pattern: str, end: End) -> "Match":
    """Against the address, and then against the name."""
    if match_text(pattern, end.address):
        return True
    name = end.find_name()
    return None if name is None else match_text(pattern, name)


def is_known(end: End) -> "Match":
    name = end.find_name()
    return None if name is None else end.address != UNKNOWN and name not in (UNKNOWN, PARANOID)


def is_local(end: End) -> "Match":
    name = end.find_name()
    return None if name is None else "." not in name and name not in (UNKNOWN, PARANOID)


EVERY_HOST = HostPattern(lambda end: True, (ALL,))
EVERY_IPV4 = HostPattern(lambda end: len(end.packed) == 4)
EVERY_IPV6 = HostPattern(lambda end: len(end.packed) == 16)
KEYWORD_PATTERNS = {
    ALL: EVERY_HOST,
    KNOWN: HostPattern(is_known, needs_name=True),
    LOCAL: HostPattern(is_local, needs_name=True),
    PARANOID: HostPattern(lambda end: match_host(PARANOID, end), needs_name=True),
    UNKNOWN: HostPattern(lambda end: match_host(UNKNOWN, end), needs_name=True),
}


def meant_by(text: str) -> HostPattern:
    """The hosts that a word may be about which is not written right."""
    net, slash, size = text.partition("/")
    if ":" in text or "[" in text:
        return meant_by_colons(text)
    if net.strip(NUMERIC):
        return EVERY_HOST
    if not slash:
        prefix = f"{text.rstrip('.')}."
        return EVERY_IPV4 if address_key(prefix) is None else parse_pattern(prefix, None, 0)
    number, mask = dotted_quad(net), ipv4_mask(size)
    return EVERY_IPV4 if number is None or mask is None else masked_pattern(number & mask, mask)


def meant_by_colons(text: str) -> HostPattern:
    """An IPv6 address without brackets, or an IPv4 address in brackets: `[10.0.0.1]` or `[::ffff:10.0.0.1]`."""
    bracketed = in_brackets(text)
    try:
        if bracketed:
            return parse_pattern(bracketed, None, 0)
        packed = pack(text.partition("/")[0].strip("[]"))
    except ValueError:
        return EVERY_IPV6
    return HostPattern(lambda end: end.packed == packed) if len(packed) == 4 else EVERY_IPV6


def text_pattern(word: str, depth: int) -> HostPattern:
    """An IPv6 address without brackets. A table cannot hold one, but a file of patterns can. Raises Flaw.

    libwrap compares it as text, with the usual form of the client's address.
    """
    if not in_brackets(word):
        raise Flaw(f"no client can match {word!r}")
    if not depth or "/" in word or "%" in word or text_of(pack(word)) != word:
        raise bare_flaw(word)
    return HostPattern(lambda end: end.address == word, (word,))


def ipv4_pattern(text: str) -> HostPattern:
    """`net/mask` or `net/bits`. Raises Flaw."""
    net, _, size = text.partition("/")
    network, mask = dotted_quad(net), ipv4_mask(size)
    if network is None or mask is None:
        raise Flaw(f"no client can match {text!r}", "it is not NET/MASK or NET/1 to NET/32")
    if network & mask != network:
        raise Flaw(f"no client can match {text!r}", f"write {text_of((network & mask).to_bytes(4, 'big'))}/{size}")
    return masked_pattern(network, mask)


def masked_pattern(network: int, mask: int) -> HostPattern:
    key = key_of(network, mask)
    return HostPattern(
        lambda end: len(end.packed) == 4 and int.from_bytes(end.packed, "big") & mask == network,
        None if key is None else (key,),
    )


def key_of(network: int, mask: int) -> "Key | None":
    """A mask with gaps, such as 255.0.255.0, has no key."""
    bits = mask.bit_count()
    return (4, bits, network >> 32 - bits) if mask == ALL_ONES << 32 - bits & ALL_ONES else None


def ipv6_pattern(text: str, inside: str, size: str) -> HostPattern:
    """`[address]`, `[address%scope]` or `[net]/bits`. Raises Flaw."""
    address, _, scope = inside.partition("%")
    bits = size.removeprefix("/") if size else "128"
    try:
        if size and not (size.startswith("/") and bits.isascii() and bits.isdigit() and len(bits) <= 3):
            raise ValueError
        host_bits = 128 - int(bits)
        network = int.from_bytes(_socket.inet_pton(_socket.AF_INET6, address), "big") >> host_bits
    except (OSError, ValueError):  # ValueError: also a negative shift
        raise Flaw(f"no client can match {text!r}", "it is not [ADDRESS] or [NET]/BITS") from None
    if host_bits <= 32 and network >> 32 - host_bits == 0xFFFF:
        raise Flaw(f"no client can match {text!r}", "write IPv4 addresses as such")

    def match(end: End) -> bool:
        has_scope = not scope or end.address.partition("%")[2] == scope
        return len(end.packed) == 16 and has_scope and int.from_bytes(end.packed, "big") >> host_bits == network

    return HostPattern(match, ((16, 128 - host_bits, network),))
