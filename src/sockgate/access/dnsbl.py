"""--dnsbl, --dnsbl-allow, --dnsbl-fail: what happens to a client that is in a DNS list (RFC 5782).

The variables are those of couriertcpd's -block and -allow, or that of rblsmtpd if the variable is RBLSMTPD.
resolve/dns_lists.py asks the lists, and `Peer.listings` has the answers.
"""

from ..core import DENY, NO_MATCH, Cause, UsageError, Verdict
from ..core.addresses import AddressList
from ..core.host_names import HOST_NAME_CHARACTERS, LONGEST_NAME
from ..core.listing import LONGEST_TEXT, Listing, is_listing
from ..core.options import to_bytes
from ..core.peer import Peer, pack

FORM = "write --dnsbl ZONE[/127.0.0.N][,VAR[,TEXT]]"
CHOICES = ("open", "closed")
LONGEST_ZONE = LONGEST_NAME - 64  # the name before the zone has 32 nibbles of an IPv6 address, each with a dot
RELAYCLIENT = b"RELAYCLIENT"
EXEMPTING = (b"BLOCK", b"RBLSMTPD")  # if a rule sets one to "", rblsmtpd and Courier do not block
TEMPORARY = b"451 4.7.1 Your address cannot be checked at the moment, try again later\r\n"

# Addresses that are not public. A list cannot know them, and must not learn them from a question.
NOT_PUBLIC = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 224.0.0.0/3 "
    "::/127 fc00::/7 fe80::/9 ff00::/8"
)


class DnsList:
    """One --dnsbl or --dnsbl-allow.

    zone      the zone in lower case, without a final dot
    code      the only A record that counts, packed; empty if any counts
    variable  the variable to set for a listed client; empty if the client is refused
    text      the text for that variable or that client, with `@` for its address and `*` for the list's own text
    """

    __slots__ = ("code", "text", "variable", "zone")

    def __init__(self, value: str, option: str = "--dnsbl") -> None:
        listed, _, rest = value.partition(",")
        variable, _, text = rest.partition(",")
        zone, slash, code = listed.partition("/")
        self.zone = zone.lower().removesuffix(".")
        self.code = parse_code(code, value, option) if slash else b""
        self.variable = to_bytes(variable)
        self.text = text
        cause = Cause(option, value)
        if not is_zone(self.zone):
            raise UsageError(f"{option}: {zone!r} is not the name of a zone", FORM, cause)
        if variable and not (variable.isascii() and variable.isidentifier()):
            raise UsageError(f"{option}: {variable!r} is not the name of a variable", FORM, cause)
        if not text.isprintable() or len(text) > LONGEST_TEXT:
            raise UsageError(f"{option}: {text!r} is not a line of at most {LONGEST_TEXT} characters", cause=cause)

    @property
    def wants_text(self) -> bool:
        return "*" in self.text or bool(self.variable and not self.text)

    def has(self, listing: Listing) -> bool:
        return self.code in listing.addresses if self.code else bool(listing.addresses)

    def words(self, peer: Peer, listing: Listing) -> str:
        """The text about this client. Empty if the client is refused and no text was given."""
        if not self.text and not self.variable:
            return ""
        text = (self.text or "*").replace("@", peer.remote_ip or "", 1)
        return text.replace("*", listing.text or f"Blacklisted by {self.zone}", 1)

    def variables(self, peer: Peer, listing: Listing) -> "dict[bytes, bytes | None]":
        """The variables of couriertcpd: the variable itself, and those that name its origin."""
        values = {self.variable: self.words(peer, listing).encode()} | origin(self.variable, self, listing)
        if listing.text:
            values[self.variable + b"_TXT"] = listing.text.encode()
        return values


class DnsLists:
    """All --dnsbl and --dnsbl-allow of a gate. Raises UsageError."""

    __slots__ = ("_closed", "_not_public", "allowing", "blocking")

    def __init__(self, blocking: list[str], allowing: list[str], fail: str) -> None:
        if fail not in CHOICES:
            cause = Cause("--dnsbl-fail", fail)
            raise UsageError(f"--dnsbl-fail: {fail!r} is neither open nor closed", cause=cause)
        self.blocking = [DnsList(value) for value in blocking]
        self.allowing = [allow_list(value) for value in allowing]
        self._closed = fail == "closed"
        self._not_public = AddressList(NOT_PUBLIC, "--dnsbl")

    def exempt(self, peer: Peer, variables: "dict[bytes, bytes | None]", relay: str | None) -> str:
        """Why no list is asked about this client. Empty if the lists are asked."""
        if not peer.remote:
            return "it has no address"
        if relay is not None:
            return f"--relay {relay} has it"
        if variables.get(RELAYCLIENT) is not None:
            return "its rule sets RELAYCLIENT"
        return "its address is not a public one" if self._not_public.find(peer.remote) else ""

    def zones(self, peer: Peer, variables: "dict[bytes, bytes | None]", relay: str | None) -> dict[str, bool]:
        """The zones to ask, each with True if its text is wanted."""
        if self.exempt(peer, variables, relay):
            return {}
        zones: dict[str, bool] = {}
        for entry in self.blocking:
            if not settled(entry, variables):
                zones[entry.zone] = zones.get(entry.zone, False) or entry.wants_text
        if zones:
            for entry in self.allowing:
                zones.setdefault(entry.zone, False)
        return zones

    def decide(
        self, peer: Peer, variables: "dict[bytes, bytes | None]", relay: str | None, considered: list[str] | None
    ) -> Verdict:
        """A refusal, or NO_MATCH with the variables to set in addition to those of the rules.

        A list that was not asked (a rule has set its variable, or this is `explain`) does not count.
        """
        exempt = self.exempt(peer, variables, relay)
        if exempt:
            self._report(f"is asked about this client: {exempt}", considered)
            return Verdict(NO_MATCH)
        for entry in self.allowing:
            listing = self._answer(entry, peer, considered)
            if entry.has(listing):
                return Verdict(NO_MATCH, Cause("--dnsbl-allow", entry.zone), variables=self._allowed_by(entry, listing))
        failed = self._closed and first_failure(self.allowing, peer)
        found: dict[bytes, bytes | None] = {}
        for entry in self.blocking:
            listing = self._answer(entry, peer, considered)
            if entry.variable in found or settled(entry, variables) or not entry.has(listing):
                continue
            if failed:  # an allow list did not answer, and may have this client
                return failed
            if not entry.variable:
                return refusal(entry, peer, listing)
            found |= entry.variables(peer, listing)
        failed = self._closed and first_failure(self.blocking, peer)
        return failed or Verdict(NO_MATCH, variables=found)

    def _allowed_by(self, entry: DnsList, listing: Listing) -> "dict[bytes, bytes | None]":
        """The variables that couriertcpd's -allow sets, for each variable of a --dnsbl."""
        values: dict[bytes, bytes | None] = {}
        names = dict.fromkeys(other.variable for other in self.blocking if other.variable)
        for number, name in enumerate(names):
            values |= {name: b"", b"ALLOW_%d" % number: name} | origin(name, entry, listing)
        return values

    def _answer(self, entry: DnsList, peer: Peer, considered: list[str] | None) -> Listing:
        listing = peer.listings.get(entry.zone)
        if considered is not None and not (listing and entry.has(listing)):
            why = "was not asked" if listing is None else listing.problem or "does not have this client"
            considered.append(f"DNS list {entry.zone}: {why}")
        return listing or Listing()

    def _report(self, text: str, considered: list[str] | None) -> None:
        if considered is not None:
            considered.append(f"DNS lists: none {text}")


def origin(variable: bytes, entry: DnsList, listing: Listing) -> "dict[bytes, bytes | None]":
    """The variables that name the origin of a variable: the answer and the zone."""
    return {
        variable + b"_IP": ".".join(map(str, entry.code or listing.addresses[0])).encode(),
        variable + b"_ZONE": entry.zone.encode(),
    }


def settled(entry: DnsList, variables: "dict[bytes, bytes | None]") -> bool:
    """Whether a rule has already decided what this list is asked: by its variable, or by one that exempts a client."""
    if entry.variable:
        return entry.variable in variables
    return any(variables.get(name) == b"" for name in EXEMPTING)


def refusal(entry: DnsList, peer: Peer, listing: Listing) -> Verdict:
    words = entry.words(peer, listing)
    code = ".".join(map(str, entry.code or listing.addresses[0]))
    reason = f"in the DNS list {entry.zone} ({code})"
    return Verdict(DENY, Cause("--dnsbl", entry.zone), reason, message=f"{words}\r\n".encode() if words else b"")


def first_failure(entries: list[DnsList], peer: Peer) -> Verdict | None:
    """The refusal of --dnsbl-fail closed if one of these lists gave no answer, else None."""
    for entry in entries:
        listing = peer.listings.get(entry.zone)
        if listing and listing.problem:
            reason = f"no answer from the DNS list {entry.zone}: {listing.problem}"
            return Verdict(DENY, Cause("--dnsbl-fail", "closed"), reason, message=TEMPORARY)
    return None


def allow_list(value: str) -> DnsList:
    if "," in value:
        cause = Cause("--dnsbl-allow", value)
        raise UsageError(f"--dnsbl-allow: {value!r} is not ZONE or ZONE/127.0.0.N", cause=cause)
    return DnsList(value, "--dnsbl-allow")


def parse_code(text: str, value: str, option: str) -> bytes:
    try:
        code = pack(text)
    except ValueError:
        code = b""
    if len(code) != 4 or not is_listing(code):
        raise UsageError(
            f"{option}: {value!r} has no answer of a DNS list behind the slash", FORM, Cause(option, value)
        )
    return code


def is_zone(name: str) -> bool:
    labels = name.split(".")
    return len(name) <= LONGEST_ZONE and all(
        0 < len(label) < 64 and HOST_NAME_CHARACTERS.issuperset(label) for label in labels
    )
