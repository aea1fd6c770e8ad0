"""The verdict of a check about a client, and the cause of the verdict.

A check loads all that it needs when it is built, and does not change afterwards. The gate asks its checks in a fixed
order, and the first DENY ends that. A check that cannot be built or evaluated raises ConfigError, and an error refuses
the client.
"""

ALLOW = "allow"
DENY = "deny"
NO_MATCH = "no match"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .actions import Actions


class Cause:
    """What decided about a client, or what is wrong: an option with its entry, or a line of a file.

    option  the name, such as --allow; empty for a file
    text    the entry of the option, or the rule as it stands in the file; empty if there is none
    file    the path; empty for an option
    line    the number; 0 if the file has no lines (a cdb that tcprules made), or if the whole file is meant
    """

    __slots__ = ("file", "line", "option", "text")

    def __init__(self, option: str = "", text: str = "", *, file: str = "", line: int = 0) -> None:
        self.option = option
        self.text = text
        self.file = file
        self.line = line

    def __str__(self) -> str:
        """`--allow 10.0.0.0/8`, as the administrator wrote it, or the place of a rule, `/etc/tcp.smtp:3`."""
        if self.file:
            return f"{self.file}:{self.line}" if self.line else self.file
        return f"{self.option} {self.text}" if self.text else self.option


class RuleWarning:
    """A part of a rules file with which a gate can work, but which an administrator may not have meant.

    cause    the option, or the file and line
    message  what happens, without the place
    hint     how to mend it; empty if no hint helps
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
    """The decision of one check, or of all checks together, about a client.

    outcome    ALLOW, DENY or NO_MATCH
    cause      what decided; None if no rule did
    reason     the cause as text for a person, without the client's address
    variables  to set (or, with None, to remove) in the server's environment, after all others
    message    the text for a refused client, empty for none
    actions    what else to do for this client, None for nothing
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
