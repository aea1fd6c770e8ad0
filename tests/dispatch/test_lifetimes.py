"""--session-timeout and --idle-timeout end sessions, and the log says why."""

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sockgate.dispatch.guardian import Guardian, was_answered
from sockgate.dispatch.lifetimes import KeptConnections
from sockgate.dispatch.servers.start_servers import ServerStarter
from sockgate.dispatch.sessions import Session
from tests.connection.launch import everything_from
from tests.core.clients import client
from tests.dispatch.conftest import Start
from tests.dispatch.faults import be_impatient, injected, stuck_in
from tests.dispatch.gated import runs, wait_until

LOOKS_OFTEN = injected(be_impatient, "chores", LOOK_SECONDS=0.1) + injected(
    be_impatient, "dispatcher", STATUS_SECONDS=0.1
)
KILLS_SOON = LOOKS_OFTEN + injected(be_impatient, "lifetimes", GRACE_SECONDS=0.5)
ECHO = ("/bin/cat",)
STUBBORN = ("/bin/sh", "-c", "trap '' TERM; echo in; while :; do sleep 1; done")


def test_a_session_that_lasts_too_long_is_ended_and_the_log_says_why(gated: Start) -> None:
    one = gated("--session-timeout", "1", *ECHO)
    begin = time.monotonic()
    with one.connect() as client, suppress(ConnectionError):
        answer = b"x"
        while answer:  # it is not idle
            client.sendall(b"x")
            answer = client.recv(100)
            time.sleep(0.02)
    assert time.monotonic() - begin >= 1
    assert one.wait_for("ended ")[0].endswith("s: signal 15 (--session-timeout 1)")


def test_a_server_that_goes_on_after_sigterm_is_killed(gated: Start) -> None:
    one = gated("--session-timeout", "3", *STUBBORN, code=KILLS_SOON)
    with one.connect() as client:
        assert everything_from(client) == b"in\n"
    assert one.wait_for("ended ")[0].endswith("s: signal 9 (--session-timeout 3)")


def test_a_server_that_has_joined_the_process_group_of_the_gate_is_ended_all_the_same(gated: Start) -> None:
    """Both are in one session (setsid(2)), so that the kernel allows it."""
    leaving = "import os, time; os.setpgid(0, os.getpgid(os.getppid())); print('left', flush=True); time.sleep(60)"
    one = gated("--session-timeout", "3", "/usr/bin/python3", "-c", leaving)
    with one.connect() as client:
        assert everything_from(client) == b"left\n"
    assert one.wait_for("ended ")[0].endswith("s: signal 15 (--session-timeout 3)")


def test_a_server_that_leaves_its_process_group_and_goes_on_after_sigterm_is_killed(gated: Start) -> None:
    leaving = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "os.setpgid(0, os.getpgid(os.getppid())); print('left', flush=True); time.sleep(60)"
    )
    one = gated("--session-timeout", "3", "/usr/bin/python3", "-c", leaving, code=KILLS_SOON)
    with one.connect() as client:
        assert everything_from(client) == b"left\n"
    assert one.wait_for("ended ")[0].endswith("s: signal 9 (--session-timeout 3)")


def test_what_a_server_has_started_ends_with_it(gated: Start) -> None:
    one = gated("--session-timeout", "3", "/bin/sh", "-c", "sleep 1000 & echo $!; wait")
    with one.connect() as client:
        child = int(client.recv(100))
        one.wait_for("ended ")
        wait_until(lambda: not runs(child), lambda: f"{child} runs")


def test_a_session_in_which_nothing_is_said_is_ended(gated: Start) -> None:
    one = gated("--idle-timeout", "1", *ECHO)
    with one.connect() as client:
        begin = time.monotonic()
        client.sendall(b"hello\n")
        assert everything_from(client) == b"hello\n"
        assert time.monotonic() - begin >= 0.9
    assert one.wait_for("ended ")[0].endswith("s: signal 15 (--idle-timeout 1)")


@pytest.mark.parametrize(
    "server", ["for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.5; done", "cat > /dev/null"], ids=["server", "client"]
)
def test_a_session_in_which_one_side_speaks_is_not_idle(gated: Start, server: str) -> None:
    one = gated("--idle-timeout", "3", "/bin/sh", "-c", server, code=LOOKS_OFTEN)
    with one.connect() as client:
        if server.startswith("cat"):
            for _ in range(8):
                client.sendall(b"x")
                time.sleep(0.5)
        else:
            assert everything_from(client) == b"1\n2\n3\n4\n5\n6\n7\n8\n"
    assert one.wait_for("ended ")[0].endswith("s: status 0")


def test_with_an_idle_timeout_a_client_sees_the_end_of_its_server(gated: Start) -> None:
    one = gated("--idle-timeout", "60", "/bin/echo", "hello")
    one.wait_for("listening")
    before = one.descriptors()
    assert [one.talk() for _ in range(20)] == [b"hello\n"] * 20
    wait_until(lambda: one.descriptors() <= before, one.log)


def test_a_client_that_is_served_already_outlives_a_gate_that_keeps_its_connection(gated: Start) -> None:
    one = gated(
        "--idle-timeout", "60", "/bin/sh", "-c", "read -r line; echo $line", code=stuck_in(ServerStarter.start, 2)
    )
    with one.connect() as first:
        one.wait_for("accepted")
        with one.connect() as second:
            one.wait_for("stuck")
            one.stop(signal.SIGKILL)
            for client in (first, second):
                client.sendall(b"bye\n")
                assert everything_from(client) == b"bye\n"


def test_without_a_session_the_gate_looks_for_none(gated: Start) -> None:
    one = gated("--idle-timeout", "1", "--session-timeout", "1", "/bin/true", code=LOOKS_OFTEN)
    one.talk()
    one.wait_for("ended ")

    def sleeps_on() -> bool:
        before = one.sleeps()
        time.sleep(0.5)
        return one.sleeps() == before

    wait_until(sleeps_on, one.log)


def test_a_connection_whose_bytes_are_not_counted_is_never_idle() -> None:
    kept = KeptConnections(Guardian())
    session = Session(client("192.0.2.7"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as uncounted:  # it has no TCP_INFO
        kept.keep(session, uncounted)
        assert kept.silence(session) == 0.0
        assert was_answered(uncounted)  # the guardian does not serve such a client a second time


def test_a_client_of_a_local_socket_is_never_idle(gated: Start, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    one = gated("--idle-timeout", "1", *ECHO, listen=path, code=LOOKS_OFTEN)
    one.wait_for("listening")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        time.sleep(1.5)
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        assert os.path.exists(path)
