"""A gate knows the sessions of the gates before: they count, and their end is recorded."""

import ctypes
import os
import platform
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from sockgate.dispatch.records.records import Records
from sockgate.dispatch.servers.start_servers import ServerStarter
from sockgate.dispatch.session_table import ASKING, AT_PROCESS, PROCESS, RUNNING, STARTING, SessionTable
from sockgate.dispatch.sessions import Sessions
from tests.connection.launch import everything_from
from tests.dispatch.faults import Named, stuck_in
from tests.dispatch.gated import Gated, wait_until
from tests.dispatch.manager import Manager

PR_SET_CHILD_SUBREAPER = 36
# Says its number, waits for a line, and ends with it as its status.
SERVER = ("/bin/sh", "-c", "echo $$; read -r status; exit $status")


class Client:
    """A session that lasts until it is told to end."""

    def __init__(self, manager: Manager, source: str = "127.0.0.1") -> None:
        self._connection = socket.create_connection(
            manager.listening[0].getsockname(), timeout=60, source_address=(source, 0)
        )
        self.server = int(self._connection.recv(100) or b"0")
        self.port = self._connection.getsockname()[1]

    def finish(self, status: int = 0) -> None:
        """The session ends. Its server is reaped, as PID 1 does it, if it is no child of a gate any more."""
        self._connection.sendall(b"%d\n" % status)
        while self._connection.recv(100):
            pass
        self._connection.close()


@pytest.fixture
def manager(manager: Manager) -> Iterator[Manager]:
    """It reaps what its gates have left, as PID 1 does."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    yield manager
    manager.end_gates()
    wait_until(reap_all, lambda: "there are still processes of a gate")
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0)


def reap_all() -> bool:
    """Reap what the gates have left. Returns whether all of it has ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return True
    return False


def next_gate(manager: Manager, *words: str, number: int = signal.SIGTERM, code: str = "") -> Gated:
    """End the gate by this signal, and start the next one."""
    manager.told()
    manager.gates[-1].stop(number)
    manager.told()
    manager.forget()
    one = manager.start(*words, code=code)
    one.wait_for("listening on")
    manager.told()
    return one


def session_of_killed_gate(manager: Manager) -> Client:
    """A session that runs on while there is no gate."""
    one = manager.start(*SERVER)
    client = Client(manager)
    one.wait_for("accepted")
    manager.told()
    one.stop(signal.SIGKILL)
    return client


def reap(pid: int) -> None:
    """What PID 1 does with a process that has no other parent."""
    os.waitpid(pid, 0)


# From Linux 6.15 on, the exit status of a process that is no child.
TELLS_STATUS = tuple(map(int, platform.release().split(".")[:2])) >= (6, 15)
ENDS = [signal.SIGTERM, signal.SIGKILL]


@pytest.mark.parametrize("number", ENDS)
def test_the_next_gate_counts_the_sessions_that_run_on(manager: Manager, number: int) -> None:
    options = ("--max-connections", "3", "--max-per-source", "1", "--at-limit", "refuse", *SERVER)
    manager.start(*options)
    clients = [Client(manager, f"127.0.0.{host}") for host in (1, 2)]
    next_gate(manager, *options, number=number)
    manager.wait_for("STATUS", "2 of 3 connections, 0 served, 0 refused")
    assert manager.talk(source="127.0.0.1") == b""
    manager.gates[-1].wait_for("already 1 connection from this source")
    third = Client(manager, "127.0.0.3")
    assert manager.talk(source="127.0.0.4") == b""
    manager.gates[-1].wait_for("already 3 connections")
    clients[0].finish()
    manager.wait_for("STATUS", "2 of 3 connections, 1 served, 2 refused")
    Client(manager, "127.0.0.1").finish()
    third.finish()
    clients[1].finish()


def test_under_a_lower_limit_no_client_is_let_in_until_enough_sessions_have_ended(manager: Manager) -> None:
    manager.start("--max-connections", "3", *SERVER)
    clients = [Client(manager) for _ in range(3)]
    next_gate(manager, "--max-connections", "2", "--at-limit", "refuse", *SERVER)
    manager.wait_for("STATUS", "3 of 2 connections")
    clients.pop().finish()
    manager.wait_for("STATUS", "2 of 2 connections")
    assert manager.talk() == b""
    clients.pop().finish()
    manager.wait_for("STATUS", "1 of 2 connections")
    for client in (Client(manager), *clients):
        client.finish()


def test_the_table_has_a_session_only_from_the_attempt_to_start_its_server() -> None:
    """Until then, and while it waits for resources, the guardian has the client: no other process may count it."""
    table = SessionTable(1)
    row = table.prepare(0.0, 25, b"text")
    before = list(table.rows())
    table.begin(row)
    begun = [(each.state, each.port, each.text) for each in table.rows()]
    table.postpone(row)
    assert (before, begun, list(table.rows())) == ([], [(STARTING, 25, b"text")], [])
    os.close(table.descriptor)


@pytest.mark.parametrize("child_is_first", [True, False])
def test_a_client_that_its_child_has_named_stays_named(child_is_first: bool) -> None:
    """The gate notes the process, and the child the client. Either can be first."""
    table = SessionTable(1)
    row = table.prepare(0.0, 25, b"the proxy", ASKING)
    table.begin(row)
    if not child_is_first:
        table.run(row, 7, named=False)
    table.name(row, 7, 4711, b"the client behind it")
    if child_is_first:
        table.run(row, 7, named=False)
    (found,) = table.rows()
    assert (found.state, found.flags, found.pid, found.port) == (RUNNING, ASKING, 7, 4711)
    assert found.text == b"the client behind it"
    os.close(table.descriptor)


def test_a_table_that_is_full_takes_no_more_and_frees_what_is_forgotten() -> None:
    table = SessionTable(1)
    rows = [table.prepare(0.0, number, b"") for number in range(2000)]
    room = rows.index(0)
    assert len(set(rows[:room])) == room > 1000
    assert set(rows[room:]) == {0}
    table.forget((rows[7],))
    assert [table.prepare(0.0, 1, b""), table.prepare(0.0, 2, b"")] == [rows[7], 0]
    os.close(table.descriptor)


@pytest.mark.parametrize("number", ENDS)
def test_the_next_gate_records_their_end_with_duration_and_status(manager: Manager, number: int) -> None:
    begin = time.monotonic()
    manager.start(*SERVER)
    client = Client(manager)
    time.sleep(0.2)
    one = next_gate(manager, *SERVER, number=number)
    client.finish(7)
    reap(client.server)
    (line,) = one.wait_for("ended ")
    assert f"ended 127.0.0.1:{client.port} on " in line
    assert line.endswith(f"s: status {7 if TELLS_STATUS else 'unknown'}")
    assert 0.2 <= float(line.split(" after ")[1].split()[0]) <= time.monotonic() - begin
    manager.wait_for("STATUS", "0 of 40 connections")


def test_a_session_that_ended_while_there_was_no_gate_is_recorded(manager: Manager) -> None:
    client = session_of_killed_gate(manager)
    client.finish()
    reap(client.server)
    manager.start(*SERVER)
    (line,) = manager.gates[1].wait_for("ended ")
    assert f"ended 127.0.0.1:{client.port} on " in line
    assert line.endswith("s: status unknown")
    assert "0 of 40 connections" in manager.wait_for("STATUS", "0 of 40 connections")["STATUS"]


def test_an_end_that_the_gate_could_not_write_is_written_by_the_next_one(manager: Manager) -> None:
    manager.start(*SERVER, code=stuck_in(Records.ended))
    client = Client(manager)
    manager.told()
    client.finish(3)
    manager.gates[0].wait_for("stuck")
    manager.gates[0].stop(signal.SIGKILL)
    assert not manager.gates[0].lines("ended ")
    manager.start(*SERVER)
    (line,) = manager.gates[1].wait_for("ended ")
    assert line.endswith("s: status 3")


@pytest.mark.parametrize("moment", [ServerStarter._start, SessionTable.run, Sessions.started])
def test_a_client_that_came_as_the_gate_was_killed_is_counted(manager: Manager, moment: Named) -> None:
    """It is served by the guardian, or by a server of which the gate did not know the process yet."""
    manager.start(*SERVER, code=stuck_in(moment))
    manager.gates[0].wait_for("listening on")
    manager.wait_for("READY", "1")
    with socket.create_connection(manager.listening[0].getsockname(), timeout=60) as client:
        manager.gates[0].wait_for("stuck")
        manager.gates[0].stop(signal.SIGKILL)
        manager.start(*SERVER)
        manager.wait_for("STATUS", "1 of 40 connections")
        server = int(client.recv(100))
        client.sendall(b"0\n")
        assert client.recv(100) == b""
    reap(server)
    assert len(manager.gates[1].wait_for("ended ")) == 1
    manager.wait_for("STATUS", "0 of 40 connections")


def test_many_gates_after_each_other_know_a_session(manager: Manager) -> None:
    manager.start(*SERVER)
    client = Client(manager)
    for number in (signal.SIGKILL, signal.SIGTERM) * 5:
        next_gate(manager, *SERVER, number=number)
        manager.gates[-1].wait_for("1 session of the gate before runs on")
    client.finish()
    reap(client.server)
    assert len(manager.gates[-1].wait_for("ended ")) == 1


def test_without_descriptors_to_spare_sessions_are_looked_at_once_a_second(manager: Manager) -> None:
    manager.start(*SERVER)
    clients = [Client(manager) for _ in range(5)]
    few = "from sockgate.dispatch import adoption\nadoption.getrlimit = lambda _: (4, 4)"  # two of which it may use
    next_gate(manager, *SERVER, code=few)
    manager.wait_for("STATUS", "5 of 40 connections")
    for client in clients:
        client.finish()
        reap(client.server)
    ended = manager.gates[-1].wait_for("ended ", 5)
    assert len(ended) == 5
    assert len([line for line in ended if line.endswith("status unknown")]) >= 3  # without a descriptor
    manager.wait_for("STATUS", "0 of 40 connections")
    assert not manager.gates[-1].lines("internal error")


def test_a_later_process_with_the_same_number_is_no_session(manager: Manager) -> None:
    client = session_of_killed_gate(manager)
    table = SessionTable(40, manager.stored["sockgate-sessions"])
    (row,) = table.rows()
    # As if the number had been given to the process of this client only later.
    PROCESS.pack_into(table._memory, row.at + AT_PROCESS, row.pid, row.ran - 60)
    manager.start(*SERVER)
    assert manager.gates[1].wait_for("ended ")[0].endswith("s: status unknown")
    assert "0 of 40" in manager.wait_for("STATUS", "0 of 40 connections")["STATUS"]
    client.finish()


def test_a_table_of_another_form_is_replaced(manager: Manager) -> None:
    foreign = os.memfd_create("table")
    os.write(foreign, b"sockgate table 0")
    manager.stored["sockgate-sessions"] = foreign
    manager.start(*SERVER)
    client = Client(manager)
    next_gate(manager, *SERVER)
    manager.gates[-1].wait_for("1 session of the gate before runs on")
    client.finish()


def test_a_table_that_cannot_be_read_ends_no_gate(manager: Manager) -> None:
    manager.stored["sockgate-sessions"] = os.open("/dev/null", os.O_RDWR)
    manager.start("/bin/echo", "hello")
    assert manager.talk() == b"hello\n"
    broken = "from sockgate.dispatch.adoption import Adoption\nAdoption._adopt = None"
    next_gate(manager, "/bin/echo", "hello", code=broken)
    manager.gates[-1].wait_for("internal error with the sessions of the gate before")
    assert manager.talk() == b"hello\n"


def test_with_too_little_memory_for_the_table_the_gate_serves(manager: Manager) -> None:
    little = "import resource; resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))"
    manager.start("--max-connections", "1000000", *SERVER, code=little)
    client = Client(manager)
    next_gate(manager, "--max-connections", "1000000", *SERVER)
    manager.gates[-1].wait_for("1 session of the gate before runs on")
    client.finish()


def test_a_client_behind_a_proxy_counts_when_its_header_comes_after_the_restart(manager: Manager) -> None:
    options = ("--proxy-protocol", "127.0.0.1", "--timeout", "60", "--max-per-source", "1", *SERVER)
    manager.start(*options)
    with socket.create_connection(manager.listening[0].getsockname(), timeout=60) as client:
        manager.wait_for("STATUS", "1 of 40 connections")
        one = next_gate(manager, *options)
        manager.wait_for("STATUS", "1 of 40 connections, 0 served")
        header = b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 25\r\n"
        client.sendall(header)
        server = int(client.recv(100))

        served = 0

        def is_counted() -> bool:
            nonlocal served
            manager.told()  # the gate waits if its reports are not read
            with socket.create_connection(manager.listening[0].getsockname(), timeout=60) as other:
                other.sendall(header.replace(b"1000", b"1001") + b"0\n")
                if everything_from(other) == b"":
                    return True
            served += 1
            one.wait_for("ended 192.0.2.1:1001", served)  # else the next one is refused because of this one
            return False

        wait_until(is_counted, one.log)
        client.sendall(b"0\n")
        assert everything_from(client) == b""
    reap(server)
    one.wait_for("ended 192.0.2.1:1000 on 192.0.2.2:25 via 127.0.0.1")


def test_a_client_that_is_refused_after_the_restart_has_no_record_of_an_end(manager: Manager) -> None:
    options = ("--proxy-protocol", "127.0.0.1", "--deny", "192.0.2.1", "--timeout", "60", *SERVER)
    manager.start(*options)
    with socket.create_connection(manager.listening[0].getsockname(), timeout=60) as client:
        manager.wait_for("STATUS", "1 of 40 connections")
        (child,) = manager.gates[0].children()
        next_gate(manager, *options)
        manager.wait_for("STATUS", "1 of 40 connections, 0 served")
        client.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 25\r\n")
        assert everything_from(client) == b""
    reap(child)
    manager.wait_for("STATUS", "0 of 40 connections, 0 served")
    manager.gates[-1].stop()
    assert manager.gates[-1].lines("ended ") == []
