"""The words of hosts.allow and hosts.deny as text: what libwrap 7.6.q-32 compares, and what is wrong with a word."""

import _socket

from ..core.addresses import inet_aton, is_number
from ..core.host_names import HOST_NAME_CHARACTERS
from .hosts_request import ALL, PARANOID, UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .hosts_request import Key

    Match = bool | None

KNOWN, LOCAL = "known", "local"
KEYWORDS = (ALL, KNOWN, LOCAL, PARANOID, UNKNOWN)
COMMENT = "#"
DIGITS = frozenset("0123456789")
NUMERIC = "0123456789./"
ALL_ONES = 0xFFFFFFFF
# What stands between words, in a table and in a file of patterns (hosts_access.c: sep, fscanf(3)). str.split() without
# an argument splits at more: a text is Latin-1 here, and 0x85 and 0xA0 are bytes of letters in UTF-8.
SEPARATORS, C_SPACE = ", \t\r", " \t\n\v\f\r"  # isspace(3)
TO_BLANKS, SPACE_TO_BLANKS = (str.maketrans(blanks, " " * len(blanks)) for blanks in (SEPARATORS, C_SPACE))


class Flaw(ValueError):
    """What is wrong with a part of a rule, and how to mend it."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.reason}: {self.hint}" if self.hint else self.reason


def words_of(text: str) -> list[str]:
    """The words of a list in a table."""
    return list(filter(None, text.translate(TO_BLANKS).split(" ")))


def words_of_file(text: str) -> list[str]:
    """The words of a line in a file of patterns."""
    return list(filter(None, text.translate(SPACE_TO_BLANKS).split(" ")))


def comments_aside(words: list[str]) -> "list[tuple[str, Flaw | None]]":
    """Each word but a `#`. Words behind it are patterns for libwrap, but were hardly meant so: they have a flaw."""
    found = []
    comment: Flaw | None = None
    for word in words:
        if word.startswith(COMMENT) and comment is None:
            comment = Flaw("'#' begins a comment only at the start of a line", "give the comment a line of its own")
            word = word[1:]
        if word:
            found.append((word, comment))
    return found


def any_of(matches: "Iterable[Match]") -> "Match":
    """True if one is, else None if one is, else False. Looks at no more of them than it must."""
    result: Match = False
    for match in matches:
        if match:
            return True
        result = None if match is None else result
    return result


def match_text(pattern: str, text: str) -> bool:
    """libwrap's string_match, which it uses for names, addresses, daemons and users alike. Ignores case."""
    pattern, text = pattern.lower(), text.lower()
    if "*" in pattern or "?" in pattern:
        return match_wildcards(pattern, text)
    if pattern.startswith("."):
        return len(text) > len(pattern) and text.endswith(pattern)
    if pattern == ALL:
        return True
    if pattern == KNOWN:
        return text != UNKNOWN
    return text.startswith(pattern) if pattern.endswith(".") else text == pattern


def match_wildcards(pattern: str, text: str) -> bool:
    """`*` stands for any characters, `?` for one, in at most len(pattern) * len(text) steps.

    Behind a `*` that is not the last character libwrap wants at least one character: `a**` does not match `a`.
    """
    reached = {0}  # how much of the text the pattern so far can have matched
    for at, character in enumerate(pattern, 1):
        if character != "*":
            reached = {next + 1 for next in reached if next < len(text) and character in ("?", text[next])}
        elif reached:
            reached = set(range(min(reached), len(text) + (at == len(pattern))))
    return len(text) in reached


def address_key(word: str) -> "Key | None":
    """The key of a word in lower case that stands for one IPv4 address, or for a network of whole octets."""
    if word[0] not in DIGITS:
        return None
    if word[-1] == ".":
        octets = word[:-1].split(".")
        return word if len(octets) <= 3 and all(is_number(octet) and int(octet) <= 255 for octet in octets) else None
    try:
        _socket.inet_pton(_socket.AF_INET, word)
    except (OSError, ValueError):
        return None
    return word


def name_key(word: str) -> str | None:
    """The key of a word in lower case that stands for one name, or for all names that end so; else None."""
    if word in KEYWORDS or not HOST_NAME_CHARACTERS.issuperset(word) or word[-1] == "." or not word.strip(NUMERIC):
        return None
    return word


def ipv4_mask(size: str) -> int | None:
    """A mask of four parts, or a number of bits; None if it is neither."""
    mask = dotted_quad(size)
    if mask is None and size.isascii() and size.isdigit() and len(size) <= 2 and 1 <= int(size) <= 32:
        mask = ALL_ONES << 32 - int(size) & ALL_ONES
    return mask


def dotted_quad(text: str) -> int | None:
    """An address of four parts as inet_addr(3) reads it, which takes 255.255.255.255 for an error."""
    try:
        number = int.from_bytes(_socket.inet_pton(_socket.AF_INET, text), "big")
    except (OSError, ValueError):  # octal or hexadecimal, or no address
        try:
            number = inet_aton(text) if text.count(".") == 3 else ALL_ONES
        except ValueError:
            return None
    return None if number == ALL_ONES else number


def in_brackets(text: str) -> str:
    """`[2001:db8::]/32` for `2001:db8::/32`; empty for what is no IPv6 address or network without brackets."""
    net, slash, bits = text.partition("/")
    try:
        _socket.inet_pton(_socket.AF_INET6, net.partition("%")[0])
    except (OSError, ValueError):
        return ""
    return f"[{net}]{slash}{bits}" if is_number(bits or "0") and int(bits or "0") <= 128 else ""


def bare_flaw(*addresses: str) -> Flaw:
    return Flaw("an IPv6 address stands in brackets", f"write {' '.join(map(in_brackets, addresses))}")
