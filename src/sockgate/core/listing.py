"""What a DNS list says of a client."""

LONGEST_TEXT = 400


class Listing:
    """What one list says of a client.

    addresses  the A records, packed, all of them in 127.0.0.0/8; none if it is not listed
    text       the list's own text, cleaned; empty if it was not asked for, or there is none
    problem    why that could not be found out
    """

    __slots__ = ("addresses", "problem", "text")

    def __init__(self, addresses: tuple[bytes, ...] = (), text: str = "", problem: str = "") -> None:
        self.addresses = addresses
        self.text = clean_text(text)
        self.problem = problem


def is_listing(address: bytes) -> bool:
    """Whether a list may answer this. 127.255.255.0/24 is how lists say that the question was not allowed."""
    return address[0] == 127 and address[:3] != b"\x7f\xff\xff"


def clean_text(text: str) -> str:
    """Safe as a line to the client, in the environment and in a log: a list's owner may write what he likes.

    Nothing unprintable, and not the beginning by which bash once took a variable for a function (CVE-2014-6271).
    """
    text = "".join(character if " " <= character <= "~" else "?" for character in text[: 2 * LONGEST_TEXT])
    return text.lstrip("() ")[:LONGEST_TEXT]
