"""DNS lists: which answers count, and how long it may take until there is one."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from sockgate.core.listing import Listing
from sockgate.core.peer import pack
from sockgate.resolve.dns_client import known_servers
from sockgate.resolve.dns_lists import listing_of
from sockgate.resolve.tasks import ask
from tests.differential.namespace import Namespace, require
from tests.resolve.nameserver import (
    REFUSED,
    SERVFAIL,
    SILENT,
    Odd,
    Record,
    Zone,
    address_of,
    alias,
    entry,
    listed,
    name_to_wire,
    record,
    right_answer,
    serving,
    text_of,
    with_records,
)  # fmt: skip

SPAMMER = "192.0.2.66"
TWO = pack("127.0.0.2")


def odd(zone: str, behaviour: Odd | int, client: str = SPAMMER) -> Zone:
    return {(entry(client, zone), "A"): behaviour}


def right(zone: str, answer: bytes) -> bytes:
    """The answer with a listing in it."""
    return with_records(answer, record(entry(SPAMMER, zone), "A", TWO))


def wrong_number(query: bytes, answer: bytes) -> list[bytes]:
    number = int.from_bytes(query[:2], "big") ^ 1
    return [number.to_bytes(2, "big") + right("number", answer)[2:]]


def late(query: bytes, answer: bytes) -> list[bytes]:
    time.sleep(0.2)
    return [right("late", answer)]


def aliases(name: str, length: int) -> list[Record]:
    """So many aliases, the last of a name that is listed."""
    names = [name, *(f"n{number}.elsewhere" for number in range(length))]
    records: list[Record] = [(owner, "CNAME", name_to_wire(target)) for owner, target in pairwise(names)]
    return [*records, (names[-1], "A", TWO)]


OTHER_QUESTION = bytes((0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0))
ZONE: Zone = (
    listed(SPAMMER, "bl", "127.0.0.2", text=b"spam\r\nand more")
    | listed(SPAMMER, "many", "127.0.0.2", "127.0.0.4")
    | listed("2001:db8::66", "bl", "127.0.0.2", text=b"six")
    | listed(SPAMMER, "public", "203.0.113.5")
    | listed(SPAMMER, "mixed", "127.0.0.2", "203.0.113.5")
    | listed(SPAMMER, "resolver", "127.255.255.254")
    | listed(SPAMMER, "quota", "127.0.0.2", "127.255.255.255")
    | alias(entry(SPAMMER, "alias"), "elsewhere", "127.0.0.9")
    | {("*.parked", "A"): [("*.parked", "A", pack("198.51.100.9"))]}
    | {("*.everybody", "A"): [("*.everybody", "A", TWO)]}
    | odd("silent", SILENT) | odd("broken", SERVFAIL) | odd("refused", REFUSED) | odd("late", late)
    | odd("number", wrong_number) | {(entry(SPAMMER, "empty"), "A"): []}
    | odd("two", lambda query, answer: [*wrong_number(query, answer), b"", b"\0" * 600, right("two", answer)])
    | odd("question", lambda query, answer: [query[:2] + OTHER_QUESTION + record("x", "A", TWO) * 2])
    | odd("echo", lambda query, _: [query])
    | odd("short", lambda query, answer: [right("short", answer)[:-1]])
    | odd("owner", lambda _, answer: [with_records(answer, record("other.owner", "A", TWO))])
    | odd("length", lambda _, answer: [with_records(answer, record(entry(SPAMMER, "length"), "A", b"\x7f\0\2"))])
    | {(entry(SPAMMER, "loop"), "A"): [(entry(SPAMMER, "loop"), "CNAME", name_to_wire(entry(SPAMMER, "loop")))]}
    | {(entry(SPAMMER, "chain"), "A"): aliases(entry(SPAMMER, "chain"), 17)}
    | odd("count", lambda _, answer: [answer[:6] + b"\xff\xff" + answer[8:]])
    | odd("long", lambda _, answer: [answer[:2] + b"\x83" + answer[3:]])
    | {(f"tcp.{entry(SPAMMER, 'long')}", "A"): [(entry(SPAMMER, "long"), "A", TWO)] * 40}
    | {(entry(SPAMMER, "bare"), "A"): [(entry(SPAMMER, "bare"), "A", TWO)],
       (entry(SPAMMER, "bare"), "TXT"): SILENT}
    | text_of(entry(SPAMMER, "many"), b"a" * 255, b"b" * 255)
    | address_of("elsewhere", "127.0.0.9")
)  # fmt: skip


@pytest.fixture(scope="module")
def network() -> Iterator[Namespace]:
    require("ip")
    etc = {"resolv.conf": "# ours\nnameserver 127.0.0.1\noptions timeout:30\n"}
    with Namespace(etc) as network, serving(network, ZONE):
        yield network


def look_up(
    network: Namespace, zone: str, client: str = SPAMMER, *, text: bool = False, seconds: float = 30
) -> Listing:
    def run() -> Listing:
        return ask(listing_of(pack(client), zone, known_servers(), text=text), time.monotonic() + seconds)

    return network.run(run)


def says(listing: Listing) -> tuple[list[str], str, str]:
    return [".".join(map(str, address)) for address in listing.addresses], listing.text, listing.problem


def test_a_client_is_listed_or_it_is_not(network: Namespace) -> None:
    assert says(look_up(network, "bl")) == (["127.0.0.2"], "", "")
    assert says(look_up(network, "bl", text=True)) == (["127.0.0.2"], "spam??and more", "")
    assert says(look_up(network, "bl", "192.0.2.6", text=True)) == ([], "", "")
    assert says(look_up(network, "bl", "2001:db8::66", text=True)) == (["127.0.0.2"], "six", "")
    assert says(look_up(network, "bl", "2001:db8::67")) == ([], "", "")
    assert says(look_up(network, "many", text=True)) == (["127.0.0.2", "127.0.0.4"], "a" * 255 + "b" * 145, "")
    assert says(look_up(network, "alias")) == (["127.0.0.9"], "", "")
    assert says(look_up(network, "empty")) == ([], "", "")


@pytest.mark.parametrize(
    ("zone", "problem"),
    [
        ("public", "it answers 203.0.113.5, which is no listing"),
        ("mixed", "it answers 203.0.113.5, which is no listing"),
        ("parked", "it answers 198.51.100.9, which is no listing"),
        ("resolver", "it answers 127.255.255.254, which is no listing"),
        ("quota", "it answers 127.255.255.255, which is no listing"),
        ("broken", "SERVFAIL"),
        ("refused", "REFUSED"),
        ("short", "a malformed answer"),
        ("count", "a malformed answer"),
        ("loop", "a malformed answer"),
        ("chain", "a malformed answer"),
        ("length", "it answers nonsense, which is no listing"),
    ],
)
def test_an_answer_that_is_no_listing_is_a_failure(network: Namespace, zone: str, problem: str) -> None:
    assert says(look_up(network, zone, text=True)) == ([], "", problem)


def test_an_answer_about_another_name_says_nothing_of_this_one(network: Namespace) -> None:
    assert says(look_up(network, "owner")) == ([], "", "")


@pytest.mark.parametrize("zone", ["silent", "number", "question", "echo"])
def test_what_is_no_answer_to_our_question_is_waited_out(network: Namespace, zone: str) -> None:
    begin = time.monotonic()
    assert says(look_up(network, zone, seconds=0.2)) == ([], "", "no answer in time")
    assert time.monotonic() - begin > 0.19


def test_a_forged_answer_does_not_keep_the_right_one_away(network: Namespace) -> None:
    assert says(look_up(network, "two")) == (["127.0.0.2"], "", "")


def test_an_answer_from_another_sender_does_not_count(network: Namespace) -> None:
    """The right one in all but where it comes from: another port of the same server."""
    server, forger = network.run(lambda: [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)])
    server.bind(("127.0.2.1", 53))
    forger.bind(("127.0.2.1", 0))

    def forge() -> None:
        query, client = server.recvfrom(512)
        forger.sendto(right_answer(query, ZONE), client)

    thread = threading.Thread(target=forge)
    thread.start()
    question = listing_of(pack(SPAMMER), "bl", [("127.0.2.1", 53)], text=False)
    try:
        assert network.run(lambda: ask(question, time.monotonic() + 0.3)).problem == "no answer in time"
    finally:
        thread.join()
        server.close()
        forger.close()


def test_a_late_answer_counts_before_the_deadline_only(network: Namespace) -> None:
    assert says(look_up(network, "late")) == (["127.0.0.2"], "", "")
    assert look_up(network, "late", seconds=0.1).problem == "no answer in time"


def test_a_long_answer_comes_by_tcp(network: Namespace) -> None:
    assert len(look_up(network, "long").addresses) == 40


def test_a_client_is_listed_even_if_the_reason_is_not_told_in_time(network: Namespace) -> None:
    assert says(look_up(network, "bare", text=True, seconds=3)) == (["127.0.0.2"], "", "")


def test_the_next_server_is_asked_where_one_is_silent_or_closed_or_fails(
    network: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sockgate.resolve.dns_client.FIRST_PATIENCE", 20)
    failing: Zone = {("*.bl", "A"): SERVFAIL}
    silent: Zone = {("*.bl", "A"): SILENT}
    network.run(lambda: Path("/etc/resolv.conf").write_text("".join(f"nameserver 127.0.1.{n}\n" for n in (1, 2, 3))))
    try:
        with serving(network, failing, "127.0.1.2"), serving(network, ZONE, "127.0.1.3"):
            begin = time.monotonic()
            assert says(look_up(network, "bl")) == (["127.0.0.2"], "", "")  # no server at the first, the second fails
            assert time.monotonic() - begin < 15, "no server was waited for"
        monkeypatch.setattr("sockgate.resolve.dns_client.FIRST_PATIENCE", 0.2)
        with serving(network, silent, "127.0.1.1"), serving(network, ZONE, "127.0.1.2"):
            begin = time.monotonic()
            assert says(look_up(network, "bl")) == (["127.0.0.2"], "", "")
            assert 0.19 < time.monotonic() - begin < 15
        begin = time.monotonic()
        assert look_up(network, "bl").problem == os.strerror(111)
        assert time.monotonic() - begin < 15
    finally:
        network.run(lambda: Path("/etc/resolv.conf").write_text("nameserver 127.0.0.1\n"))


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("", [("127.0.0.1", 53)]),
        ("nameserver\nnameserver x\n#nameserver 10.0.0.1\n;nameserver 10.0.0.1\n", [("127.0.0.1", 53)]),
        (
            "search a\nnameserver 10.0.0.1 # x\n nameserver\t::1\nnameserver fe80::1%lo\nnameserver 10.0.0.2\n",
            [("10.0.0.1", 53), ("::1", 53, 0, 0), ("fe80::1", 53, 0, 1)],
        ),
        ("nameserver 10.0.1\nnameserver fe80::1%nonsense\nnameserver 10.0.0.3", [("10.0.0.3", 53)]),
        # What a file system leaves of a file after a crash.
        ("nameserver 10.0.0.4\nnameserver 10.0.0.5\0\0\nnameserver fe80::1%l\0", [("10.0.0.4", 53)]),
    ],
)
def test_the_servers_are_those_of_resolv_conf(
    text: str, servers: list[tuple[object, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "resolv.conf").write_text(text)
    monkeypatch.setattr("sockgate.resolve.dns_client.RESOLV_CONF", f"{tmp_path}/resolv.conf")
    assert known_servers() == servers
    monkeypatch.setattr("sockgate.resolve.dns_client.RESOLV_CONF", f"{tmp_path}/none")
    assert known_servers() == [("127.0.0.1", 53)]


def test_questions_have_random_numbers(network: Namespace) -> None:
    seen: list[bytes] = []

    def note(query: bytes, answer: bytes) -> list[bytes]:
        seen.append(query)
        return [answer]

    zone: Zone = {("*.bl", "A"): note}
    network.run(lambda: Path("/etc/resolv.conf").write_text("nameserver 127.0.1.9\n"))
    with serving(network, zone, "127.0.1.9"):
        for _ in range(40):
            look_up(network, "bl")
    network.run(lambda: Path("/etc/resolv.conf").write_text("nameserver 127.0.0.1\n"))
    numbers = [int.from_bytes(query[:2], "big") for query in seen]
    assert len(set(numbers)) > 35


def test_nothing_is_left_open(network: Namespace) -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = network.run(count)
    for zone in ("bl", "silent", "broken", "long", "short"):
        look_up(network, zone, seconds=0.1)
    deadline = time.monotonic() + 60
    while network.run(count) != before:  # the servers of this test are here as well, and close a little later
        assert time.monotonic() < deadline
        time.sleep(0.01)
