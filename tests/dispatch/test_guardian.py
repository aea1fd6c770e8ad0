"""Killed at the worst moment, the gate loses no client and serves no client twice."""

import errno
import os
import re
import resource
import signal
import threading
import time
from pathlib import Path

import pytest

from sockgate.dispatch.deciding.reloading_gate import ReloadingGate
from sockgate.dispatch.guardian import Guardian
from sockgate.dispatch.servers.start_servers import ServerStarter
from sockgate.dispatch.sessions import Sessions
from tests.connection.launch import everything_from
from tests.dispatch.conftest import Start
from tests.dispatch.faults import (
    Named,
    accept_together,
    be_slow_to_clone,
    be_slow_to_guard,
    be_slow_to_look_at_processes,
    be_slow_to_take_over,
    collect_garbage_at,
    fail_to_clone,
    fail_to_find_clients,
    fail_to_vfork,
    injected,
    stuck_in,
)
from tests.dispatch.gated import BY_FORK, Gated, command_line, runs, wait_until

# The gate is stuck here with a client that it has accepted.
MOMENTS: dict[str, Named] = {
    "before the verdict": ReloadingGate.current,
    "after the verdict": ServerStarter.start,
    "before the start": ServerStarter._start,
}
GREET = ["/bin/sh", "-c", "echo in; read -r line; echo $line"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_client_that_was_accepted_is_served_when_it_is_killed(gated: Start, moment: str) -> None:
    one = gated(*GREET, code=stuck_in(MOMENTS[moment]))
    with one.connect() as client:
        one.wait_for("stuck")
        one.stop(signal.SIGKILL)
        client.sendall(b"bye\n")
        assert everything_from(client) == b"in\nbye\n"


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_client_that_is_served_already_is_not_served_twice(gated: Start, moment: str) -> None:
    one = gated(*GREET, code=stuck_in(MOMENTS[moment], call=3))
    with one.connect() as first, one.connect() as second:
        assert (first.recv(100), second.recv(100)) == (b"in\n", b"in\n")
        with one.connect() as third:
            one.wait_for("stuck")
            one.stop(signal.SIGKILL)
            for client in (first, second, third):
                client.sendall(b"bye\n")
            assert [everything_from(client) for client in (first, second, third)] == [b"bye\n", b"bye\n", b"in\nbye\n"]


def test_a_client_that_was_refused_is_refused_when_it_is_killed(gated: Start) -> None:
    one = gated("--deny", "any", "--deny-message", "421 no", "/bin/true", code=stuck_in(ReloadingGate.current))
    with one.connect() as client:
        one.wait_for("stuck")
        one.stop(signal.SIGKILL)
        assert everything_from(client) == b"421 no\r\n"


def test_a_server_that_has_ended_is_not_started_again(gated: Start) -> None:
    """Killed before it had closed the connection of a server that was quick."""
    one = gated("/bin/echo", "hello", code=stuck_in(Sessions.started))
    with one.connect() as client:
        assert client.recv(100) == b"hello\n"
        one.wait_for("stuck")
        wait_until(lambda: not any(map(runs, one.children())), one.log)
        one.stop(signal.SIGKILL)
        assert everything_from(client) == b""


def test_a_server_that_answers_and_ends_while_it_is_looked_for_is_not_started_again(gated: Start) -> None:
    code = injected(be_slow_to_look_at_processes, 1.0) + stuck_in(Sessions.started)
    one = gated("/bin/sh", "-c", "read -r line; echo $line", code=code)
    with one.connect() as client:
        one.wait_for("stuck")
        one.stop(signal.SIGKILL)
        time.sleep(0.3)  # the guardian has seen that there is no answer yet
        client.sendall(b"bye\nagain\n")
        assert everything_from(client) == b"bye\n"


def test_a_child_on_its_way_is_not_taken_for_the_server_of_another_client(gated: Start) -> None:
    # Both are accepted, so that the child of the first has a copy of the other's connection when it is that one's turn.
    code = stuck_in(ServerStarter._start, call=2) + injected(accept_together) + injected(be_slow_to_take_over, 0.3)
    one = gated(*BY_FORK, *GREET, code=code)
    with one.connect() as client, one.connect() as other:
        one.wait_for("on its way")
        one.wait_for("stuck")
        one.stop(signal.SIGKILL)
        for each in (client, other):
            each.sendall(b"bye\n")
            assert everything_from(each) == b"in\nbye\n"


def test_the_guardian_leaves_with_the_gate_and_keeps_no_port(gated: Start) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        one = gated(*GREET)
        one.wait_for("listening")
        guardian = one.guardian()
        with one.connect() as client:
            client.recv(100)
            one.stop(number)
            wait_until(lambda pid=guardian: not os.path.exists(f"/proc/{pid}"), lambda: "it stays")  # type: ignore[misc]
            with pytest.raises(ConnectionRefusedError):
                one.connect()
            client.sendall(b"bye\n")
            assert client.recv(100) == b"bye\n"


def test_a_signal_to_all_of_them_does_not_end_the_guardian_first(gated: Start) -> None:
    one = gated(*GREET)
    one.wait_for("listening")
    guardian = one.guardian()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(guardian, number)
    time.sleep(0.05)
    assert one.guardian() == guardian


def test_without_its_guardian_the_gate_serves_on_and_gets_another(gated: Start) -> None:
    one = gated("/bin/echo", "hello")
    one.wait_for("listening")
    later = another_guardian(one)
    assert one.talk() == b"hello\n"
    assert one.stop() == 0
    assert not os.path.exists(f"/proc/{later}")


def test_a_later_guardian_serves_clients_that_had_no_room_when_it_came(gated: Start) -> None:
    one = gated("--max-connections", "2", *GREET, code=stuck_in(ReloadingGate.current, call=3))
    with one.connect() as first, one.connect() as second:
        assert (first.recv(100), second.recv(100)) == (b"in\n", b"in\n")
        later = another_guardian(one)
        first.sendall(b"bye\n")
        assert everything_from(first) == b"bye\n"
        with one.connect() as third:
            one.wait_for("stuck")
            one.stop(signal.SIGKILL)
            for client in (second, third):
                client.sendall(b"bye\n")
            assert [everything_from(client) for client in (second, third)] == [b"bye\n", b"in\nbye\n"]
        wait_until(lambda: not os.path.exists(f"/proc/{later}"), one.log)
        assert one.log().count("accepted") == 3


def another_guardian(one: Gated) -> int:
    """The one that comes when the first is killed."""
    known = one._all_children()
    os.kill(one.guardian(), signal.SIGKILL)
    own = command_line(one.process.pid)

    def later() -> list[int]:
        return [pid for pid in one._all_children() if pid not in known and command_line(pid) == own]

    wait_until(later, one.log)
    return later()[0]


def test_a_stray_signal_is_not_the_end_of_the_gate(gated: Start) -> None:
    one = gated(*GREET, code=stuck_in(ReloadingGate.current, call=2))
    with one.connect() as first:
        assert first.recv(100) == b"in\n"
        one.wait_for("accepted")
        with one.connect() as second:
            one.wait_for("stuck")
            os.kill(one.guardian(), signal.SIGUSR1)
            time.sleep(0.1)
            assert len(one.lines("accepted")) == 1  # it serves no client yet
            one.stop(signal.SIGKILL)
            for client in (first, second):
                client.sendall(b"bye\n")
            assert [everything_from(client) for client in (first, second)] == [b"bye\n", b"in\nbye\n"]


def test_a_stray_signal_does_not_end_a_guardian_that_has_just_begun(gated: Start) -> None:
    one = gated("/bin/true", code=injected(be_slow_to_guard, 0.3))
    one.wait_for("listening")
    guardian = one.guardian()
    os.kill(guardian, signal.SIGUSR1)
    time.sleep(0.5)
    assert one.guardian() == guardian


def test_after_a_shortage_there_is_a_guardian_again(gated: Start) -> None:
    one = gated("/bin/echo", "hello", code=injected(fail_to_clone, errno.EAGAIN, 2, after=1))
    one.wait_for("listening")
    later = another_guardian(one)
    assert one.talk() == b"hello\n"
    assert one.guardian() == later
    assert one.stop() == 0


def test_the_guardian_decides_by_the_rules_that_were_in_force(gated: Start, tmp_path: Path) -> None:
    """Not by those of its own start, nor by those that are wrong."""
    rules = tmp_path / "rules"
    rules.write_text('127.:allow,RELAYCLIENT=""\n:deny\n')
    show = ("/bin/sh", "-c", 'echo "relay ${RELAYCLIENT-no}"')
    one = gated("--rules", str(rules), *show, code=stuck_in(ReloadingGate.current, call=4))
    assert one.talk() == b"relay \n"
    replace(rules, "127.:allow\n:deny\n")
    assert one.talk() == b"relay no\n"
    replace(rules, "127.:alow\n")
    assert one.talk() == b"relay no\n"
    with one.connect() as client:
        one.wait_for("stuck")
        one.stop(signal.SIGKILL)
        assert everything_from(client) == b"relay no\n"


def replace(file: Path, text: str) -> None:
    file.with_suffix(".new").write_text(text)
    file.with_suffix(".new").rename(file)


def test_a_client_is_served_when_the_gate_is_killed_while_it_replaces_its_guardian(
    gated: Start, tmp_path: Path
) -> None:
    """The one before is still there, and serves by the rules as they are now."""
    rules = tmp_path / "rules"
    rules.write_text(":deny\n")
    one = gated("--rules", str(rules), *GREET, code=injected(be_slow_to_clone, 60, after=1))
    assert one.talk() == b""
    replace(rules, ":allow\n")
    with one.connect() as client:
        one.wait_for("cloning")
        one.stop(signal.SIGKILL)
        client.sendall(b"bye\n")
        assert everything_from(client) == b"in\nbye\n"


def test_of_two_guardians_one_serves(gated: Start, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text(":deny\n")
    one = gated("--rules", str(rules), *GREET, code=stuck_in(Guardian.dismiss, call=3))
    assert one.talk() == b""
    replace(rules, ":allow\n")
    with one.connect() as client:
        one.wait_for("stuck")
        guardians = [pid for pid in one._all_children() if command_line(pid) == command_line(one.pid)]
        assert len(guardians) == 2
        one.stop(signal.SIGKILL)
        client.sendall(b"bye\n")
        assert everything_from(client) == b"in\nbye\n"
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in guardians), one.log)
        assert len(one.lines("accepted")) == 1


def test_a_round_of_the_garbage_collector_leaves_the_guardian_what_it_shares(gated: Start) -> None:
    one = gated("/bin/true", code=injected(collect_garbage_at, 2))
    one.talk()
    before = own_memory(one.guardian())
    one.talk()
    assert own_memory(one.guardian()) - before < 1500  # 3,000 without it


def own_memory(pid: int) -> int:
    """What a process shares with no other, in kB."""
    found = re.search(r"^Private_Dirty: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def test_an_error_of_the_guardian_is_logged(gated: Start) -> None:
    one = gated(*GREET, code=injected(fail_to_find_clients) + stuck_in(ServerStarter.start))
    with one.connect():
        one.wait_for("stuck")
        one.stop(signal.SIGKILL)
        wait_until(lambda: one.lines("internal error in the guardian: RuntimeError: no clients"), one.log)


def test_clients_that_wait_for_a_server_are_served_when_it_is_killed(gated: Start) -> None:
    code = injected(accept_together) + injected(fail_to_vfork, errno.EAGAIN, 6)
    one = gated("/bin/echo", "hello", code=code)
    clients = [one.connect() for _ in range(4)]
    one.wait_for("unable to start a process")
    one.stop(signal.SIGKILL)
    assert [everything_from(client) for client in clients] == [b"hello\n"] * 4
    for client in clients:
        client.close()


def test_a_client_that_was_accepted_with_the_last_descriptor_is_served_when_it_is_killed(gated: Start) -> None:
    one = gated(*GREET, code=stuck_in(ReloadingGate.current))
    with one.connect() as client:
        one.wait_for("stuck")
        resource.prlimit(one.guardian(), resource.RLIMIT_NOFILE, (one.descriptors(), 1000))
        one.stop(signal.SIGKILL)
        client.sendall(b"bye\n")
        assert everything_from(client) == b"in\nbye\n"


def test_no_words_of_a_client_are_taken_for_the_header_of_its_proxy(gated: Start) -> None:
    """The header was read before it turned out that no process could be started."""
    show = ("/bin/sh", "-c", "echo $TCPREMOTEIP")
    one = gated("--proxy-protocol", "127.0.0.1", *show, code=injected(fail_to_vfork, errno.EAGAIN, 100))
    one.wait_for("listening")
    os.kill(one.process.pid, signal.SIGSTOP)  # the header comes with the connection
    with one.connect() as client:
        client.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 25\r\n")
        os.kill(one.process.pid, signal.SIGCONT)
        one.wait_for("unable to start a process")
        time.sleep(0.6)  # it is tried again, which changes nothing
        client.sendall(b"PROXY TCP4 198.51.100.9 192.0.2.2 4711 25\r\n")
        one.stop(signal.SIGKILL)
        assert everything_from(client) == b""


def test_no_client_is_lost_however_it_is_killed(gated: Start) -> None:
    """Clients that come as fast as they can, and kills at no particular moment."""
    for _ in range(20):
        one = gated("/bin/echo", "hello")
        answers: list[bytes] = []

        def keep_coming(one: Gated = one, answers: list[bytes] = answers) -> None:
            try:
                while True:
                    with one.connect() as client:
                        answers.append(client.recv(100))
            except OSError:
                return

        threads = [threading.Thread(target=keep_coming) for _ in range(4)]
        for thread in threads:
            thread.start()
        one.wait_for("accepted", 5)
        one.stop(signal.SIGKILL)
        for thread in threads:
            thread.join()
        # Who was still in the queue of the port was reset when the last process that listened had gone.
        assert b"" not in answers
