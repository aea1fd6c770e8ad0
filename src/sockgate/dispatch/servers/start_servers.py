"""Start the servers of clients that were let in."""

from collections.abc import Sequence
from time import monotonic, sleep

from ...connection.banners import discard_input
from ...connection.log import ERROR, FAULT
from ...core import DENY, GateError, Verdict, describe
from ..descriptors import send_now
from ..guardian import Guardian
from ..lifetimes import KeptConnections
from ..overload import OVERLOAD_SECONDS, Overloaded
from ..records.records import Records
from ..sessions import AdmittedClient, Sessions
from .child_channel import AskingChildren
from .ended_servers import EndedServers
from .forked_server import fork_server
from .server_limits import ServerLimits, server_limits
from .vfork_server import TooLittleMemory, pipe_of_failures, start_server

# What start_server() needs for one client: the path of its server, the environment, and the limits. None if a fork is
# needed. An error is raised when it is the client's turn.
Plan = tuple[bytes, list[bytes], ServerLimits | None] | Exception | None


class ServerStarter:
    """Starts servers, and keeps the clients that must wait for theirs.

    waiting  clients without a server, because the system is short of resources
    """

    def __init__(
        self, sessions: Sessions, children: AskingChildren, records: Records, guardian: Guardian,
        kept: KeptConnections | None,
    ) -> None:  # fmt: skip
        self._sessions = sessions
        self._children = children
        self._records = records
        self._guardian = guardian
        self._kept = kept
        self.waiting: list[AdmittedClient] = []
        pipe_of_failures()  # this needs descriptors, of which none may be left later

    def start(self, clients: Sequence[AdmittedClient]) -> str:
        """Start the servers of these clients. If a client has to wait, return what the system is short of, else "".

        The work that can be done for all clients in a row comes first: each start leaves the processor's caches cold.
        """
        shortage = ""
        for client in clients:
            self._sessions.prepare(client.session, client.decision)
        # vfork(2) cannot put a server into a control group before it runs.
        plans = list(map(make_plan, clients)) if self._sessions.groups is None else [None] * len(clients)
        for client, plan in zip(clients, plans, strict=True):
            if client.header:
                self._guardian.abandon(client.connection)
                client = client.without_header()
            elif not client.header_was_read:
                self._guardian.release(client.connection)
            try:
                self._start(client, plan)
            except Overloaded as error:
                self._sessions.postponed(client.session)
                if not client.header_was_read:
                    self._guardian.keep(client.connection)
                self.waiting.append(client)
                shortage = str(error)
            except GateError as error:
                self._records.failed(client.session.peer, error)
                self._give_up(client)
            except Exception as error:  # an error in this program costs this client, not the others
                self._records.event(ERROR, FAULT, f"internal error: {describe(error)}")
                if not client.session.pid:
                    self._give_up(client)
        return shortage

    def start_waiting(self) -> str:
        """Start the servers of the clients that wait. Returns what the system is still short of, or ""."""
        clients, self.waiting = self.waiting, []
        return self.start(clients)

    def start_all(self, seconds: float, ended: EndedServers) -> None:
        """Start the servers of all clients that wait: this process ends, and no other one will serve them.

        It gives up after these seconds.
        """
        give_up = monotonic() + seconds
        while self.waiting and monotonic() < give_up:
            ended.take_leave()
            if self.start_waiting():
                sleep(OVERLOAD_SECONDS)

    def forget(self) -> None:
        """Called in the guardian: these clients and their descriptors belong to the gate."""
        for client in self.waiting:
            client.connection.detach()
        self.waiting.clear()

    def _start(self, client: AdmittedClient, plan: Plan) -> None:
        """Start the server of one client. Raises GateError."""
        session = client.session
        self._sessions.starting(session)
        if isinstance(plan, tuple):
            session.pid = self._vfork(client, *plan)
        else:
            session.pid = self._fork(client, plan)
        self._sessions.started(session)
        if self._kept is None:
            client.connection.close()
        else:
            self._kept.keep(session, client.connection)
        self._records.counted(self._sessions.count, self._sessions.most)
        if client.decision:
            self._records.accepted(session, client.decision)

    def _vfork(self, client: AdmittedClient, path: bytes, environment: list[bytes], limits: ServerLimits | None) -> int:
        """Start the server at once. Returns its id. Raises GateError."""
        rules, connection = client.rules, client.connection.fileno()
        try:
            return start_server(
                path, rules.arguments, environment, connection, stderr=rules.stderr_is_client, limits=limits
            )
        except TooLittleMemory:
            return fork_server(client, self._records, self._guardian)

    def _fork(self, client: AdmittedClient, error: Exception | None) -> int:
        """Start a child that becomes the server. Returns its id. Raises GateError, or the error in the plan."""
        if error is not None:
            raise error
        if client.decision:
            return fork_server(client, self._records, self._guardian)
        child, parent = self._children.connect(client.session, client.rules.names)
        try:
            return fork_server(client, self._records, self._guardian, parent)
        except Exception:
            self._children.disconnect(child)
            raise
        finally:
            parent.close()

    def _give_up(self, client: AdmittedClient) -> None:
        self._sessions.end(client.session)
        send_now(client.connection, client.rules.gate.refusal(Verdict(DENY)))
        discard_input(client.connection.fileno())
        client.connection.close()


def make_plan(client: AdmittedClient) -> Plan:
    """The plan for the start of this client's server."""
    decision, session = client.decision, client.session
    if decision is None:
        return None
    server = client.rules.gate.server
    if client.unsent or decision.verdict.actions:
        return None
    try:
        environment = decision.environment
        path, limits = server.find(environment.search), None
        if server.limits:
            limits = server_limits(server.limits)
            if limits is None:
                return None
        return path, environment.words(session.peer.remote_port, session.number), limits
    except Exception as error:  # it concerns this client only, so it is raised in its turn
        return error
