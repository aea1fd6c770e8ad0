"""What only the network can tell about a client: one question for each thing that is asked."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .peer import Peer


class Questions:
    """All that is asked about one client, at the same time and under one deadline. The answers go into the peer.

    peer      the client
    by_rule   a rule may need the client's name: the rule asks for it, unless something else is asked anyway
    hostname  ask for the name that becomes TCPREMOTEHOST
    paranoid  and use it only if it leads back to the client's address
    ident     seconds that the client's ident server has; None if it is not asked
    zones     the DNS lists to ask, each with whether its text is wanted
    """

    __slots__ = ("by_rule", "hostname", "ident", "paranoid", "peer", "zones")

    def __init__(self, peer: "Peer") -> None:
        self.peer = peer
        self.by_rule = False
        self.hostname = False
        self.paranoid = False
        self.ident: float | None = None
        self.zones: dict[str, bool] = {}
