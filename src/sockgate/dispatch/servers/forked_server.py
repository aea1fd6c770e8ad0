"""What a child of our own does before it becomes the server: all that would hold up the accept loop.

The steps are those of `sockgate` (shim.py).
"""

import os
import signal
from collections.abc import Callable

from ...connection.admission import admission, advance
from ...connection.banners import say_last_words, send
from ...connection.blocking import Blocking
from ...connection.log import write_line
from ...connection.needs import Place
from ...core.errors import INTERNAL_ERROR, REFUSED, GateError, describe
from ...core.verdict import DENY, Verdict
from ..deciding.decision import Decision
from ..records.records import Records
from ..sessions.admitted_client import Client
from ..sessions.sessions import Session
from ..signals import forget as forget_signals
from ..signals import hold, release
from .child_channel import Parent
from .descriptors import take_over
from .vfork_server import OVERLOADED, Overloaded

RESET_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


def fork(work: Callable[[], int]) -> int:
    """Do this in a child, which ends with the exit code that comes of it. Returns its pid, or raises Overloaded."""
    hold()
    try:
        pid = os.fork()
    except OSError as error:
        release()
        if error.errno in OVERLOADED:
            raise Overloaded(f"unable to start a process: {error.strerror}") from None
        raise
    if pid:
        release()
        return pid
    code = INTERNAL_ERROR
    try:
        forget_signals()
        os.setpgid(0, 0)
        for number in RESET_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        release()
        code = work()
    except Exception as error:  # a fault of ours costs this client, and does not go unsaid
        write_line(f"sockgated: internal error: {describe(error)}")
    finally:
        os._exit(code)


def serve(client: Client, decision: Decision, records: Records) -> int:
    """Become the server of a client that was decided about. Returns an exit code if that is not possible."""
    records.forget()
    take_over(client.connection)
    return become_server(client, decision, records)


def become_server(client: Client, decision: Decision, records: Records) -> int:
    """Its connection is on descriptor 0."""
    session, gate = client.session, client.rules.gate
    send(0, client.unsent)
    try:
        environment = decision.template.environment(session.peer.remote_port, session.number)
        gate.server.run(environment, decision.verdict.actions)
    except GateError as error:
        records.failed(session.peer, error)
        say_last_words(0, gate.refusal(Verdict(DENY)))
        records.flush()
        return error.code


class Counted(Blocking):
    """The driver of a child, whose parent counts the clients."""

    def __init__(self, seconds: float, session: Session, parent: Parent) -> None:
        super().__init__(0, seconds)
        self._session = session
        self._parent = parent

    def take_place(self, need: Place) -> None:
        self._session.peer = need.peer
        self._parent.admit(self._session)


def ask_and_serve(client: Client, parent: Parent, records: Records) -> int:
    """Find out who the client is, decide, and become its server; or tell it that it may not come in."""
    records.forget()
    take_over(client.connection)
    session, gate = client.session, client.rules.gate
    machine = admission(gate, session.peer, counted=True)
    outcome = Counted(gate.timeout, session, parent).finish(machine, advance(machine))
    session.peer = outcome.peer
    if outcome.admitted:
        decision = client.rules.decided(session.peer, outcome.verdict)
        records.accepted(session, decision)
        records.announce(everybody=True)
        records.send()
        return become_server(client._replace(unsent=outcome.words), decision, records)
    if outcome.error is None:
        records.refused(session.peer, outcome.verdict)
    else:
        records.failed(session.peer, outcome.error)
    say_last_words(0, outcome.words)
    parent.turned_away()
    records.flush()
    return REFUSED
