"""What a child of our own does before it becomes the server: all that would hold up the accept loop.

The steps are those of `sockgate` (shim.py).
"""

import os
import signal
from collections.abc import Callable

from ...connection.log import write_line
from ...core.errors import GateError, PeerGone, Refused
from ...core.verdict import DENY, Verdict
from ...shim import INTERNAL_ERROR, REFUSED, ask_and_decide, describe, tell, turn_away
from ..deciding.decision import Decision
from ..records.records import Records
from ..sessions.admitted_client import Client
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
    tell(client.unsent)
    try:
        environment = decision.template.environment(session.peer.remote_port, session.number)
        gate.server.run(environment, decision.verdict.actions)
    except GateError as error:
        records.failed(session.peer, error)
        turn_away(gate, Verdict(DENY))
        records.flush()
        return error.code


def ask_and_serve(client: Client, parent: Parent, records: Records) -> int:
    """Find out who the client is, decide, and become its server; or tell it that it may not come in."""
    records.forget()
    take_over(client.connection)
    session, gate = client.session, client.rules.gate
    verdict = Verdict(DENY)
    try:
        deadline = gate.deadline()
        session.peer = gate.identify(0, session.peer, deadline)
        tell(gate.greeting)
        verdict = parent.admit(session) or ask_and_decide(session.peer, gate, deadline)
        verdict = gate.hold_greeting(0, session.peer, verdict)
        if verdict.outcome != DENY:
            decision = client.rules.decided(session.peer, verdict)
            records.accepted(session, decision)
            records.announce(everybody=True)
            records.send()
            return become_server(client._replace(unsent=gate.welcome(verdict)), decision, records)
        records.refused(session.peer, verdict)
    except PeerGone:
        records.gone()
    except Refused as refusal:
        verdict = Verdict(DENY, refusal.cause, refusal.reason)
        records.refused(session.peer, verdict)
    except GateError as error:
        records.failed(session.peer, error)
    turn_away(gate, verdict)
    parent.turned_away()
    records.flush()
    return REFUSED
