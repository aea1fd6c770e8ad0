"""What a DNS list says about a client."""

LONGEST_TEXT = 400


class Listing:
    """The answer of one list about a client.

    addresses  the A records, packed, all in 127.0.0.0/8; empty if the client is not listed
    text       the list's own text, cleaned; empty if it was not asked for, or if there is none
    problem    why the answer could not be found out
    """

    __slots__ = ("addresses", "problem", "text")

    def __init__(self, addresses: tuple[bytes, ...] = (), text: str = "", problem: str = "") -> None:
        self.addresses = addresses
        self.text = clean_text(text)
        self.problem = problem


def is_listing(address: bytes) -> bool:
    """Whether this answer means "listed". With 127.255.255.0/24 lists say that the question was not allowed."""
    return address[0] == 127 and address[:3] != b"\x7f\xff\xff"


def clean_text(text: str) -> str:
    """The text made safe for the client, the environment and the log. The owner of a list can write any text.

    Unprintable characters become `?`. `() ` at the beginning is removed, because old versions of bash took such a
    variable for a function (CVE-2014-6271).
    """
    text = "".join(character if " " <= character <= "~" else "?" for character in text[: 2 * LONGEST_TEXT])
    return text.lstrip("() ")[:LONGEST_TEXT]
