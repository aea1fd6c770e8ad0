"""The client's user: which answers of an ident server are believed, and how long it is waited for."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.core.peer import Peer, internet_peer, pack
from sockgate.resolve.ident import LONGEST_REPLY, LONGEST_USER, USABLE, user_in, user_of
from sockgate.resolve.tasks import Unable, ask
from tests.differential.namespace import Namespace, require

REMOTE, LOCAL = 6193, 23
PREFIX = b"6193, 23 : USERID : UNIX : "
CLIENT, SERVER = "10.0.0.1", "10.0.0.2"

Serve = Callable[[socket.socket], None]


@pytest.mark.parametrize(
    ("reply", "user"),
    [
        (b"6193, 23 : USERID : UNIX : joe\r\n", "joe"),
        (b"6193,23:USERID:UNIX:joe\r\n", "joe"),
        (b" 6193\t,\t23 :\tUSERID : OTHER,US-ASCII :\tJoe_A.b+c-9 \r\n", "Joe_A.b+c-9"),
        (PREFIX + b"a" * LONGEST_USER + b"\r\n", "a" * LONGEST_USER),
        (PREFIX + b"joe\r\nsecond line\r\n", "joe"),
        (PREFIX + b"a" * (LONGEST_USER + 1) + b"\r\n", None),
        (PREFIX + b"joe", None),
        (PREFIX + b"joe\n", None),
        (PREFIX + b"joe\r", None),
        (PREFIX + b"\r\n", None),
        (PREFIX + b"  \r\n", None),
        (PREFIX + b"two words\r\n", None),
        (PREFIX + b"joe\nroot\r\n", None),
        (PREFIX + b"joe\0\r\n", None),
        (PREFIX + b"joe@trusted\r\n", None),
        (PREFIX + b"-froot\r\n", None),
        (PREFIX + b"..\r\n", None),
        (PREFIX + b".profile\r\n", None),
        (PREFIX + b"a:b\r\n", None),
        (PREFIX + b"() { :;}; echo pwned\r\n", None),
        (PREFIX + b"\x1b[2Jjoe\r\n", None),
        (PREFIX + b"%n%s\r\n", None),
        (PREFIX + "joé".encode() + b"\r\n", None),
        (PREFIX + b"\xe2\x80\xaejoe\r\n", None),
        (b"23, 6193 : USERID : UNIX : joe\r\n", None),
        (b"6193, 24 : USERID : UNIX : joe\r\n", None),
        (b"6193 : USERID : UNIX : joe\r\n", None),
        (b"6193, 23, 23 : USERID : UNIX : joe\r\n", None),
        (b"6193, 23 x : USERID : UNIX : joe\r\n", None),
        (b"06193, 23 : USERID : UNIX : joe\r\n", "joe"),
        (b"\xb2, 23 : USERID : UNIX : joe\r\n", None),
        (b"6193, 23 : ERROR : NO-USER\r\n", None),
        (b"6193, 23 : ERROR : UNIX : joe\r\n", None),
        (b"6193, 23 : userid : UNIX : joe\r\n", None),
        (b"6193, 23 : USERID : joe\r\n", None),
        (b"", None),
        (b"\r\n", None),
    ],
)
def test_only_a_users_name_about_this_very_connection_is_believed(reply: bytes, user: str | None) -> None:
    assert user_in(reply, REMOTE, LOCAL) == user


@pytest.mark.parametrize("before", [b"", b"ab"])
@pytest.mark.parametrize("after", [b"", b"yz"])
def test_of_all_bytes_in_all_places_only_those_of_names_pass(before: bytes, after: bytes) -> None:
    for byte in range(256):
        user = user_in(PREFIX + before + bytes([byte]) + after + b"\r\n", REMOTE, LOCAL)
        assert user is None or set(user) <= USABLE
        passes = chr(byte) in USABLE and (before or chr(byte) not in ".-")
        assert (user is not None) == bool(passes or (chr(byte) in " \t" and bool(before) != bool(after))), byte


@given(st.binary(max_size=60))
def test_any_answer_gives_a_clean_name_or_none(noise: bytes) -> None:
    for reply in (noise, PREFIX + noise, PREFIX + noise + b"\r\n"):
        user = user_in(reply, REMOTE, LOCAL)
        assert user is None or (0 < len(user) <= LONGEST_USER and set(user) <= USABLE)


@pytest.fixture(scope="module")
def network() -> Iterator[Namespace]:
    require("ip")
    with Namespace() as network:
        yield network


@contextmanager
def ident_server(network: Namespace, serve: Serve, address: str = CLIENT) -> Iterator[list[tuple[str, bytes]]]:
    """One on port 113 of the client's machine. Gives who asked, and what."""
    asked: list[tuple[str, bytes]] = []
    server = network.run(lambda: socket.create_server((address, 113)))

    def run() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, (source, *_) = server.accept()
                with connection:
                    question = connection.recv(100)
                    asked.append((source, question))
                    if question == b"":
                        return
                    serve(connection)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield asked
    finally:
        network.run(lambda: socket.create_connection((address, 113)).close())
        thread.join()
        server.close()


def peer() -> Peer:
    return internet_peer(pack(CLIENT), REMOTE, pack(SERVER), LOCAL)


def ask_for_user(network: Namespace, seconds: float = 60, deadline: float = 60) -> str | None:
    return network.run(lambda: ask(user_of(peer(), seconds), time.monotonic() + deadline))


def saying(reply: bytes) -> Serve:
    return lambda connection: connection.sendall(reply)


def byte_by_byte(connection: socket.socket) -> None:
    for byte in PREFIX + b"joe\r\n":
        connection.sendall(bytes([byte]))
        time.sleep(0.002)


def endless(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"x" * 10000)


def silent(connection: socket.socket) -> None:
    connection.settimeout(60)
    with contextlib.suppress(OSError):
        connection.recv(1)


def test_the_question_is_about_these_two_ports_and_comes_from_the_server(network: Namespace) -> None:
    with ident_server(network, saying(PREFIX + b"joe\r\n")) as asked:
        assert ask_for_user(network) == "joe"
    assert asked[0] == (SERVER, b"6193, 23\r\n")


@pytest.mark.parametrize(
    ("serve", "user"),
    [
        (byte_by_byte, "joe"),
        (endless, None),
        (saying(b""), None),
        (saying(PREFIX + b"j" * 3000 + b"\r\n"), None),
        (saying(b"x" * LONGEST_REPLY + PREFIX + b"joe\r\n"), None),
        (saying(b"6193, 23 : ERROR : HIDDEN-USER\r\n"), None),
    ],
)
def test_an_ident_server_may_say_what_it_likes(network: Namespace, serve: Serve, user: str | None) -> None:
    with ident_server(network, serve):
        begin = time.monotonic()
        assert ask_for_user(network) == user
        assert time.monotonic() - begin < 50, "the end of an answer is not waited for"


def test_without_an_ident_server_no_client_waits(network: Namespace) -> None:
    begin = time.monotonic()
    with pytest.raises(Unable, match=r"^Connection refused$"):
        ask_for_user(network)
    assert time.monotonic() - begin < 50


@pytest.mark.parametrize(
    ("seconds", "deadline", "problem"), [(0.2, 60, "the ident server does not answer"), (60, 0.2, "no answer in time")]
)
def test_a_silent_ident_server_is_given_up_in_time(
    network: Namespace, seconds: float, deadline: float, problem: str
) -> None:
    with ident_server(network, silent):
        begin = time.monotonic()
        with pytest.raises(Unable, match=f"^{problem}$"):
            ask_for_user(network, seconds, deadline)
        assert 0.19 < time.monotonic() - begin < 50


def test_one_that_drops_what_it_is_sent_is_given_up_in_time(network: Namespace) -> None:
    """A full queue of connections: the kernel ignores further clients."""

    def fill() -> list[socket.socket]:
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((CLIENT, 113))
        server.listen(0)
        clients = [socket.socket() for _ in range(3)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex((CLIENT, 113))
        return [server, *clients]

    sockets = network.run(fill)
    try:
        begin = time.monotonic()
        with pytest.raises(Unable, match=r"^the ident server does not answer$"):
            ask_for_user(network, 0.2)
        assert 0.19 < time.monotonic() - begin < 50
    finally:
        for each in sockets:
            each.close()


def test_an_address_that_is_not_ours_to_ask_from_is_a_failure() -> None:
    stranger = internet_peer(pack("127.0.0.1"), REMOTE, pack("192.0.2.1"), LOCAL)
    with pytest.raises(Unable, match=r"^Cannot assign requested address$"):
        ask(user_of(stranger, 1), time.monotonic() + 1)


def test_no_descriptor_is_left_open(network: Namespace) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Unable):
        ask_for_user(network)
    assert len(os.listdir("/proc/self/fd")) == before
