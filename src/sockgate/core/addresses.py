"""Lists of addresses in the forms of IPAddressAllow= and relaycheck."""

from . import Cause, UsageError
from .peer import pack

# systemd.resource-control(5), IPAddressAllow=
NAMED = {
    "any": ("0.0.0.0/0", "::/0"),
    "localhost": ("127.0.0.0/8", "::1/128"),
    "link-local": ("169.254.0.0/16", "fe80::/64"),
    "multicast": ("224.0.0.0/4", "ff00::/8"),
}

LONGEST_SHOWN = 1000  # as much as a log line takes
EMPTY_HINT = "name at least one address, or leave the option out"


Network = tuple[int, int, int]  # length of its addresses in bytes, host bits, network number


class Networks:
    """Networks with a number each. A look-up takes a step for each prefix length, however many networks there are."""

    __slots__ = ("_tables",)

    def __init__(self) -> None:
        self._tables: dict[tuple[int, int], dict[int, int]] = {}  # length and host bits -> network -> its number

    def add(self, network: Network, number: int) -> None:
        """Numbers must not fall: of two equal networks, the first counts."""
        length, host_bits, prefix = network
        self._tables.setdefault((length, host_bits), {}).setdefault(prefix, number)

    def find(self, packed: bytes) -> int | None:
        """The lowest number of a network that has this packed address. None if there is none."""
        size, value = len(packed), int.from_bytes(packed, "big")
        found = [
            table[value >> host_bits]
            for (length, host_bits), table in self._tables.items()
            if length == size and value >> host_bits in table
        ]
        return min(found) if found else None


def shortened(text: str) -> str:
    """A list for messages: one with thousands of entries would cost each refusal more than the decision."""
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."


class AddressList:
    """Addresses, networks in CIDR form and systemd's names, separated by blanks or commas.

    Host bits of a network are masked, as in systemd 252 to 257. IPv4-mapped entries count as IPv4, as everywhere in the
    gate; in systemd they match no client. With `dotted`, the prefixes of relaycheck and tcprules are also allowed:
    `192.168.0.` is 192.168.0.0/24. Any other entry raises UsageError, so that no mistake matches, or fails to match,
    without a message.

    text  the list as it was written, as far as messages show it
    """

    __slots__ = ("_entries", "_networks", "text")

    def __init__(self, text: str, option: str, *, dotted: bool = False) -> None:
        self.text = shortened(text)
        self._entries = text.replace(",", " ").split()
        self._networks = Networks()
        for number, entry in enumerate(self._entries):
            try:
                for network in NAMED.get(entry) or (entry,):
                    self._networks.add(parse_network(network, dotted=dotted), number)
            except ValueError as error:
                hint = hint_for(entry, dotted=dotted)
                raise UsageError(f"{option}: {error}", hint, Cause(option, entry)) from None
        if not self._entries:
            raise UsageError(f"{option}: the list is empty", EMPTY_HINT, Cause(option))

    def find(self, packed: bytes) -> str | None:
        """The first entry that covers this packed address, as it was written. None if there is none."""
        number = self._networks.find(packed)
        return None if number is None else self._entries[number]


def parse_network(entry: str, *, dotted: bool = False) -> Network:
    """The network of one entry. Raises ValueError."""
    if dotted and entry.endswith("."):
        entry = expand_prefix(entry)
    address, slash, bits = entry.partition("/")
    packed = pack(address)
    length = 16 if ":" in address else 4
    if slash and not (is_number(bits) and int(bits) <= length * 8):
        raise ValueError(f"{entry!r} has no valid prefix length (0 to {length * 8})")
    host_bits = length * 8 - int(bits) if slash else 0
    if len(packed) < length and host_bits > 32:
        raise ValueError(f"{entry!r} covers more than the IPv4-mapped addresses")
    return len(packed), host_bits, int.from_bytes(packed, "big") >> host_bits


def expand_prefix(entry: str) -> str:
    """`192.168.0.0/24` for `192.168.0.`: whole octets only, as tcprules and relaycheck compare them."""
    octets = entry[:-1].split(".")
    if len(octets) > 3 or not all(is_number(octet) for octet in octets):
        raise ValueError(f"{entry!r} is not a dotted prefix of one to three octets")
    return ".".join(octets + ["0"] * (4 - len(octets))) + f"/{8 * len(octets)}"


def is_number(text: str) -> bool:
    """Whether these are up to three decimal digits without a leading zero: programs read 010 as 8 or as 10."""
    return len(text) <= 3 and text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def port_number(text: str) -> int | None:
    """The number of a port, None if this text is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535 else None


def hint_for(entry: str, *, dotted: bool) -> str:
    octets = entry.removesuffix(".").split(".")
    if len(octets) < 4 and all(is_number(octet) and int(octet) < 256 for octet in octets):
        prefix = ".".join(octets) + ". or " if dotted else ""
        return "for the network write " + prefix + ".".join(octets + ["0"] * (4 - len(octets))) + f"/{8 * len(octets)}"
    return "write addresses, networks such as 192.168.0.0/24, or one of: " + " ".join(sorted(NAMED))


def inet_aton(text: str) -> int:
    """The number of an IPv4 address as inet_aton(3) reads it: one to four parts, each decimal, octal or hexadecimal.

    The last part fills all remaining octets: 192.168.10 is 192.168.0.10. Unlike the C function, it raises ValueError if
    any text follows the address.
    """
    *leading, last = text.split(".")
    number = 0
    for part in leading:
        number = number << 8 | c_integer(part, 0xFF, text)
    octets = 4 - len(leading)
    if octets < 1:
        raise ValueError(f"{text!r} is not an IPv4 address")
    return number << 8 * octets | c_integer(last, (1 << 8 * octets) - 1, text)


def c_integer(part: str, largest: int, text: str) -> int:
    """An integer as C writes it: 31, 037, 0x1f."""
    digits, base, alphabet = part, 10, "0123456789"
    if part[:2] in ("0x", "0X"):
        digits, base, alphabet = part[2:], 16, "0123456789abcdefABCDEF"
    elif part[:1] == "0":
        base, alphabet = 8, "01234567"
    # int() alone would take blanks, signs, underscores and the digits of every script.
    if not digits or digits.strip(alphabet) or int(digits, base) > largest:
        raise ValueError(f"{text!r} is not an IPv4 address")
    return int(digits, base)
