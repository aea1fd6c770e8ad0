"""What can end a gate before its server runs, each with the exit code that systemd sees.

Library code raises; only `main()` of a program prints and exits. The codes are those of the UCSPI tools
(100 permanent, 111 temporary; ucspi-tcp 0.88, strerr.h) and of the shell (126, 127).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .verdict import Cause

REFUSED = 0  # to refuse is the gate's work, not its failure: scanners must not fill `systemctl --failed`
INTERNAL_ERROR = 111


class GateError(Exception):
    """A failure with a one-line message.

    hint   what mends it; empty where no hint helps
    cause  the option, or the file and line, that it is about; None if it is about neither
    """

    code = 111

    def __init__(self, message: str, hint: str = "", cause: "Cause | None" = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(GateError):
    """The command line, or how the gate was started, is wrong."""

    code = 100


class DatagramSocket(UsageError):
    """Descriptor 0 is a datagram socket, which has senders instead of a peer."""


class ConfigError(GateError):
    """Something that the options name cannot be read, parsed or decided: the connection is refused."""

    code = 100


class SystemFailure(GateError):
    """A system call failed that should not have; trying again later may work."""

    code = 111


class ServerUnusable(GateError):
    """The server exists but cannot be executed."""

    code = 126


class ServerMissing(GateError):
    """There is no such server."""

    code = 127


class Refused(Exception):
    """A client is refused before the access checks, which return a Verdict instead of raising."""

    def __init__(self, cause: "Cause", reason: str) -> None:
        super().__init__(reason)
        self.cause = cause
        self.reason = reason


class PeerGone(Exception):
    """The client went away before it could be identified: a normal end, not a failure."""


def describe(error: Exception) -> str:
    """An unexpected exception in one line, with the place that it came from."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})" if trace else ""
    return f"{type(error).__name__}: {error}{place}"
