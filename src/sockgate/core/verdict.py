"""What a check says of a client.

A check loads what it needs when it is built and does not change afterwards. The gate asks its checks in a
fixed order and the first DENY ends it. A check that cannot be built or evaluated raises ConfigError, and an
error refuses.
"""

ALLOW = "allow"
DENY = "deny"
NO_MATCH = "no match"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .actions import Actions


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
