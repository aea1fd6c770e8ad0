"""--greet-delay: a client that speaks before it is greeted is no client that anybody wants.

Where the server speaks first, as in SMTP, to wait for it is part of the protocol (RFC 5321, 4.3.1), and what sends
spam often does not. So a client that was let in waits for a while before its server starts, and is refused if it
says anything meanwhile: the pregreet test of postscreen, greetdelay of the qmail family. As with both, who may relay
is spared. Not a byte of what the client says is read: the server gets it, or nobody.
"""

import _socket

from ..core.errors import ConfigError, UsageError
from ..core.verdict import DENY, Cause, Verdict
from .banners import encode_message
from .needs import Silence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

RELAYCLIENT, GREETDELAY = b"RELAYCLIENT", b"GREETDELAY"  # the second is that of ucspi-tcp6's rblsmtpd
SHOWN = 40  # bytes of what an early talker said
SHORTEST, LONGEST = 0.1, 60.0  # seconds; a client of SMTP waits for 300 (RFC 5321, 4.5.3.2.1)


class GreetDelay:
    """
    seconds  how long a client waits, unless a rule sets GREETDELAY for it
    message  what an early talker is told, empty for the deny message
    """

    __slots__ = ("message", "seconds")

    def __init__(self, text: str) -> None:
        """Of SECONDS[,TEXT]. Raises UsageError."""
        number, comma, message = text.partition(",")
        seconds = parse_delay(number)
        if seconds is None:
            message = f"--greet-delay: {number!r} is not a number of seconds from 0.1 to 60"
            raise UsageError(message, cause=Cause("--greet-delay", text))
        self.seconds = seconds
        self.message = encode_message(message, "--greet-delay") if comma else b""

    def hold(self, verdict: Verdict, relay: str | None) -> "Generator[Silence, bytes | None, Verdict]":
        """A step of an admission. Returns the verdict again, or the one that refuses the client. Raises ConfigError."""
        seconds = self.seconds_for(verdict, relay)
        if not seconds:
            return verdict
        said = yield Silence(seconds)
        if said is None:
            return verdict
        reason = f"spoke before it was greeted: {shown(said)}" if said else "has gone before it was greeted"
        return Verdict(DENY, Cause("--greet-delay"), reason, message=self.message)

    def seconds_for(self, verdict: Verdict, relay: str | None) -> float:
        """How long the client of this verdict, whom this entry of --relay covers, waits. Raises ConfigError."""
        if relay is not None or verdict.variables.get(RELAYCLIENT) is not None:
            return 0
        own = verdict.variables.get(GREETDELAY)
        if own is None:
            return self.seconds
        if own == b"0":
            return 0
        seconds = parse_delay(own.decode("latin-1"))
        if seconds is None:
            message = f"{verdict.cause}: GREETDELAY {own!r} is not 0 or a number of seconds from 0.1 to 60"
            raise ConfigError(message, cause=verdict.cause)
        return seconds


def parse_delay(text: str) -> float | None:
    """Seconds, whole or with a decimal point; None if they are none or too many."""
    whole, _point, fraction = text.partition(".")
    if not (text.isascii() and whole.isdigit() and (fraction or "0").isdigit() and len(text) < 10):
        return None
    return float(text) if SHORTEST <= float(text) <= LONGEST else None


def first_words(descriptor: int, seconds: float) -> bytes | None:
    """The beginning of what the client says within this time, still to be read; None if it waits, b"" if it leaves."""
    connection = _socket.socket(fileno=descriptor)
    try:
        connection.settimeout(seconds)
        return connection.recv(SHOWN, _socket.MSG_PEEK)
    except TimeoutError:
        return None
    except OSError:
        return b""  # it was reset
    finally:
        connection.settimeout(None)  # the server shares it
        connection.detach()


def shown(said: bytes) -> str:
    """Its first line, for the log, which cleans it."""
    return repr(said.partition(b"\n")[0].rstrip(b"\r").decode("latin-1"))
