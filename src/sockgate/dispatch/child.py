"""What a child of our own does before it becomes the server: all that would hold up the accept loop.

The steps are those of `sockgate` (shim.py). The child has a copy of everything; of the other threads nothing but
the locks they held, so it must keep away from whatever has one (Sessions).
"""

import os
import signal
from collections.abc import Callable

from ..core.access import DENY, Verdict
from ..core.banners import discard_input, send
from ..core.errors import GateError, PeerGone, Refused
from ..shim import INTERNAL_ERROR, REFUSED
from .client import Client, removed_by
from .introduction import Parent
from .records import Records
from .spawn import OVERLOADED, RESET_SIGNALS, Overloaded


def fork(work: Callable[[], int]) -> int:
    """Do this in a child, which ends with the exit code that comes of it. Returns its pid, or raises Overloaded."""
    try:
        pid = os.fork()
    except OSError as error:
        if error.errno in OVERLOADED:
            raise Overloaded(f"unable to start a process: {error.strerror}") from None
        raise
    if pid:
        return pid
    code = INTERNAL_ERROR
    try:
        os.setsid()
        for number in RESET_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        code = work()
    finally:
        os._exit(code)


def serve(client: Client, verdict: Verdict, records: Records) -> int:
    """Become the server of a client that was decided about. Returns an exit code if that is not possible."""
    os.dup2(client.connection.fileno(), 0)
    send(0, client.unsent)
    try:
        if verdict.actions:
            verdict.actions.apply()
        launcher = client.rules.launcher
        client.rules.gate.server.run(launcher.environment(client.variables(verdict), removed_by(verdict)))
    except GateError as error:
        records.failed(client.session.peer, error)
        records.flush()
        return error.code


def ask_and_serve(client: Client, parent: Parent, records: Records) -> int:
    """Find out who the client is, decide, and become its server; or tell it that it may not come in."""
    os.dup2(client.connection.fileno(), 0)
    session, gate = client.session, client.rules.gate
    try:
        send(0, gate.greeting)
        session.peer = gate.identify(0, session.peer)
        verdict = parent.admit(session) or gate.decide(session.peer)
        if verdict.outcome != DENY:
            records.accepted(session, verdict, client.note())
            return serve(client._replace(unsent=gate.welcome(verdict)), verdict, records)
        records.refused(session.peer, verdict)
        send(0, gate.refusal(verdict))
        discard_input(0)
    except PeerGone:
        records.gone()
    except Refused as refusal:
        records.refused(session.peer, Verdict(DENY, refusal.rule, str(refusal)))
    except GateError as error:
        records.failed(session.peer, error)
    parent.turned_away()
    records.flush()
    return REFUSED
