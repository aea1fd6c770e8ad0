"""The questions about a client that only the network can answer."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .peer import Peer


class Questions:
    """All questions about one client. They are asked together, under one deadline. The answers go into the peer.

    peer      the client
    by_rule   a rule may need the client's name; the rule looks it up itself, unless other questions are asked anyway
    hostname  look up the name that becomes TCPREMOTEHOST
    paranoid  use that name only if it leads back to the client's address
    ident     the seconds for the client's ident server; None if it is not asked
    zones     the DNS lists to ask, each with True if its text is wanted
    """

    __slots__ = ("by_rule", "hostname", "ident", "paranoid", "peer", "zones")

    def __init__(self, peer: "Peer") -> None:
        self.peer = peer
        self.by_rule = False
        self.hostname = False
        self.paranoid = False
        self.ident: float | None = None
        self.zones: dict[str, bool] = {}
