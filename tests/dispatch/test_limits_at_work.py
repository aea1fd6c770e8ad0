"""Limits, as clients meet them."""

import signal
import socket
import time

import pytest

from tests.connection.launch import everything_from
from tests.dispatch.conftest import Start
from tests.dispatch.faults import injected, put_chores_off
from tests.dispatch.gated import SECONDS, Gated, wait_until

HOLD = ["/bin/sh", "-c", "echo in; read -r line"]
FULL = ["--at-limit", "refuse", "--deny-message", "421 try later"]


def enter(one: Gated, source: str = "127.0.0.1") -> socket.socket:
    """A client that is served, and stays."""
    client = one.connect(source)
    assert client.recv(100) == b"in\n"
    return client


def at_once(one: Gated, count: int) -> list[socket.socket]:
    """So many clients, who are all there when the gate has its next look."""
    one.wait_for("listening")
    one.process.send_signal(signal.SIGSTOP)
    clients = [one.connect() for _ in range(count)]
    one.process.send_signal(signal.SIGCONT)
    return clients


def leave(one: Gated, *clients: socket.socket) -> None:
    before = len(one.lines("ended"))
    for client in clients:
        client.close()
    one.wait_for("ended", before + len(clients))


def test_at_the_limit_clients_wait_until_there_is_room(gated: Start) -> None:
    one = gated("--max-connections", "2", *HOLD)
    first, second = enter(one), enter(one)
    third = one.connect()
    third.settimeout(0.2)
    try:
        third.recv(100)
    except TimeoutError:
        waited = True
    else:
        waited = False
    leave(one, first)
    third.settimeout(SECONDS)
    assert waited
    assert third.recv(100) == b"in\n"
    assert one.lines("refused") == []
    leave(one, second, third)


def test_at_the_limit_an_end_is_noticed_at_once(gated: Start) -> None:
    one = gated("--max-connections", "3", *HOLD, code=injected(put_chores_off))
    first, second = enter(one), enter(one)
    time.sleep(0.1)  # the chores are done, and the next ones are an hour away
    first.close()
    time.sleep(0.1)  # its end was signalled; later ends are not signalled until the chores, unless a client waits
    third, fourth = enter(one), enter(one)
    second.close()
    fifth = enter(one)
    leave(one, third, fourth, fifth)


def test_waiting_clients_cost_nothing(gated: Start) -> None:
    one = gated("--max-connections", "1", *HOLD)
    served = enter(one)
    waiting = [one.connect() for _ in range(20)]

    def costs_nothing() -> bool:
        before = one.cpu_seconds()
        time.sleep(0.3)
        return one.cpu_seconds() - before <= 0.02

    wait_until(costs_nothing, one.log)
    for client in (served, *waiting):
        client.close()


def test_at_the_limit_clients_are_refused_if_so_wished(gated: Start) -> None:
    one = gated("--max-connections", "1", *FULL, *HOLD)
    served = enter(one)
    assert one.talk() == b"421 try later\r\n"
    assert "already 1 connection (--max-connections)" in one.wait_for("refused")[0]
    leave(one, served)
    enter(one).close()


def test_one_source_cannot_take_all(gated: Start) -> None:
    one = gated("--max-per-source", "2", "--deny-message", "421 enough", *HOLD)
    mine = [enter(one) for _ in range(2)]
    assert one.talk() == b"421 enough\r\n"
    other = enter(one, "127.0.0.2")
    leave(one, mine.pop())
    mine.append(enter(one))
    leave(one, other, *mine)


def test_one_network_cannot_take_all(gated: Start) -> None:
    one = gated("--max-per-network", "2", *HOLD)
    clients = [enter(one, "127.0.0.1"), enter(one, "127.0.0.2")]
    assert one.talk("127.0.0.3") == b""
    clients.append(enter(one, "127.0.1.1"))
    leave(one, *clients)


def test_a_refused_client_counts_nowhere(gated: Start) -> None:
    one = gated("--max-per-source", "1", "--deny", "127.0.0.2", *HOLD)
    for _ in range(20):
        assert one.talk("127.0.0.2") == b""
    enter(one, "127.0.0.1").close()


def test_above_the_rate_clients_wait_for_the_pause_to_end(gated: Start) -> None:
    one = gated("--rate", "1/2", "/bin/echo", "hello")
    start = time.monotonic()
    clients = at_once(one, 3)  # the second is one too many
    assert [everything_from(client) for client in clients] == [b"hello\n"] * 3
    assert time.monotonic() - start > 1.9
    one.wait_for(r"too many clients per second \(--rate 1/2\): accepting no clients for 2 s")
    for client in clients:
        client.close()


def test_above_inetds_limit_clients_are_refused_for_the_minute(gated: Start) -> None:
    one = gated("--max-per-minute", "2", "--at-limit", "refuse", "/bin/echo", "hello")
    assert [one.talk() for _ in range(4)] == [b"hello\n"] * 2 + [b""] * 2
    assert len(one.wait_for(r"too many clients in a minute \(--max-per-minute 2\)", 2)) == 2


@pytest.mark.parametrize("limit", [("--max-per-source", "1"), ("--max-per-network", "1", "--network-prefix", "32,64")])
def test_a_source_at_its_own_limit_does_not_use_up_the_rate_of_all(gated: Start, limit: tuple[str, ...]) -> None:
    one = gated(*limit, "--rate", "5/3600", "/bin/sh", "-c", "echo in; read -r line")
    with one.connect("127.0.0.5") as held:
        assert held.recv(100) == b"in\n"
        for _ in range(20):
            assert one.talk("127.0.0.5") == b""
        with one.connect("127.0.0.6") as other:
            assert other.recv(100) == b"in\n"
    assert one.lines("accepting no clients") == []


def proxied(one: Gated, source: str, *, late: bool) -> socket.socket:
    """A client behind a proxy. With `late`, its header comes when its child already waits for it."""
    before = set(one.children())
    client = one.connect()
    if late:
        wait_until(lambda: set(one.children()) - before, one.log)
    client.sendall(f"PROXY TCP4 {source} 192.0.2.1 4711 25\r\n".encode())
    return client


@pytest.mark.parametrize("late", [False, True])
def test_behind_a_proxy_a_source_at_its_own_limit_does_not_use_up_the_rate_of_all(gated: Start, *, late: bool) -> None:
    one = gated("--proxy-protocol", "127.0.0.1", "--max-per-source", "1", "--rate", "5/3600", "--timeout", "60",
                "/bin/sh", "-c", "echo in; read -r line")  # fmt: skip
    with proxied(one, "192.0.2.7", late=late) as held:
        assert held.recv(100) == b"in\n"
        for _ in range(10):
            with proxied(one, "192.0.2.7", late=late) as refused:
                assert everything_from(refused) == b""
        with proxied(one, "192.0.2.8", late=late) as other:
            assert other.recv(100) == b"in\n"
    assert one.lines("accepting no clients") == []


def test_behind_a_proxy_clients_count_for_the_rate_of_all_when_they_are_known(gated: Start) -> None:
    one = gated(
        "--proxy-protocol",
        "127.0.0.1",
        "--timeout",
        "60",
        "--rate",
        "1/3600",
        "--at-limit",
        "refuse",
        "/bin/echo",
        "in",
    )

    def is_refused() -> bool:
        with proxied(one, "192.0.2.7", late=True) as client:
            return everything_from(client) == b""

    wait_until(is_refused, one.log)
    assert one.wait_for("refused 192.0.2.7:4711 .*too many clients per second")


def test_a_client_counts_for_the_rate_of_all_when_those_before_it_have_left(gated: Start) -> None:
    """Also where the gate has not seen yet that they have left: else a limit of 1 would be a way around the rate."""
    one = gated("--max-per-source", "1", "--rate", "5/3600", "--at-limit", "refuse", "/bin/echo", "in",
                code=injected(put_chores_off))  # fmt: skip
    wait_until(lambda: one.talk("127.0.0.5") == b"" and one.lines("too many clients per second"), one.log)


def test_a_network_is_as_large_as_its_prefix_says(gated: Start) -> None:
    one = gated("--max-per-network", "1", "--network-prefix", "31,128", *HOLD)
    clients = [enter(one, "127.0.0.2"), enter(one, "127.0.0.4")]
    assert one.talk("127.0.0.3") == b""
    leave(one, *clients)


def test_above_the_rate_clients_are_refused_if_so_wished(gated: Start) -> None:
    one = gated("--rate", "1/60", *FULL, "/bin/echo", "hello")
    clients = at_once(one, 4)  # one more is welcome each second
    answers = [everything_from(client) for client in clients]
    assert answers == [b"hello\n"] + [b"421 try later\r\n"] * 3
    for client in clients:
        client.close()
    assert one.lines("pause") == []
