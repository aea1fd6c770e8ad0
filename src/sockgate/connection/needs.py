"""What an admission may need before it goes on. Imported only if an option or a limit makes it need something.

An admission may also need the answers to Questions (core/questions.py).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core import Verdict
    from ..core.peer import Peer
    from ..core.questions import Questions


class ProxyHeader:
    """Read the PROXY header at the beginning of the connection. The answer is all its bytes."""

    __slots__ = ()


class Send:
    """Send these bytes to the client, as far as it reads them. There is no answer."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class Place:
    """Give this client a place within the limits, or raise Refused. There is no answer.

    verdict  the verdict of the rules; None if it needs the answers to questions first
    """

    __slots__ = ("peer", "verdict")

    def __init__(self, peer: "Peer", verdict: "Verdict | None") -> None:
        self.peer = peer
        self.verdict = verdict


class Silence:
    """Let the client wait. The answer is None if it sends nothing, and b"" if it leaves.

    Otherwise the answer is the beginning of what it sends, which stays unread in the socket.
    """

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


if TYPE_CHECKING:
    Need = ProxyHeader | Send | Place | Questions | Silence
