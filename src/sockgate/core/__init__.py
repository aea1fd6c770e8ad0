"""The base of the lean tier, which runs once per connection: what the other rooms read.

This file has what all of them need: the verdict on a client, its cause, and the errors that can end a gate before its
server runs. They stand in one file because a second one would take 0.1 ms of each connection.

Library code raises. Only `main()` of a program prints and exits. The exit codes are those of the UCSPI tools (100
permanent, 111 temporary; ucspi-tcp 0.88, strerr.h) and of the shell (126, 127).

Start-up time matters here, so these modules import only `sys posix errno time _socket _signal` and each other. `posix`
and `_socket` are the C halves of `os` and `socket`. On Python 3.11, `os` takes 0.9 ms and `socket` 4.9 ms, and the
budget is 2 ms (see `make bench-gate`). tests/test_import_law.py checks the imports.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .actions import Actions

ALLOW = "allow"
DENY = "deny"
NO_MATCH = "no match"

NUL_IN_NAME = "embedded null byte"  # the reason for a name that no file can have; each Python has its own words
REFUSED = 0  # a refusal is not a failure of the gate: scanners must not fill `systemctl --failed`
INTERNAL_ERROR = 111


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


class GateError(Exception):
    """A failure with a one-line message.

    hint   how to mend it; empty if no hint helps
    cause  the option, or the file and line, that the failure is about; None if there is none
    """

    code = 111

    def __init__(self, message: str, hint: str = "", cause: Cause | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(GateError):
    """The command line is wrong, or the gate was started in a wrong way."""

    code = 100


class DatagramSocket(UsageError):
    """Descriptor 0 is a datagram socket, which has senders instead of a peer."""


class ConfigError(GateError):
    """Something that the options name cannot be read, parsed or decided. The connection is refused."""

    code = 100


class SystemFailure(GateError):
    """A system call failed unexpectedly. It may work later."""

    code = 111


class ServerUnusable(GateError):
    """The server exists but cannot be executed."""

    code = 126


class ServerMissing(GateError):
    """The server does not exist."""

    code = 127


class Refused(Exception):
    """A client is refused outside the access checks. (A check returns a Verdict and does not raise this.)"""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


class PeerGone(Exception):
    """The client left before its address could be read. This is a normal end, not a failure."""


def describe(error: Exception) -> str:
    """An unexpected exception in one line, with the place that it came from."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})" if trace else ""
    return f"{type(error).__name__}: {error}{place}"
