"""What a DNS list says about a client (RFC 5782)."""

from ..core.listing import Listing, is_listing
from ..core.peer import text_of
from .dns_client import Server, records_of
from .dns_message import TXT, A, Malformed, read_text
from .tasks import NotThere, Unable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .tasks import Task


def listing_of(packed: bytes, zone: str, servers: list[Server], *, text: bool) -> "Task[Listing]":
    """Ask for the address. If it is listed and `text` is wanted, also ask for the list's reason."""
    name = f"{reversed_address(packed)}.{zone}"
    try:
        addresses = yield from records_of(name, A, servers)
    except NotThere:
        return Listing()
    except Unable as error:
        return Listing(problem=str(error))
    for address in addresses:
        if len(address) != 4 or not is_listing(address):
            shown = text_of(address) if len(address) == 4 else "nonsense"
            return Listing(problem=f"it answers {shown}, which is no listing")
    return Listing(tuple(addresses), (yield from reason_of(name, servers)) if text else "")


def reason_of(name: str, servers: list[Server]) -> "Task[str]":
    """The text record. Empty if there is none, or if it does not come in time: the client is listed in any case."""
    try:
        records = yield from records_of(name, TXT, servers)
        return read_text(records[0]).decode("latin-1")
    except (NotThere, Unable, Malformed):
        return ""


def reversed_address(packed: bytes) -> str:
    """1.2.0.192 for 192.0.2.1, and the nibbles of an IPv6 address, the last one first."""
    if len(packed) == 4:
        return ".".join(str(octet) for octet in reversed(packed))
    return ".".join(reversed(packed.hex()))
