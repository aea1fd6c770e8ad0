"""What an admission may need before it goes on. Loaded only where an option or a limit makes it need something.

Beside these, an admission may need the answers to Questions (core/questions.py).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.peer import Peer
    from ..core.questions import Questions
    from ..core.verdict import Verdict


class ProxyHeader:
    """All bytes of the PROXY header that the client's connection begins with. They are the answer."""

    __slots__ = ()


class Send:
    """Send these bytes to the client, as far as it takes them. No answer."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class Place:
    """Count this client, as the limits allow it. No answer.

    verdict  what the rules say of the client; None where that is not known before it was asked about
    """

    __slots__ = ("peer", "verdict")

    def __init__(self, peer: "Peer", verdict: "Verdict | None") -> None:
        self.peer = peer
        self.verdict = verdict


class Silence:
    """Let the client wait. The answer is None if it says nothing; else the beginning of what it says, still unread, or
    nothing (b"") if it leaves."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


if TYPE_CHECKING:
    Need = ProxyHeader | Send | Place | Questions | Silence
