"""The driver that waits: it meets each need of an admission on the client's own socket."""

import _socket
import time

from ..core import GateError, Refused
from ..core.questions import Questions
from .admission import Outcome, advance
from .needs import Place, ProxyHeader, Send, Silence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .admission import Admission, Answer
    from .needs import Need


class Blocking:
    """The driver of one connection. `seconds` is the time for all that must be learned about the client."""

    def __init__(self, descriptor: int, seconds: float) -> None:
        self._descriptor = descriptor
        self._deadline = time.monotonic() + seconds

    def finish(self, machine: "Admission", need: "Need | Outcome") -> Outcome:
        """Run the machine, which has this need now, to its outcome."""
        while not isinstance(need, Outcome):
            answer: Answer | Refused | GateError
            try:
                answer = self.meet(need)
            except (Refused, GateError) as problem:
                answer = problem
            need = advance(machine, answer)
        return need

    def meet(self, need: "Need") -> "Answer":
        """The answer. Raises Refused or GateError."""
        if isinstance(need, Questions):
            self._look_up(need)
        elif isinstance(need, Send):
            self.send(need.data)
        elif isinstance(need, ProxyHeader):
            return self._read_header()
        elif isinstance(need, Silence):
            return self._wait(need.seconds)
        elif isinstance(need, Place):
            self.take_place(need)
        return None

    def send(self, data: bytes) -> None:
        from .banners import send

        send(self._descriptor, data)

    def take_place(self, need: Place) -> None:
        """Always grants the place: this driver has no limits."""

    def _look_up(self, questions: Questions) -> None:
        from ..resolve import look_up

        look_up(questions, self._deadline)

    def _read_header(self) -> bytes:
        from .proxy import read_header

        connection = _socket.socket(fileno=self._descriptor)
        try:
            return read_header(connection, self._deadline)
        finally:
            connection.detach()

    def _wait(self, seconds: float) -> bytes | None:
        from .greet_delay import first_words

        return first_words(self._descriptor, seconds)
