"""Starting the servers of clients that were let in."""

import os
from collections.abc import Callable, Sequence
from functools import partial

from ...connection.log import ERROR, FAULT
from ...core.errors import GateError, describe
from ...core.verdict import DENY, Verdict
from ..accepting.refusals import send_now
from ..guardian import Guardian
from ..records.records import Records
from ..sessions.admitted_client import Client
from ..sessions.sessions import Sessions
from .child_channel import Introductions, Parent, channel
from .forked_server import ask_and_serve, fork, serve
from .vfork_server import Overloaded

Launch = Callable[[], int]  # starts a process and returns its id; raises GateError


class Starter:
    """`postpone` is called with a client whose server could not be started just now, and with the reason."""

    def __init__(
        self, sessions: Sessions, introductions: Introductions, records: Records,
        guardian: Guardian, postpone: Callable[[Client, str], None],
    ) -> None:  # fmt: skip
        self._sessions = sessions
        self._introductions = introductions
        self._records = records
        self._guardian = guardian
        self._postpone = postpone

    def start(self, clients: Sequence[Client]) -> None:
        """What can be done for all of them in a row comes first: each start leaves the processor's caches cold."""
        for client, launch in zip(clients, list(map(self._prepare, clients)), strict=True):
            try:
                self._start(client, launch)
            except GateError as error:
                self._records.failed(client.session.peer, error)
                self._give_up(client)
            except Exception as error:  # a fault of ours costs this client, not the others
                self._records.event(ERROR, FAULT, f"internal error: {describe(error)}")
                if not client.session.pid:
                    self._give_up(client)

    def _prepare(self, client: Client) -> Launch:
        decision, rules, session = client.decision, client.rules, client.session
        if decision is None:
            return partial(self._launch_asking, client)
        server = rules.gate.server
        if client.unsent or decision.verdict.actions or server.limits:
            return partial(fork, partial(serve, client, decision, self._records))
        try:
            template = decision.template
            words = template.words(session.peer.remote_port, session.number)
            return partial(rules.launcher.start, server.find(template.search), client.connection.fileno(), words)
        except Exception as error:  # of this client, not of those beside it: raised when it is its turn
            return partial(fail, error)

    def _start(self, client: Client, launch: Launch) -> None:
        """Raises GateError."""
        session = client.session
        self._guardian.release(client.connection)
        if client.header:
            client = client.without_header()
        try:
            session.pid = launch()
        except Overloaded as error:
            self._guardian.keep(client.connection)
            self._postpone(client, str(error))
            return
        self._sessions.started(session)
        client.connection.close()
        self._records.counted(self._sessions.count, self._sessions.most)
        if client.decision:
            self._records.accepted(session, client.decision)

    def _give_up(self, client: Client) -> None:
        self._sessions.abandoned(client.session)
        send_now(client.connection, client.rules.gate.refusal(Verdict(DENY)))
        client.connection.close()

    def _launch_asking(self, client: Client) -> int:
        ours, theirs = channel()
        parent = Parent(theirs, os.getpid())
        try:
            pid = fork(partial(ask_and_serve, client, parent, self._records))
        except Overloaded:
            ours.close()
            raise
        finally:
            theirs.close()
        self._introductions.expect(client.session, ours)
        return pid


def fail(error: Exception) -> int:
    raise error
