"""What a check says of a client, and what made it say so.

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


class Cause:
    """What decided about a client, or what is wrong: an option with its entry, or a line of a file.

    option  such as --allow; empty for a file
    text    the entry of the option, or the rule as it stands in the file; empty if the cause has none
    file    the path; empty for an option
    line    its number; 0 where the file has no lines (a cdb that tcprules made), or the whole file is meant
    """

    __slots__ = ("file", "line", "option", "text")

    def __init__(self, option: str = "", text: str = "", *, file: str = "", line: int = 0) -> None:
        self.option = option
        self.text = text
        self.file = file
        self.line = line

    def __str__(self) -> str:
        """As the administrator wrote it, `--allow 10.0.0.0/8`, or where it stands, `/etc/tcp.smtp:3`."""
        if self.file:
            return f"{self.file}:{self.line}" if self.line else self.file
        return f"{self.option} {self.text}" if self.text else self.option


class RuleWarning:
    """A part of a rules file that a gate can work with, but that an administrator may not have meant.

    cause    the option, or the file and line, that it is about
    message  what happens, without the place
    hint     what mends it; empty where no hint helps
    """

    __slots__ = ("cause", "hint", "message")

    def __init__(self, cause: Cause, message: str, hint: str = "") -> None:
        self.cause = cause
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.cause}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


class Verdict:
    """What one check, or all of them together, say of a peer.

    outcome    ALLOW, DENY or NO_MATCH
    cause      what decided; None if nothing did
    reason     the same for a person, without the peer's address
    variables  set (or, with None, unset) in the server's environment, last and strongest
    message    sent to a refused client, if not empty
    actions    what else to do with this client, None if nothing
    """

    __slots__ = ("actions", "cause", "message", "outcome", "reason", "variables")

    def __init__(
        self,
        outcome: str,
        cause: Cause | None = None,
        reason: str = "",
        *,
        variables: "dict[bytes, bytes | None] | None" = None,
        message: bytes = b"",
        actions: "Actions | None" = None,
    ) -> None:
        self.outcome = outcome
        self.cause = cause
        self.reason = reason
        self.variables = variables or {}
        self.message = message
        self.actions = actions
