"""Starting the server of a client that was let in. Several threads are in here at a time."""

import os
from collections.abc import Callable

from ..core.access import DENY, Verdict
from ..core.errors import GateError
from .child import ask_and_serve, fork, serve
from .client import Client, removed_by
from .guardian import Guardian
from .introduction import Introductions, Parent, channel
from .records import Records
from .refusals import send_now
from .sessions import Sessions
from .spawn import Overloaded


class Starter:
    """`postpone` is called with a client whose server could not be started just now, and with the reason; `over` when
    a session is over so soon that nobody else will notice.
    """

    def __init__(
        self, sessions: Sessions, introductions: Introductions, records: Records,
        guardian: Guardian, postpone: Callable[[Client, str], None], over: Callable[[], None],
    ) -> None:  # fmt: skip
        self._sessions = sessions
        self._introductions = introductions
        self._records = records
        self._guardian = guardian
        self._postpone = postpone
        self._over = over

    def start(self, client: Client) -> None:
        session = client.session
        self._guardian.release(client.connection)
        client = client.without_header()
        try:
            session.pid = self._launch(client)
        except Overloaded as error:
            self._guardian.keep(client.connection)
            self._postpone(client, str(error))
            return
        except GateError as error:
            self._sessions.abandoned(session)
            self._records.failed(session.peer, error)
            send_now(client.connection, client.rules.gate.refusal(Verdict(DENY)))
            self._over()
        else:
            self._started(client)
        client.connection.close()

    def _launch(self, client: Client) -> int:
        """Returns the process id. Raises GateError."""
        verdict, rules = client.verdict, client.rules
        if verdict is None:
            return self._launch_asking(client)
        if client.unsent or verdict.actions or rules.gate.server.limits:
            return fork(lambda: serve(client, verdict, self._records))
        return rules.launcher.start(client.connection.fileno(), client.variables(verdict), removed_by(verdict))

    def _launch_asking(self, client: Client) -> int:
        ours, theirs = channel()
        parent = Parent(theirs, os.getpid())
        try:
            pid = fork(lambda: ask_and_serve(client, parent, self._records))
        except Overloaded:
            ours.close()
            raise
        finally:
            theirs.close()
        self._introductions.expect(client.session, ours)
        return pid

    def _started(self, client: Client) -> None:
        """The sessions are told last: from then on another thread may see it end."""
        sessions, session = self._sessions, client.session
        self._records.counted(sessions.count, sessions.most)
        if client.verdict:
            self._records.accepted(session, client.verdict, client.note())
        status = sessions.started(session)
        if status is not None:
            if not session.refused:
                self._records.ended(session, status)
            self._records.counted(sessions.count, sessions.most)
            self._over()
