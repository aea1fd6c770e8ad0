"""--listen."""

import socket
from pathlib import Path

import pytest

from sockgate.core import SystemFailure, UsageError
from sockgate.dispatch.accepting.accepting import Accepting, adopt, is_in_use, listen, parse_address
from sockgate.dispatch.poller import Poller, Timers
from sockgate.dispatch.records.buffered_log import BufferedLog
from sockgate.dispatch.records.records import Records
from tests.test_atomic_write import foreign


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("127.0.0.1:25", (socket.AF_INET, ("127.0.0.1", 25))),
        ("0.0.0.0:0", (socket.AF_INET, ("0.0.0.0", 0))),
        ("[::1]:65535", (socket.AF_INET6, ("::1", 65535))),
        ("/run/x", (socket.AF_UNIX, "/run/x")),
        ("@abstract", (socket.AF_UNIX, "\0abstract")),
    ],
)
def test_an_address_is_read(where: str, expected: object) -> None:
    assert parse_address(where) == expected


@pytest.mark.parametrize(
    "where",
    ["", "25", ":25", "localhost:25", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:25",
     "127.0.0.1:" + "1" * 5000, "[127.0.0.1]:25", "[::1]", "[::1]25", "127.1:25", "127.0.0.1:\uff12\uff15",
     "relative/path"],
)  # fmt: skip
def test_anything_else_is_an_error_that_shows_it(where: str) -> None:
    with pytest.raises(UsageError) as caught:
        listen(where)
    assert str(caught.value) == f"--listen: {where!r} is neither ADDR:PORT, [IPv6]:PORT nor a path"


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SystemFailure) as caught:
            listen(where)
    assert str(caught.value) == f"unable to listen on {where!r}: Address already in use"


def test_ipv6_listens_for_ipv4_as_well() -> None:
    listener = listen("[::]:0")
    port = int(listener.address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)):
        connection = listener.accept()
    connection.close()
    listener._socket.close()


def test_a_socket_file_without_a_listener_is_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(path)
    listener = listen(path)
    assert listener.address == path
    listener._socket.close()


def test_a_socket_file_that_is_in_use_and_any_other_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(SystemFailure, match="Address already in use"):
            listen(str(path))
    path.unlink()
    path.write_text("mine")
    with pytest.raises(SystemFailure, match="Address already in use"):
        listen(str(path))
    assert path.read_text() == "mine"


def test_a_socket_file_whose_queue_is_full_is_in_use_and_is_not_waited_for(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as client:
        other.bind(path)
        other.listen(0)
        client.connect(path)
        assert is_in_use(path)


def test_no_socket_file_is_removed_behind_a_link_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    path = tmp_path / "real/socket"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    link = tmp_path / "link"
    link.symlink_to("real")
    listen(str(link / "socket"))._socket.close()
    foreign(link, monkeypatch)
    with pytest.raises(SystemFailure, match="the symbolic link 'link' in its path belongs to another user"):
        listen(str(link / "socket"))
    assert path.is_socket()


def test_a_path_that_is_too_long_for_a_socket_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(SystemFailure, match=r"unable to listen on '/.*': AF_UNIX path too long"):
        listen(f"/{'x' * 200}")


def test_a_connection_never_blocks_the_listener_but_its_server() -> None:
    listener = listen("127.0.0.1:0")
    with pytest.raises(BlockingIOError):
        listener.accept()
    host, _, port = listener.address.rpartition(":")
    with socket.create_connection((host, int(port))):
        connection = listener.accept()
        assert connection.gettimeout() is None
        connection.close()
    listener._socket.close()


def test_only_listening_stream_sockets_are_adopted(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, open(tmp_path / "file", "w") as file:
        for descriptor, message in (
            (datagrams.fileno(), "is no listening stream socket (the socket unit needs Accept=no)"),
            (file.fileno(), "is no socket: Socket operation on non-socket"),
        ):
            with pytest.raises(UsageError) as caught:
                adopt(descriptor)
            assert str(caught.value) == f"descriptor {descriptor} {message}"


def test_the_end_of_a_pause_does_not_hide_that_the_gate_is_draining() -> None:
    accepting = Accepting([], Poller(), Timers(), Records(BufferedLog("sockgated", "", b"")))
    accepting.pause(0, "there is no descriptor left")
    accepting.close_for_good("draining for at most 60 s")
    accepting.end_pause()
    assert accepting.trouble == "draining for at most 60 s"
