"""Host names that a child has looked up a short time ago: a client that comes again then needs no child.

Without them, each client takes two processes for its name, which cost ten times as much as the rest.
"""

from time import monotonic

from ...core.questions import Questions

SECONDS = 60.0  # for which a name is believed; the C library does not tell how long the name server would have it
MOST = 1000  # addresses


class KnownNames:
    """The names of addresses, as TCPREMOTEHOST has them."""

    def __init__(self) -> None:
        self._names: dict[bytes, tuple[float, str]] = {}  # until when, and the name; "" if there is none

    def answer(self, questions: Questions) -> bool:
        """Put the name into the client. Returns whether that answers all questions."""
        peer = questions.peer
        until, name = self._names.get(peer.remote, (0.0, ""))
        if until <= monotonic() or not asks_for_name_alone(questions):
            return False
        peer.host = name or None
        return True

    def keep(self, address: bytes, name: str) -> None:
        self._names.pop(address, None)
        if len(self._names) >= MOST:
            del self._names[next(iter(self._names))]  # the oldest
        self._names[address] = monotonic() + SECONDS, name


def asks_for_name_alone(questions: Questions) -> bool:
    return questions.hostname and not (questions.by_rule or questions.zones) and questions.ident is None
