"""--rate-per-source: one source cannot come too often, and no number of sources costs more than a bounded memory."""

import socket
import time

import pytest

from sockgate.core.peer import Peer, internet_peer, pack
from sockgate.dispatch import source_rates
from sockgate.dispatch.source_rates import MOST_SOURCES, SourceRates
from tests.connection.launch import everything_from
from tests.core.clients import client, local_user, steps
from tests.dispatch.conftest import Start
from tests.dispatch.gated import SECONDS, Gated

PREFIX = (32, 64)
SAY = ("--deny-message", "421 no", "/bin/echo", "hello")


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in one element that a test changes."""
    seconds = [1000.0]
    monkeypatch.setattr(source_rates, "monotonic", lambda: seconds[0])
    return seconds


def numbered(number: int) -> Peer:
    """Another client for each number."""
    return internet_peer(number.to_bytes(4, "big"), 4711, pack("192.0.2.1"), 25)


def ipv6(network: int, number: int) -> Peer:
    """Client `number` of the /64 with this number."""
    remote = (0x2001_0DB8 << 96 | network << 64 | number).to_bytes(16, "big")
    return internet_peer(remote, 4711, pack("2001:db8:ffff::1"), 25)


def may_come(rates: SourceRates, peer: Peer) -> bool:
    return rates.excess(peer) is None


def test_one_client_too_many_is_refused_until_the_time_of_the_first_is_over(now: list[float]) -> None:
    rates = SourceRates(3, 10, 0, PREFIX)
    came = []
    for at in (0, 1, 2, 3, 9.9, 10, 11, 12, 13, 19.9, 20):
        now[0] = 1000 + at
        came.append(may_come(rates, client("192.0.2.7")))
    assert came == [True, True, True, False, False, True, True, True, False, False, True]


def test_a_block_lasts_as_long_as_it_says_also_for_a_client_that_goes_on_trying(now: list[float]) -> None:
    rates = SourceRates(1, 10, 60, PREFIX)
    came = []
    for at in (0, 5, 10, 30, 64.9, 65, 66):
        now[0] = 1000 + at
        came.append(may_come(rates, client("192.0.2.7")))
    assert came == [True, False, False, False, False, True, False]


def test_a_block_is_not_shorter_than_the_time_itself(now: list[float]) -> None:
    rates = SourceRates(1, 60, 5, PREFIX)
    assert [may_come(rates, client("192.0.2.7")) for _ in range(2)] == [True, False]
    now[0] += 59
    assert not may_come(rates, client("192.0.2.7"))
    now[0] += 1
    assert may_come(rates, client("192.0.2.7"))


def test_a_steady_client_at_the_limit_is_never_refused(now: list[float]) -> None:
    rates = SourceRates(4, 60, 0, PREFIX)
    for _ in range(200):
        assert may_come(rates, client("192.0.2.7"))
        now[0] += 15


def test_each_source_has_its_own_rate_and_the_addresses_of_an_ipv6_64_are_one_source(now: list[float]) -> None:
    rates = SourceRates(1, 60, 0, PREFIX)
    sources = [client("192.0.2.7"), client("192.0.2.8"), ipv6(1, 1), ipv6(2, 1), local_user()]
    assert [may_come(rates, each) for each in sources] == [True] * 5
    assert not may_come(rates, ipv6(1, 77))
    assert not may_come(rates, local_user())
    mapped = internet_peer(pack("192.0.2.7"), 1, pack("192.0.2.1"), 25)
    assert not may_come(rates, mapped)
    wide = SourceRates(1, 60, 0, (24, 48))
    assert [may_come(wide, client(f"192.0.2.{last}")) for last in (7, 8)] == [True, False]


def test_sources_of_different_kinds_with_one_number_are_two(now: list[float]) -> None:
    rates = SourceRates(1, 10, 0, (16, 16))
    user = Peer("UNIX")
    user.credentials = (1, 0x2001, 0)
    peers = [client("32.1.0.7"), client("2001:db8::7"), user]
    assert [may_come(rates, peer) for peer in peers] == [True] * 3
    assert [may_come(rates, peer) for peer in peers] == [False] * 3


def test_the_refusal_names_the_option_and_says_which_one_begins_the_block(now: list[float]) -> None:
    rates = SourceRates(1, 10, 60, PREFIX)
    rates.excess(client("192.0.2.7"))
    first, second = rates.excess(client("192.0.2.7")), rates.excess(client("192.0.2.7"))
    assert first
    assert second
    assert (first.is_first, second.is_first) == (True, False)
    assert str(first.cause) == "--rate-per-source 1/10,60"
    assert first.reason == "more than 1 connection in 10 s from this source, blocked for 60 s (--rate-per-source)"
    plain = SourceRates(2, 10, 0, PREFIX)
    assert plain._first.reason == "more than 2 connections in 10 s from this source (--rate-per-source)"


@pytest.mark.parametrize("rotate", [numbered, lambda number: ipv6(number, number)], ids=["IPv4", "IPv6 /64"])
def test_no_number_of_sources_takes_more_than_a_bounded_memory(now: list[float], rotate: object) -> None:
    assert callable(rotate)
    rates = SourceRates(1, 60, 600, PREFIX)
    for number in range(1, 5 * MOST_SOURCES):
        peer = rotate(number)
        assert rates.excess(peer) is None
        assert rates.excess(peer)
        now[0] += 0.0001
    assert len(rates._times) <= 2 * MOST_SOURCES
    assert len(rates._blocks) <= 2 * MOST_SOURCES


def test_the_cost_of_a_decision_does_not_grow_with_the_number_of_sources(now: list[float]) -> None:
    rates = SourceRates(1, 60, 0, PREFIX)
    first = steps(lambda: rates.excess(numbered(1)))
    for number in range(2, 3 * MOST_SOURCES):
        rates.excess(numbered(number))
    assert abs(steps(lambda: rates.excess(numbered(1 << 24))) - first) <= 2


def test_the_sources_that_came_last_are_remembered_also_in_a_flood_of_others(now: list[float]) -> None:
    rates = SourceRates(1, 60, 600, PREFIX)
    for _ in range(2):
        rates.excess(client("192.0.2.7"))
    for number in range(MOST_SOURCES - 1):
        rates.excess(numbered(number))
    assert not may_come(rates, client("192.0.2.7"))
    for number in range(3 * MOST_SOURCES):
        rates.excess(numbered(1 << 24 | number))
    now[0] += 61
    assert not may_come(rates, client("192.0.2.7")), "a flood that is not blocked itself drives out no block"


def test_what_is_forgotten_lets_clients_in_and_refuses_none(now: list[float]) -> None:
    rates = SourceRates(2, 3600, 3600, PREFIX)
    assert all(may_come(rates, numbered(number)) for number in range(1, 5 * MOST_SOURCES))
    assert all(may_come(rates, numbered(number)) for number in range(1, 1000))


def test_a_gate_with_nothing_to_remember_may_exit(now: list[float]) -> None:
    rates = SourceRates(1, 10, 60, PREFIX)
    assert rates.memory_left == 0
    rates.excess(client("192.0.2.7"))
    assert rates.memory_left == 10
    rates.excess(client("192.0.2.7"))
    now[0] += 5
    assert rates.memory_left == 55
    now[0] += 56
    assert rates.memory_left == 0


def test_a_source_that_comes_too_often_is_blocked_with_one_record_and_the_exact_count(gated: Start) -> None:
    one = gated("--rate-per-source", "3/3600", *SAY)
    answers = [one.talk() for _ in range(50)]
    assert answers == [b"hello\n"] * 3 + [b"421 no\r\n"] * 47
    assert one.talk("127.0.0.2") == b"hello\n"
    assert len(one.wait_for("refused")) == 1
    one.stop()
    begin, total = one.lines("refused 127")
    reason = "more than 3 connections in 3600 s from this source (--rate-per-source)"
    assert begin.endswith(f": {reason}")
    assert "refused 127.0.0.1 46 more times on" in total
    assert total.endswith(f": {reason}")
    assert "4 served, 47 refused" in one.lines("stopped")[0]


def test_the_first_connection_of_a_blocked_source_to_another_address_is_no_new_block(gated: Start) -> None:
    one = gated("--rate-per-source", "1/3600", *SAY, listen="0.0.0.0:0")
    port = int(one.addresses[0].rpartition(":")[2])
    for last in (1, 2, 3, 4, 5):  # the gate remembers no verdict about any of them
        with socket.create_connection((f"127.0.0.{last}", port), SECONDS, ("127.0.0.9", 0)) as connection:
            assert everything_from(connection) == (b"hello\n" if last == 1 else b"421 no\r\n")
    one.stop()
    assert ["more times" in line for line in one.lines("refused 127")] == [False, True]


def test_each_block_has_its_record(gated: Start) -> None:
    one = gated("--rate-per-source", "1/1", *SAY)
    for count in range(1, 4):
        deadline = time.monotonic() + SECONDS
        while len(one.lines("accepted")) < count:
            assert time.monotonic() < deadline
            one.talk()
            time.sleep(0.02)
        for _ in range(5):
            one.talk()
        one.wait_for("refused", count)
    assert len(one.lines("refused")) <= len(one.lines("accepted"))


def test_clients_that_the_rules_refuse_do_not_count(gated: Start) -> None:
    one = gated("--rate-per-source", "1/3600", "--deny", "127.0.0.2", *SAY)
    for _ in range(5):
        assert one.talk("127.0.0.2") == b"421 no\r\n"
    one.stop()
    assert len(one.lines(r"in --deny 127\.0\.0\.2")) == 5


def test_a_blocked_source_does_not_use_up_the_rate_of_all(gated: Start) -> None:
    one = gated("--rate-per-source", "1/3600", "--rate", "3/3600", "--at-limit", "refuse", *SAY)
    for _ in range(20):
        one.talk()
    assert one.talk("127.0.0.2") == b"hello\n"


PROXIED = ("--proxy-protocol", "127.0.0.1", "--timeout", "60", "--rate-per-source", "2/3600")


def proxied(one: Gated, source: str, *, late: bool) -> bytes:
    """What a client behind a proxy is told. With `late`, the header comes after the connection."""
    header = f"PROXY TCP4 {source} 192.0.2.1 4711 25\r\n".encode()
    with one.connect() as connection:
        if late:
            one.wait_for(".")
            time.sleep(0.05)
        connection.sendall(header)
        connection.shutdown(socket.SHUT_WR)
        return everything_from(connection)


@pytest.mark.parametrize("late", [False, True])
def test_of_a_client_behind_a_proxy_its_own_address_counts(gated: Start, late: bool) -> None:
    one = gated(*PROXIED, *SAY)
    answers = [proxied(one, "192.0.2.7", late=late) for _ in range(6)]
    assert answers == [b"hello\n"] * 2 + [b"421 no\r\n"] * 4
    assert proxied(one, "192.0.2.8", late=late) == b"hello\n"
    one.stop()
    begin, total = one.lines("refused 192.0.2.7")
    assert "refused 192.0.2.7:4711 on 192.0.2.1:25 via " in begin
    assert "refused 192.0.2.7 3 more times" in total
