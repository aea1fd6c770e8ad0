"""The language of tcprules(1), as ucspi-tcp 0.88 compiles it, with extensions: see sockgate-rules(5).

A rule is one line, `ADDRESS:allow` or `ADDRESS:deny`, followed by any number of `,VAR="VALUE"`. A line that the old
compiler drops or misreads without a message is an error here. A text is read as Latin-1, so every byte of a value stays
what it is.
"""

import _socket

from ..core import ALLOW, DENY, Cause, ConfigError, Verdict
from ..core.host_names import HOST_NAME_CHARACTERS
from ..core.peer import pack, text_of
from .keys import OctetRange, network_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

QUOTES = "\"'|/!#%&*+;@^~"  # any character can quote a value; to write one, these are tried in turn
MESSAGE = b"DIEMSG"  # the message of a refusal; the name is that of qmail's "limits" patch for tcpserver
ADDRESS_FORMS = "write 192.0.2.1, 192.0.2., 192.0.2.0/24, 2001:db8::/32, =host or =.domain"
PADDING = (".0.0.0", ".0.0", ".0")  # completes one, two and three octets to an address


class RuleError(ValueError):
    """What is wrong with a rule, and how to mend it."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.hint = hint


class Action:
    """The action of a rule: its verdict, and the variables that it sets."""

    __slots__ = ("outcome", "variables")

    def __init__(self, outcome: str, variables: dict[bytes, bytes | None]) -> None:
        self.outcome = outcome
        self.variables = variables

    def verdict(self, cause: Cause) -> Verdict:
        reason = f"{cause}: {cause.text}"
        if self.outcome == ALLOW:
            return Verdict(ALLOW, cause, reason, variables=self.variables)
        message = self.variables.get(MESSAGE)
        return Verdict(DENY, cause, reason, message=message + b"\r\n" if message else b"")


def parse(lines: "Iterable[str]", path: str) -> "Iterator[tuple[int, list[str] | OctetRange, Action]]":
    """Line number, keys and action of each rule. Raises ConfigError for the first line that is no rule.

    A gate with a text of rules spends its time in this loop, so each distinct action is parsed only once.
    """
    actions: dict[str, Action] = {}
    for number, line in enumerate(lines, 1):
        rule = line.rstrip(" \t")
        if not rule or rule[0] == "#":
            continue
        address, _, word = rule.partition(":")
        try:
            if word not in actions:
                address, word = split_rule(rule)
                actions[word] = parse_action(word)
            yield number, address_keys(address), actions[word]
        except RuleError as error:
            cause = Cause(file=path, line=number, text=line)
            raise ConfigError(f"{cause}: {error}", error.hint, cause) from None


def split_rule(rule: str) -> tuple[str, str]:
    """Address and action. They are separated by the colon before `allow` or `deny`. IPv6 addresses have colons, too."""
    ends = [at for at in (rule.find(":allow"), rule.find(":deny")) if at >= 0]
    if not ends:
        hint = "the line ends in CR LF" if rule.endswith("\r") else 'write ADDRESS:allow,VAR="VALUE" or ADDRESS:deny'
        raise RuleError(f"{rule!r} has neither ':allow' nor ':deny'", hint)
    return rule[: min(ends)], rule[min(ends) + 1 :]


def parse_action(word: str) -> Action:
    """`allow` or `deny` and its variables. Raises RuleError."""
    outcome, rest = (DENY, word[4:]) if word.startswith("deny") else (ALLOW, word[5:])
    variables: dict[bytes, bytes | None] = {}
    while rest:
        name, value, rest = parse_variable(rest)
        variables[name.encode("latin-1")] = value.encode("latin-1")
    return Action(outcome, variables)


def parse_variable(text: str) -> tuple[str, str, str]:
    """Name and value of a `,VAR="VALUE"` at the start of the text, and the rest of the text. Raises RuleError."""
    name, equals, value = text[1:].partition("=")
    if text[0] != "," or not equals:
        raise RuleError(f"{text!r} is no variable", 'after allow or deny only ,VAR="VALUE" may follow')
    if not (name.isascii() and name.isidentifier()):
        raise RuleError(f"{name!r} is not a variable's name", "letters, digits and _, without blanks")
    quote, rest = value[:1], value[1:]
    if not quote.isascii() or quote.isalnum() or quote in " \t,":
        raise RuleError(f"the value of {name} is not quoted", f'write {name}="VALUE"')
    value, closing, rest = rest.partition(quote)
    if not closing:
        raise RuleError(f"the value of {name} has no closing {quote}")
    return name, value, rest


def address_keys(address: str) -> list[str] | OctetRange:
    """The keys of a rule's address, in normal form: several for a range, else one. Raises RuleError."""
    if address[-1:] != "." and is_ipv4(address):
        return [address]  # the most common form comes first
    if not address:
        return [""]
    if "@" in address:
        return [info_key(address)]
    if address[0] == "=":
        return [host_key(address)]
    if "-" in address:
        return range_keys(address)
    if address[-1] == ".":
        return [dotted_key(address)]
    return [cidr_key(address)]


def is_ipv4(text: str) -> bool:
    """Whether these are four decimal numbers without leading zeros. A peer's address is looked up only in this form."""
    try:
        _socket.inet_pton(_socket.AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


def dotted_key(address: str) -> str:
    if not is_dotted(address):
        raise RuleError(f"{address!r} is not a dotted prefix of one to three octets")
    return address


def is_dotted(text: str) -> bool:
    """Whether this is a prefix of whole octets, such as `10.1.`."""
    dots = text.count(".")
    return text[-1:] == "." and dots <= 3 and is_ipv4(text[:-1] + PADDING[dots - 1])


def cidr_key(address: str) -> str:
    """The key of an IPv6 address or of a network in CIDR form. /8, /16 and /24 have the key of the dotted prefix."""
    text, slash, bits = address.partition("/")
    try:
        packed = pack(text)
    except ValueError:
        raise RuleError(f"{text!r} is not an IP address", address_hint(text)) from None
    if not slash:
        if address.endswith("::"):
            raise RuleError(f"{address!r} may mean an address or a network", f"write {address}/128 or {address}/64")
        return text_of(packed)
    mapped = 96 if ":" in text and len(packed) == 4 else 0
    if not is_number(bits, len(packed) * 8 + mapped) or int(bits) < mapped:
        raise RuleError(f"{address!r} has no prefix length from {mapped} to {len(packed) * 8 + mapped}")
    length = int(bits) - mapped
    host_bits = len(packed) * 8 - length
    network = int.from_bytes(packed, "big") >> host_bits << host_bits
    first = network.to_bytes(len(packed), "big")
    if first != packed:
        raise RuleError(f"{address!r} has host bits set", f"write {text_of(first)}/{length}, or {text_of(packed)}")
    return network_key(packed, length)


def range_keys(address: str) -> OctetRange:
    """One key for each number of `10.2-3.` or `1.2.3.37-53`. (tcprules reads 53-37 as empty, and 300 as 255.)"""
    dash = address.index("-")
    start = address.rfind(".", 0, dash) + 1
    end = address.find(".", dash) if "." in address[dash:] else len(address)
    low, high = address[start:dash], address[dash + 1 : end]
    if not (is_number(low, 255) and is_number(high, 255)) or int(low) > int(high):
        raise RuleError(f"{address!r} is not a range of octets", "write LOW-HIGH, from 0-0 to 255-255")
    before, after = address[:start], address[end:]
    sample = before + low + after
    if not (is_ipv4(sample) or is_dotted(sample)):
        raise RuleError(f"{address!r} is not a range of addresses or dotted prefixes", address_hint(sample))
    return OctetRange(before, int(low), int(high), after)


def is_number(text: str, highest: int) -> bool:
    """Whether these are decimal digits without a leading zero. int() also accepts blanks, signs and foreign digits."""
    return text.isascii() and text.isdigit() and len(text) <= 3 and str(int(text)) == text and int(text) <= highest


def host_key(address: str) -> str:
    """The key of `=host`, of `=.suffix`, or of `=` for every peer with a name. Names are looked up in lower case."""
    name = address[1:]
    labels = name.removeprefix(".").split(".") if name else ["a"]
    if name != name.lower():
        raise RuleError(f"{name!r} never matches", f"names are looked up in lower case: write ={name.lower()}")
    if "*" in name:
        raise RuleError(f"{name!r} never matches", "for all names of a domain write =.example.com")
    if not all(labels) or len(name) > 254 or not HOST_NAME_CHARACTERS.issuperset(name) or labels[-1].isdigit():
        raise RuleError(f"{name!r} is not a host name", "labels of letters, digits, - and _, the last not a number")
    return address


def info_key(address: str) -> str:
    """The key of `info@address` or `info@=host`. tcpserver never looks up info with a network or a suffix."""
    info, _, place = address.rpartition("@")
    if not (info.isascii() and info.isprintable()) or " " in info:
        raise RuleError(f"{info!r} never matches", "info is looked up without blanks")
    if place.startswith("="):
        if place[1:2] in ("", "."):
            raise RuleError(f"{address!r} never matches", "info is looked up with a whole host name only")
        return f"{info}@{host_key(place)}"
    try:
        return f"{info}@{text_of(pack(place))}"
    except ValueError:
        raise RuleError(f"{address!r} never matches", "info is looked up with one IP address or =HOST only") from None


def address_hint(text: str) -> str:
    """A hint: what the author of a text that is no address may have meant."""
    octets = text.split(".")
    if len(octets) < 4 and is_ipv4(text + PADDING[len(octets) - 1]):
        return f"for the network write {text}. or {text}{PADDING[len(octets) - 1]}/{8 * len(octets)}"
    if text != text.strip():
        return "without blanks"
    if text.endswith(":"):
        return "for an IPv6 network write its CIDR form"
    if HOST_NAME_CHARACTERS.issuperset(text) and text.strip("0123456789.-"):
        return f"for a host name write ={text}"
    return ADDRESS_FORMS


def written(key: str) -> str:
    """The address of a rule with this key. `fe80::` alone is not allowed there, because it can mean a network."""
    return f"{key}/128" if key.endswith("::") and "@" not in key else key


def rule_text(address: str, action: Action) -> str:
    """The rule in normal form: variables are in double quotes if possible."""
    words = [f"{address}:{action.outcome}"]
    for name, value in action.variables.items():
        text = (value or b"").decode("latin-1")
        quote = next((quote for quote in QUOTES if quote not in text), "\x7f")
        words.append(f"{name.decode('latin-1')}={quote}{text}{quote}")
    return ",".join(words)
