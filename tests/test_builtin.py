"""sockgate-builtin: what inetd's internal services answer, and redirection."""

import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from sockgate import builtin
from sockgate.connection import proxy
from sockgate.core.peer import text_of, unmap
from tests.connection.launch import SOURCE

COMMAND = [sys.executable, "-I", builtin.__file__]


@contextmanager
def connected(*words: str, command: Sequence[str] = COMMAND) -> Iterator[socket.socket]:
    """The client's end of a stream whose other end the program has."""
    near, far = socket.socketpair()
    far.settimeout(60)
    with far, subprocess.Popen([*command, *words], stdin=near.fileno()) as process:
        near.close()
        yield far
        far.close()
        assert process.wait(60) == 0


def everything(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


def ask(data: bytes, *words: str, port: int = 0) -> bytes | None:
    """The answer to one datagram, None if there is none."""
    with (
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as server,
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client,
    ):
        server.bind(("127.0.0.1", 0))
        client.bind(("127.0.0.1", port))
        client.sendto(data, server.getsockname())
        subprocess.run([*COMMAND, *words], stdin=server.fileno(), check=True, timeout=60)
        client.setblocking(False)
        try:
            return client.recv(65536)
        except BlockingIOError:
            return None


def test_echo_sends_back_what_it_gets_until_the_client_ends() -> None:
    with connected("echo") as client:
        client.sendall(b"one\n")
        assert client.recv(100) == b"one\n"
        client.sendall(b"two")
        client.shutdown(socket.SHUT_WR)
        assert everything(client) == b"two"


def test_discard_reads_and_answers_nothing() -> None:
    with connected("discard") as client:
        client.sendall(b"x" * 100_000)
        client.shutdown(socket.SHUT_WR)
        assert everything(client) == b""


def test_chargen_sends_the_lines_of_rfc_864_until_the_client_leaves() -> None:
    with connected("chargen") as client:
        text = b""
        while len(text) < 74 * 3:
            text += client.recv(74 * 3 - len(text))
        lines = text.split(b"\r\n")
    assert [len(line) for line in lines] == [72, 72, 72, 0]
    assert lines[0].startswith(b'!"#$')
    assert lines[1] == lines[0][1:] + b"i"


def test_daytime_is_one_line_that_says_what_time_it_is() -> None:
    with connected("daytime") as client:
        said = everything(client).decode()
    assert said.endswith("\r\n")
    shown = datetime.strptime(said[:20], "%d %b %Y %H:%M:%S").astimezone()
    assert abs(datetime.now(UTC) - shown) < timedelta(seconds=60)


def test_time_is_four_bytes_of_seconds_since_1900() -> None:
    with connected("time") as client:
        seconds = int.from_bytes(everything(client), "big")
    now = datetime.now(UTC) - datetime(1900, 1, 1, tzinfo=UTC)
    assert abs(seconds - now.total_seconds()) < 60


@pytest.mark.parametrize(("name", "length"), [("echo", 5), ("chargen", 74), ("time", 4), ("daytime", 26)])
def test_a_datagram_gets_one_answer(name: str, length: int) -> None:
    answer = ask(b"hello", name)
    assert answer is not None
    assert abs(len(answer) - length) <= 3  # the name of the time zone


def test_a_datagram_of_a_socket_without_a_name_is_not_answered() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        far.send(b"hello")
        done = subprocess.run([*COMMAND, "echo"], stdin=near.fileno(), capture_output=True, text=True, timeout=10)
    assert (done.returncode, done.stderr) == (0, "")


def test_discard_answers_no_datagram() -> None:
    assert ask(b"hello", "discard") is None


def test_a_datagram_from_another_server_is_not_answered() -> None:
    try:
        assert ask(b"hello", "echo", port=1019) is None
    except PermissionError:
        pytest.skip("only root can send from a privileged port")


@contextmanager
def redirected(
    backend: Callable[[socket.socket], object], command: Sequence[str] = COMMAND, options: Sequence[str] = ()
) -> Iterator[socket.socket]:
    """A client that is redirected to this backend."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            with listener.accept()[0] as connection:
                backend(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        with connected("redirect", *options, "127.0.0.1", str(listener.getsockname()[1]), command=command) as client:
            yield client
        thread.join()


def test_redirect_copies_both_ways() -> None:
    with redirected(lambda end: end.sendall(b"hello " + end.recv(100))) as client:
        client.sendall(b"world")
        client.shutdown(socket.SHUT_WR)
        assert everything(client) == b"hello world"


def test_redirect_goes_on_while_one_side_still_speaks() -> None:
    """A client that has said all gets the whole answer, and a server that has said all hears the client out."""

    def answer_at_the_end(end: socket.socket) -> None:
        end.sendall(b"got %d" % len(everything(end)))

    with redirected(answer_at_the_end) as client:
        client.sendall(b"x" * 1_000_000)
        client.shutdown(socket.SHUT_WR)
        assert everything(client) == b"got 1000000"

    heard: list[bytes] = []

    def greet_and_listen(end: socket.socket) -> None:
        end.sendall(b"hello")
        end.shutdown(socket.SHUT_WR)
        heard.append(everything(end))

    with redirected(greet_and_listen) as client:
        assert everything(client) == b"hello"
        client.sendall(b"still here")
        client.shutdown(socket.SHUT_WR)
    assert heard == [b"still here"]


def test_redirect_does_not_wait_for_a_side_that_does_not_read() -> None:
    """Both send more than the buffers hold before they read."""

    def talk_first(end: socket.socket) -> None:
        end.sendall(b"s" * 8_000_000)
        end.shutdown(socket.SHUT_WR)
        assert len(everything(end)) == 8_000_000

    with redirected(talk_first) as client:
        sender = threading.Thread(target=client.sendall, args=[b"c" * 8_000_000])
        sender.start()
        assert len(everything(client)) == 8_000_000
        sender.join()
        client.shutdown(socket.SHUT_WR)


def test_redirect_ends_when_one_side_has_ended_and_the_other_is_silent() -> None:
    impatient = "import sys; sys.path[:0] = [{!r}]; from sockgate import builtin; builtin.HALF_CLOSED_SECONDS = 0.2;"
    command = [sys.executable, "-c", f"{impatient.format(str(SOURCE))} builtin.main()"]
    released = threading.Event()
    with redirected(lambda end: released.wait(30), command) as client:
        client.shutdown(socket.SHUT_WR)
        assert everything(client) == b""
        released.set()


@contextmanager
def target(
    *options: str, host: str = "127.0.0.1", environment: dict[str, str] | None = None
) -> Iterator[socket.socket]:
    """What a redirected TCP client of this machine connects to, with the connection that comes."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        closing(socket.create_server((host, 0), family=family)) as listener,
        closing(socket.create_server((host, 0), family=family)) as front,
        closing(socket.create_connection(front.getsockname()[:2])) as client,
        closing(front.accept()[0]) as accepted,
    ):
        words = [*COMMAND, "redirect", *options, host, str(listener.getsockname()[1])]
        with subprocess.Popen(words, stdin=accepted.fileno(), env=os.environ | (environment or {})):
            accepted.close()
            connection = listener.accept()[0]
            client.sendall(b"hello")
            client.shutdown(socket.SHUT_WR)
            with connection:
                yield connection


def read_ends(data: bytes) -> tuple[tuple[str, int], tuple[str, int]]:
    """The ends in the header in front of a client's hello, as the gate reads them."""
    assert data.endswith(b"hello")
    endpoints = proxy.parse(data.removesuffix(b"hello")).endpoints
    assert endpoints is not None
    remote, remote_port, local, local_port = endpoints
    return (text_of(remote), remote_port), (text_of(local), local_port)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_redirect_tells_its_target_of_the_client(version: str, host: str) -> None:
    with target("--proxy-protocol", version, host=host) as connection:
        source, destination = read_ends(everything(connection))
    assert source[0] == destination[0] == host
    assert source[1] != destination[1]


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    ("proto", "client", "gate"), [("TCP6", "2001:db8::1", "2001:db8::2"), ("SSL", "192.0.2.7", "192.0.2.1")]
)
def test_redirect_tells_of_the_client_that_the_gate_names(version: str, proto: str, client: str, gate: str) -> None:
    """With --ssl-variables=SSL as well: else the target would take the TLS program before the gate for the client."""
    told = {"PROTO": proto, "TCPREMOTEIP": client, "TCPREMOTEPORT": "4711", "TCPLOCALIP": gate, "TCPLOCALPORT": "25"}
    with target("--proxy-protocol", version, environment=told) as connection:
        assert read_ends(everything(connection)) == ((client, 4711), (gate, 25))


@pytest.mark.parametrize("version", ["1", "2"])
def test_redirect_tells_of_a_client_whose_two_ends_are_of_different_families(version: str) -> None:
    """With a header that names no client, the target would take the machine of the redirection for it."""
    ends = ("fe80::1%eth0", "192.0.2.1", 4711, 25)  # the scope is no part of an address
    conveyed = proxy.parse(builtin.proxy_header(version, ends)).endpoints
    assert conveyed is not None
    assert (text_of(conveyed[0]), conveyed[1]) == ("fe80::1", 4711)
    assert (text_of(unmap(conveyed[2])), conveyed[3]) == ("192.0.2.1", 25)


def test_a_target_that_does_not_answer_is_named() -> None:
    """It says so where a client that has gone is no news."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    near, far = socket.socketpair()
    with near, far:
        words = [*COMMAND, "redirect", "127.0.0.1", str(port)]
        done = subprocess.run(words, stdin=near.fileno(), capture_output=True, text=True, check=False)
    message = f"sockgate-builtin: unable to connect to 127.0.0.1 {port}: Connection refused\n"
    assert (done.returncode, done.stderr) == (1, message)


def test_redirect_ends_quietly_when_a_side_has_reset_its_connection() -> None:
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as listener,
        closing(socket.create_connection(listener.getsockname())) as sink,
        closing(listener.accept()[0]) as reset,
    ):
        reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        reset.close()
        with pytest.raises(ConnectionResetError):
            sink.recv(1)
        source, ended = socket.socketpair()
        with source, ended:
            ended.shutdown(socket.SHUT_WR)
            direction = builtin.Direction(source, sink)
            direction.read()
            assert direction.ended


@pytest.mark.parametrize(("version", "header"), builtin.UNKNOWN.items())
def test_redirect_says_nothing_of_a_client_without_an_address(version: str, header: bytes) -> None:
    heard: list[bytes] = []
    with redirected(lambda end: heard.append(everything(end)), options=("--proxy-protocol", version)) as client:
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        assert everything(client) == b""
    assert heard == [header + b"hello"]


def test_redirect_connects_from_the_address_that_it_is_given() -> None:
    with target("--source", "127.0.0.7") as connection:
        assert connection.getpeername()[0] == "127.0.0.7"


@pytest.mark.parametrize(
    "words",
    [
        ["x"], ["--proxy-protocol", "3", "h", "1"], ["--proxy-protocol", "1", "h"], ["h", "http"],
        ["--other", "h", "1"], ["127.0.0.1", "0"], ["127.0.0.1", "65536"], ["127.0.0.1", "9" * 5000],
    ],
)  # fmt: skip
def test_a_redirection_that_cannot_be_meant_says_what_is_right(words: list[str]) -> None:
    done = subprocess.run([*COMMAND, "redirect", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, builtin.USAGE + "\n")


def test_wrong_usage_says_what_is_right() -> None:
    done = subprocess.run([*COMMAND, "quote"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, builtin.USAGE + "\n")


def test_its_usage_is_told_to_a_user_who_asks() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, builtin.USAGE + "\n", "")
