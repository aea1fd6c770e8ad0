"""Verdicts, and the check behind --allow and --deny.

A check loads what it needs when it is built and does not change afterwards. The gate asks its checks in a
fixed order and the first DENY ends it. A check that cannot be built or evaluated raises ConfigError, and an
error refuses.
"""

from .addresses import AddressList
from .peer import Peer

ALLOW = "allow"
DENY = "deny"
NO_MATCH = "no match"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .hosts_options import Actions


class Verdict:
    """What one check, or all of them together, say of a peer.

    outcome    ALLOW, DENY or NO_MATCH
    rule       what decided, as the administrator wrote it: an option with its entry, or file:line
    text       the rule as it stands in that file; empty for an option
    reason     the same for a person, without the peer's address
    variables  set (or, with None, unset) in the server's environment, last and strongest
    message    sent to a refused client, if not empty
    actions    what else to do with this client, None if nothing
    """

    __slots__ = ("actions", "message", "outcome", "reason", "rule", "text", "variables")

    def __init__(
        self,
        outcome: str,
        rule: str = "",
        reason: str = "",
        *,
        text: str = "",
        variables: "dict[bytes, bytes | None] | None" = None,
        message: bytes = b"",
        actions: "Actions | None" = None,
    ) -> None:
        self.outcome = outcome
        self.rule = rule
        self.text = text
        self.reason = reason
        self.variables = variables or {}
        self.message = message
        self.actions = actions


class AddressAccess:
    """--allow and --deny: the verdicts of IPAddressAllow= and IPAddressDeny= (systemd.resource-control(5)).

    An address in the allow list is let in; else one in the deny list is refused; else it is let in. One thing
    differs on purpose: an allow list alone refuses everybody else, where systemd would let them in.
    A peer without an address (AF_UNIX) is in no list.
    """

    __slots__ = ("_allow", "_deny", "files", "needs_process")
    by_name = False
    lasting = True

    def __init__(self, allow: str, deny: str) -> None:
        self.files: tuple[str, ...] = ()
        self.needs_process = False
        self._allow = AddressList(allow, "--allow") if allow else None
        self._deny = AddressList(deny, "--deny") if deny else None

    def decide(self, peer: Peer, considered: list[str] | None = None) -> Verdict:
        for option, addresses, outcome in (("--allow", self._allow, ALLOW), ("--deny", self._deny, DENY)):
            if addresses is None:
                continue
            entry = addresses.find(peer.remote)
            if entry:
                return Verdict(outcome, f"{option} {entry}", f"in {option} {entry}")
            if considered is not None:
                considered.append(f"{option} {addresses.text}: no entry covers {peer.remote_ip}")
        if self._allow and not self._deny:
            return Verdict(DENY, f"--allow {self._allow.text}", f"not in --allow {self._allow.text}")
        return Verdict(NO_MATCH)
