"""The work of a child of the gate before it becomes the server: all that would delay the accept loop."""

import os
import signal

from ...connection.banners import say_last_words, send
from ...connection.blocking import Blocking
from ...connection.log import ERROR, FAULT
from ...connection.needs import Place
from ...core import DENY, INTERNAL_ERROR, REFUSED, GateError, SystemFailure, Verdict, describe
from ...core.peer import Peer
from ...core.questions import Questions
from ..deciding.decision import Decision
from ..deciding.known_names import asks_for_name_alone
from ..descriptors import take_over
from ..guardian import Guardian
from ..overload import OVERLOADED, Overloaded, shortage_of
from ..records.records import Records
from ..records.sums import shown_reason
from ..session_groups import enter
from ..sessions import AdmittedClient, Session
from ..signals import UNTOUCHABLE, block_all, let_go_of_pipe, unblock_all
from .child_channel import ParentChannel

RESET_SIGNALS = signal.valid_signals() - UNTOUCHABLE


def fork_server(
    client: AdmittedClient, records: Records, guardian: Guardian, parent: ParentChannel | None = None
) -> int:  # fmt: skip
    """Start a child that becomes the server of this client. Returns its process id, or raises Overloaded.

    With `parent`, the child first finishes the admission of the client.
    """
    pid = fork()
    if pid:
        return pid
    code = INTERNAL_ERROR
    try:
        guardian.note_child(client.connection)
        records.forget()
        if client.session.group:
            enter(client.session.group)
        take_over(client.connection)
        send(0, client.unsent)
        decision = finish_admission(client, parent, records) if parent else client.decision
        guardian.forget_child()
        code = become_server(client, decision, records) if decision else REFUSED
    except Exception as error:  # an error in this program, or a shortage, costs this client, and is logged
        log_failure(records, client.session.peer, error)
    finally:
        os._exit(code)


def log_failure(records: Records, peer: Peer, error: Exception) -> None:
    shortage = shortage_of(error)
    if shortage or isinstance(error, GateError):
        records.failed(peer, SystemFailure(f"unable to start a server: {shortage or error}"))
    else:
        records.event(ERROR, FAULT, f"internal error: {describe(error)}")
    records.flush()


def fork() -> int:
    """fork(2). The child has default signals and a process group of its own. Raises Overloaded."""
    block_all()
    try:
        pid = os.fork()
    except OSError as error:
        unblock_all()
        if error.errno in OVERLOADED:
            raise Overloaded(f"unable to start a process: {error.strerror}") from None
        raise
    if not pid:
        let_go_of_pipe()
        os.setpgid(0, 0)
        for number in RESET_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
    unblock_all()
    return pid


class Counted(Blocking):
    """The driver of an admission in a child. The parent of the child counts the clients."""

    def __init__(self, seconds: float, session: Session, parent: ParentChannel) -> None:
        super().__init__(0, seconds)
        self._session = session
        self._parent = parent

    def take_place(self, need: Place) -> None:
        self._session.peer = need.peer
        self._parent.take_place(self._session)

    def _look_up(self, questions: Questions) -> None:
        """Tell the parent what was found out, which then needs no child for the next client of this address."""
        problems = len(questions.peer.problems)
        super()._look_up(questions)
        if asks_for_name_alone(questions) and len(questions.peer.problems) == problems:
            self._parent.tell_name(questions.peer)


def finish_admission(client: AdmittedClient, parent: ParentChannel, records: Records) -> Decision | None:
    """Finish an admission that has to wait. Returns None if the client was refused."""
    assert client.pending
    session = client.session
    outcome = Counted(client.rules.gate.timeout, session, parent).finish(*client.pending)
    session.peer = outcome.peer
    if outcome.admitted:
        decision = client.rules.single_decision(outcome.peer, outcome.verdict)
        records.accepted(session, decision)
        records.send_all()
        send(0, outcome.words)
        return decision
    why = outcome.error or outcome.verdict
    if choice := client.rules.gate.log_choice:  # the parent does not know the names that were looked up here
        why = shown_reason(choice, why, session.peer)
    if not parent.turned_away(session, why):
        if outcome.error is None:
            records.refused(session.peer, outcome.verdict)
        else:
            records.failed(session.peer, outcome.error)
    say_last_words(0, outcome.words)
    records.flush()
    return None


def become_server(client: AdmittedClient, decision: Decision, records: Records) -> int:
    """Become the server of the client on descriptor 0. Returns an exit code if that is not possible."""
    session, gate = client.session, client.rules.gate
    try:
        variables = decision.environment.variables(session.peer.remote_port, session.number)
        gate.server.run(variables, decision.verdict.actions)
    except GateError as error:
        records.failed(session.peer, error)
        say_last_words(0, gate.refusal(Verdict(DENY)))
        records.flush()
        return error.code
