"""When the system is short of something: a pause, one line a minute, and on without help."""

import os
import socket
import time
from collections.abc import Callable

import pytest

from tests.dispatch.conftest import Start
from tests.dispatch.faults import fail_to_accept, fail_to_exec, fail_to_fork, fail_to_vfork, injected, limit_descriptors
from tests.dispatch.gated import BY_FORK, BY_LIMITED_VFORK, Gated, wait_until

HOLD = ["/bin/sh", "-c", "echo in; read -r line"]
MOST_CPU = 0.05  # of a second that it waits

OVERLOADS = ["EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "ENOBUFS"]


def number_of(name: str) -> int:
    import errno

    return int(getattr(errno, name))


@pytest.mark.parametrize("name", OVERLOADS)
@pytest.mark.parametrize(
    ("fault", "options"),
    [(fail_to_vfork, []), (fail_to_vfork, BY_LIMITED_VFORK), (fail_to_exec, []), (fail_to_fork, BY_FORK)],
    ids=["vfork", "vfork with limits", "exec", "fork"],
)
def test_a_client_whose_server_cannot_be_started_now_is_served_later(
    gated: Start, fault: Callable[[int, int], None], options: list[str], name: str
) -> None:
    number = number_of(name)
    one = gated(*options, "/bin/echo", "hello", code=injected(fault, number, 2))
    start = time.monotonic()
    clients = [one.connect() for _ in range(5)]
    assert [client.recv(100) for client in clients] == [b"hello\n"] * 5
    assert time.monotonic() - start > 0.2
    (line,) = one.wait_for("accepting no clients")
    assert f"unable to start a process: {os.strerror(number)}: accepting no clients for 0.25 s" in line
    for client in clients:
        client.close()


@pytest.mark.parametrize("name", [name for name in OVERLOADS if name != "EAGAIN"])
def test_clients_that_cannot_be_accepted_now_are_accepted_later(gated: Start, name: str) -> None:
    number = number_of(name)
    one = gated("/bin/echo", "hello", code=injected(fail_to_accept, number, 2))
    one.wait_for("listening")
    start = time.monotonic()
    assert [one.talk() for _ in range(3)] == [b"hello\n"] * 3
    assert time.monotonic() - start > 0.4
    (line,) = one.wait_for("accepting no clients")
    assert f"unable to accept a connection: {os.strerror(number)}: accepting no clients for 0.25 s" in line


@pytest.mark.parametrize("name", ["EAGAIN", "ECONNABORTED", "EPROTO", "EPERM", "ENETDOWN", "EHOSTUNREACH"])
def test_a_connection_that_came_to_nothing_is_nothing_to_speak_of(gated: Start, name: str) -> None:
    one = gated("/bin/echo", "hello", code=injected(fail_to_accept, number_of(name), 5))
    assert one.talk() == b"hello\n"
    assert one.lines("accepting no clients") == []
    assert len(one.log().splitlines()) <= 3


def test_a_failure_to_accept_that_lasts_makes_it_wait_and_say_so(gated: Start) -> None:
    one = gated("/bin/echo", "hello", code=injected(fail_to_accept, number_of("EPERM"), 1 << 30))
    with one.connect():
        one.wait_for("unable to accept a connection: Operation not permitted: accepting no clients")
        wait_until(lambda: rests(one), one.log)
        assert one.stop() == 0


def test_a_pause_of_the_rate_is_not_cut_short_by_a_server_that_cannot_be_started(gated: Start) -> None:
    one = gated("--rate", "2/2", "/bin/echo", "hello", code=injected(fail_to_vfork, number_of("EAGAIN"), 1, after=2))
    start = time.monotonic()
    assert [one.talk() for _ in range(3)] == [b"hello\n"] * 3  # the third is one too many, and has to be tried twice
    one.wait_for("unable to start a process")
    assert one.talk() == b"hello\n"
    assert time.monotonic() - start > 1.8


def held(one: Gated, count: int) -> list[socket.socket]:
    clients = [one.connect() for _ in range(count)]
    for client in clients:
        assert client.recv(100) == b"in\n"
    return clients


def rests(one: Gated) -> bool:
    """Whether it has next to nothing to do for a second."""
    before = one.cpu_seconds()
    time.sleep(1)
    return one.cpu_seconds() - before <= MOST_CPU


def was_dropped(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False


@pytest.mark.parametrize("limit", [20, 21])  # a child may be started with the last one, or with one to spare
def test_out_of_descriptors_it_waits_without_spinning_and_goes_on_by_itself(gated: Start, limit: int) -> None:
    one = gated("--proxy-protocol", "127.0.0.1", "--timeout", "60", *HOLD, prelude=f'ulimit -n {limit}; exec "$@"')
    silent = [one.connect() for _ in range(30)]  # each costs a descriptor, as long as it does not say who it is
    one.wait_for("accepting no clients")
    wait_until(lambda: rests(one), one.log)
    assert len(one.lines("accepting no clients")) <= 2  # one for each reason
    assert [client for client in silent if was_dropped(client)] == []
    for client in silent:
        client.close()
    with one.connect() as client:
        client.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")
        assert client.recv(100) == b"in\n"


def test_too_few_descriptors_for_its_start_are_an_error_in_one_line(gated: Start) -> None:
    ends = set()
    for limit in range(4, 16):
        one = gated("/bin/echo", "hello", code=injected(limit_descriptors, limit))
        wait_until(lambda one=one: one.process.poll() is not None or one.lines("listening"), one.log)  # type: ignore[misc]
        status = one.process.poll()
        ends.add(status)
        assert "Traceback" not in one.log()
        if status is not None:
            (line,) = one.log().splitlines()
            assert "Too many open files" in line
    assert ends == {111, None}


@pytest.mark.parametrize("times", [1, 3])
def test_no_client_is_lost_when_it_is_told_to_stop_meanwhile(gated: Start, times: int) -> None:
    one = gated("/bin/echo", "hello", code=injected(fail_to_vfork, number_of("ENOMEM"), times))
    with one.connect() as client:
        one.wait_for("accepting no clients")
        assert one.stop() == 0
        assert client.recv(100) == b"hello\n"
