"""Reading hosts.allow and hosts.deny: the lines of a table and their fields, as libwrap 7.6.q-32 splits them."""

from ..core import Cause, ConfigError
from ..core.rule_files import exists, read_file, text_lines
from .hosts_words import Flaw, bare_flaw, in_brackets, words_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.rule_files import Sources

LONGEST_RULE = 2046  # libwrap stops reading a table at a longer one
BLANKS = " \t\r"
PROTECTED = "\0"  # stands for a colon in an address while a line is split; no table holds one


class Fields:
    """The three fields of a rule.

    junk  why the line is no rule: the fields are a guess
    bare  an IPv6 address without brackets is in it: libwrap finds other fields, and a wrong option
    """

    __slots__ = ("bare", "clients", "daemons", "junk", "options")

    def __init__(self, daemons: str, clients: str, options: str = "") -> None:
        self.daemons = daemons
        self.clients = clients
        self.options = options
        self.junk: Flaw | None = None
        self.bare: Flaw | None = None


def logical_lines(path: str, sources: "Sources | None") -> list[tuple[int, str]]:
    """Number and text of each rule. A backslash at the end of a line continues it, even if that is a comment.

    A table that does not exist is empty: hosts_access(5). Raises ConfigError.
    """
    if not exists(path, sources):
        return []
    data = read_file(path, sources=sources)
    if not data.strip():
        return []
    lines = text_lines(data, path)
    joined = join_lines(lines, path) if b"\\\n" in data else list(enumerate(lines, 1))
    for number, line in joined:
        if len(line) > LONGEST_RULE:
            cause = Cause(file=path, line=number)
            raise ConfigError(f"{cause}: the rule is longer than {LONGEST_RULE} characters", cause=cause)
    return [(number, line) for number, line in joined if line[:1] != "#" and line.strip(BLANKS)]


def join_lines(lines: list[str], path: str) -> list[tuple[int, str]]:
    """Each line together with those that continue it. Raises ConfigError."""
    rules = []
    first, joined = 0, ""
    for number, line in enumerate(lines, 1):
        first = first if joined else number
        joined += line.removesuffix("\\")
        if not line.endswith("\\"):
            rules.append((first, joined))
            joined = ""
    if joined:
        cause = Cause(file=path, line=first)
        raise ConfigError(f"{cause}: the last line continues, and nothing follows", cause=cause)
    return rules


def split(text: str, delimiter: str) -> tuple[str, str, str]:
    """Like partition, but not inside brackets, where an IPv6 address stands, and not at the first character."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if character == delimiter and depth == 0 and at:
            return text[:at], delimiter, text[at + 1 :]
    return text, "", ""


def split_line(line: str) -> Fields:
    """Daemons, clients and options of a rule."""
    bare = bare_addresses(line)
    for address in bare:
        line = line.replace(address, address.replace(":", PROTECTED))
    daemons, colon, rest = split(" " + line, ":")
    if not colon or not daemons.strip("," + BLANKS):
        return split_junk(line)
    clients, colon, options = split(" " + rest, ":")
    fields = Fields(*(field.replace(PROTECTED, ":") for field in (daemons, clients, options or colon)))
    if PROTECTED in daemons + clients:
        fields.bare = bare_flaw(*bare)
    return fields


def split_junk(line: str) -> Fields:
    """What a line that is no rule may be meant to say: the first word is the daemon, the others are clients."""
    first, *others = words_of(line.replace(":", " ")) or ["ALL"]
    if line.lstrip(BLANKS)[:1] in (":", ","):
        first, others = "ALL", [first, *others]
    fields = Fields(first, " ".join(others).replace(PROTECTED, ":") or "ALL")
    fields.junk = Flaw(f"{line.replace(PROTECTED, ':')!r} is not DAEMONS : CLIENTS")
    return fields


def bare_addresses(line: str) -> list[str]:
    """The IPv6 addresses and networks in a line that do not stand in brackets, where their colons end a field."""
    if line.count(":") < 3:
        return []
    return [address for word in words_of(line) if (address := bare_address(word))]


def bare_address(word: str) -> str:
    """The address in a word such as `2001:db8::/32`, `daemon:2001:db8::1:` or `user@2001:db8::1`; empty if none."""
    if word.count(":") < 2 or "[" in word:
        return ""
    for part in (word, word.partition("@")[2], word.partition(":")[2]):
        for address in (part, part.removesuffix(":")):
            if in_brackets(address):
                return address
    return ""
