"""Counting clients by source and network, and how fast they come."""

import pytest

from sockgate.core import Verdict
from sockgate.core.peer import Peer
from sockgate.dispatch.client_counts import ClientCounts
from sockgate.dispatch.options import Limits
from sockgate.dispatch.sources import network_of
from tests.core.clients import client, local_user


@pytest.mark.parametrize(
    ("one", "other", "prefix", "same"),
    [
        ("192.0.2.1", "192.0.2.1", (32, 64), True),
        ("192.0.2.1", "192.0.2.2", (32, 64), False),
        ("192.0.2.1", "192.0.2.254", (24, 64), True),
        ("192.0.2.1", "192.0.3.1", (24, 64), False),
        ("2001:db8::1", "2001:db8::ffff:1", (32, 64), True),
        ("2001:db8::1", "2001:db8:0:1::1", (32, 64), False),
        ("2001:db8::1", "2001:db8::2", (32, 128), False),
        ("::ffff:192.0.2.1", "192.0.2.1", (32, 64), True),
        ("0.0.0.1", "::1", (32, 128), False),
    ],
)
def test_a_source_is_a_prefix_of_the_address(one: str, other: str, prefix: tuple[int, int], same: bool) -> None:
    assert (network_of(client(one), prefix) == network_of(client(other), prefix)) is same


def test_the_source_of_a_local_client_is_its_user_in_each_of_its_processes() -> None:
    credentials = local_user().credentials
    assert credentials
    pid, user, group = credentials
    same, other = Peer("UNIX"), Peer("UNIX")
    same.credentials = (pid + 1, user, group + 1)
    other.credentials = (pid, user + 1, group)
    assert network_of(local_user(), (32, 64)) == network_of(same, (32, 64))
    assert network_of(local_user(), (32, 64)) != network_of(other, (32, 64))


def test_the_limit_of_a_source_counts_the_clients_that_are_there() -> None:
    counts = ClientCounts(Limits(per_source=2))
    assert [counts.enter(counts.origin(client("192.0.2.1"))) for _ in range(2)] == [1, 2]
    refusal = counts.enter(counts.origin(client("192.0.2.1")))
    assert isinstance(refusal, Verdict)
    assert (str(refusal.cause), refusal.reason) == (
        "--max-per-source 2",
        "already 2 connections from this source (--max-per-source)",
    )
    assert counts.enter(counts.origin(client("192.0.2.2"))) == 1
    counts.leave(counts.origin(client("192.0.2.1")))
    assert counts.enter(counts.origin(client("192.0.2.1"))) == 2


def test_the_limit_of_a_network_counts_all_its_sources() -> None:
    counts = ClientCounts(Limits(per_network=1))
    counts.enter(counts.origin(client("2001:db8:1:1::1")))
    refusal = counts.enter(counts.origin(client("2001:db8:1:2::1")))
    assert isinstance(refusal, Verdict)
    assert refusal.reason == "already 1 connection from this network (--max-per-network)"
    assert counts.enter(counts.origin(client("2001:db8:2::1"))) == 1


def test_nothing_is_kept_of_a_source_that_has_left() -> None:
    counts = ClientCounts(Limits(per_network=100))
    for number in range(100):
        counts.enter(counts.origin(client(f"192.0.2.{number}")))
    assert (len(counts.sources), len(counts.networks)) == (100, 1)
    for number in range(100):
        counts.leave(counts.origin(client(f"192.0.2.{number}")))
    assert (dict(counts.sources), dict(counts.networks)) == ({}, {})
