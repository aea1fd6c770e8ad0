"""The errors that can end a gate before its server runs, each with the exit code that systemd sees.

Library code raises. Only `main()` of a program prints and exits. The codes are those of the UCSPI tools (100 permanent,
111 temporary; ucspi-tcp 0.88, strerr.h) and of the shell (126, 127).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .verdict import Cause

REFUSED = 0  # a refusal is not a failure of the gate: scanners must not fill `systemctl --failed`
INTERNAL_ERROR = 111


class GateError(Exception):
    """A failure with a one-line message.

    hint   how to mend it; empty if no hint helps
    cause  the option, or the file and line, that the failure is about; None if there is none
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
    """The command line is wrong, or the gate was started in a wrong way."""

    code = 100


class DatagramSocket(UsageError):
    """Descriptor 0 is a datagram socket, which has senders instead of a peer."""


class ConfigError(GateError):
    """Something that the options name cannot be read, parsed or decided. The connection is refused."""

    code = 100


class PassingError(ConfigError):
    """A file could not be read for a reason that is not in the file and may pass: want of descriptors, a bad moment."""


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

    def __init__(self, cause: "Cause", reason: str) -> None:
        super().__init__(reason)
        self.cause = cause
        self.reason = reason


class PeerGone(Exception):
    """The client left before its address could be read. This is a normal end, not a failure."""


def describe(error: Exception) -> str:
    """An unexpected exception in one line, with the place that it came from."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})" if trace else ""
    return f"{type(error).__name__}: {error}{place}"
