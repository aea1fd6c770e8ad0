"""--greet-delay: refuse a client that sends something before the server has greeted it.

In SMTP the server speaks first, and a client must wait for it (RFC 5321, 4.3.1). Software that sends spam often does
not wait. So a client that was let in waits for some time before its server starts. It is refused if it sends something
during that time. postscreen's pregreet test and greetdelay of the qmail family do the same. As with both, clients that
may relay do not wait. The gate reads none of the client's bytes, so the server gets all of them.
"""

import _socket

from ..core import DENY, Cause, ConfigError, UsageError, Verdict
from ..core.options import decimal
from .banners import encode_message
from .needs import Silence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

RELAYCLIENT, GREETDELAY = b"RELAYCLIENT", b"GREETDELAY"  # the second is that of ucspi-tcp6's rblsmtpd
SHOWN = 40  # bytes of the client's early words, for the log
SHORTEST, LONGEST = 0.1, 60.0  # seconds; a client of SMTP waits for 300 (RFC 5321, 4.5.3.2.1)


class GreetDelay:
    """The value of the option.

    seconds  the delay for a client, unless a rule sets GREETDELAY for it
    message  the text for a client that speaks too early, empty for the deny message
    quotes   whether the log may have the words of the client, in which it often names itself
    """

    __slots__ = ("message", "quotes", "seconds")

    def __init__(self, seconds: float, message: bytes, *, quotes: bool = True) -> None:
        self.seconds = seconds
        self.message = message
        self.quotes = quotes

    def wait_for_silence(self, verdict: Verdict, relay: str | None) -> "Generator[Silence, bytes | None, Verdict]":
        """A step of an admission. Returns the verdict again, or the one that refuses the client. Raises ConfigError."""
        seconds = self.seconds_for(verdict, relay)
        if not seconds:
            return verdict
        said = yield Silence(seconds)
        if said is None:
            return verdict
        reason = f"spoke before it was greeted{self._quoted(said)}" if said else "has gone before it was greeted"
        return Verdict(DENY, Cause("--greet-delay"), reason, message=self.message)

    def _quoted(self, said: bytes) -> str:
        return f": {shown(said)}" if self.quotes else ""

    def seconds_for(self, verdict: Verdict, relay: str | None) -> float:
        """The delay for a client with this verdict and this entry of --relay (or None). Raises ConfigError."""
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


def parse_greet_delay(text: str, option: str) -> tuple[float, bytes]:
    """Seconds and message of SECONDS[,TEXT]. Raises UsageError."""
    number, comma, message = text.partition(",")
    seconds = parse_delay(number)
    if seconds is None:
        reason = f"{option}: {number!r} is not a number of seconds from 0.1 to 60"
        raise UsageError(reason, cause=Cause(option, text))
    return seconds, encode_message(message, option) if comma else b""


def parse_delay(text: str) -> float | None:
    """Seconds, whole or with a decimal point. None if the text is no number or the number is out of range."""
    seconds = decimal(text) if len(text) < 10 else None
    return seconds if seconds is not None and SHORTEST <= seconds <= LONGEST else None


def first_words(descriptor: int, seconds: float) -> bytes | None:
    """The first bytes that the client sends within this time. None if it waits, b"" if it leaves.

    The bytes stay in the socket, for the server.
    """
    connection = _socket.socket(fileno=descriptor)
    try:
        connection.settimeout(seconds)
        return connection.recv(SHOWN, _socket.MSG_PEEK)
    except TimeoutError:
        return None
    except OSError:
        return b""  # the client has reset the connection
    finally:
        connection.settimeout(None)  # the server shares it
        connection.detach()


def shown(said: bytes) -> str:
    """The first line of these bytes, quoted, for the log."""
    return repr(said.partition(b"\n")[0].rstrip(b"\r").decode("latin-1"))
