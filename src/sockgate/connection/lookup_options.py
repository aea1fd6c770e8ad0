"""--hostname, --paranoid, --ident, --dnsbl: the questions about each client. resolve/ asks them.

This module is imported only if one of these options is given.
"""

from ..core import Cause, UsageError
from ..core.host_names import is_host_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..access.dnsbl import DnsLists
    from ..core import Verdict
    from ..core.options import Settings
    from ..core.peer import Peer
    from ..core.questions import Questions


class LookUps:
    """The options about look-ups. Raises UsageError for options that do not fit together.

    hostname   whether the client's name becomes TCPREMOTEHOST
    paranoid   whether the name must lead back to the client's address
    ident      the seconds for the answer of its ident server, within --timeout; None if the server is not asked
    lists      the DNS lists, None if there are none
    """

    __slots__ = ("hostname", "ident", "lists", "paranoid")

    def __init__(self, settings: "Settings") -> None:
        self.hostname = settings.hostname
        self.paranoid = settings.paranoid
        self.ident = settings.timeout if settings.ident == 0 else settings.ident
        self.lists = dns_lists(settings)
        if self.paranoid and not self.hostname:
            raise UsageError(
                "--paranoid is about the name that --hostname looks up", "add --hostname", Cause("--paranoid")
            )

    def identifies(self, peer: "Peer") -> bool:
        """Whether a name or a user of this client is looked up. Rules can match both."""
        return (self.hostname or self.ident is not None) and bool(peer.remote)

    def questions(self, peer: "Peer", verdict: "Verdict", relay: str | None) -> "Questions | None":
        """The questions about a client with this verdict so far and this entry of --relay. None if there are none."""
        zones = self.lists.zones(peer, verdict.variables, relay) if self.lists is not None else {}
        if not zones and not self.identifies(peer):
            return None
        from ..core.questions import Questions

        questions = Questions(peer)
        questions.hostname, questions.paranoid, questions.ident = self.hostname, self.paranoid, self.ident
        questions.zones = zones
        return questions


def dns_lists(settings: "Settings") -> "DnsLists | None":
    if "--dnsbl" in settings:
        from ..access.dnsbl import DnsLists

        return DnsLists(settings.dnsbl, settings.dnsbl_allow, settings.dnsbl_fail or "open")
    for option in ("--dnsbl-allow", "--dnsbl-fail"):
        if option in settings:
            raise UsageError(f"{option} is about the lists of --dnsbl, and there are none", cause=Cause(option))
    return None


def parse_host_name(text: str, option: str) -> str:
    """--local-name, in place of a look-up. Raises UsageError."""
    if not text.isascii() or not is_host_name(text.lower()):
        raise UsageError(f"{option}: {text!r} is not a host name", cause=Cause(option, text))
    return text
