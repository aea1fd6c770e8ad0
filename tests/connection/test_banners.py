"""--banner, --banner-success, --banner-fail and --deny-message: what a client is told, and when."""

import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from sockgate.connection import Gate
from sockgate.connection.banners import LARGEST_BANNER, Banners, discard_input, send
from sockgate.core import DENY, ConfigError, UsageError, Verdict
from sockgate.core.actions import Actions
from sockgate.core.options import parse
from tests.connection.launch import Launcher, everything_from, internet

SERVER = ["/bin/echo", "the server"]


@pytest.fixture
def banners(tmp_path: Path) -> list[str]:
    """Options for all three, each with a text of its own."""
    options = []
    for name in ("banner", "banner-success", "banner-fail"):
        (tmp_path / name).write_bytes(f"{name}\r\n".encode())
        options += [f"--{name}", str(tmp_path / name)]
    return options


def told(launcher: Launcher, *options: str) -> bytes:
    return launcher.run(internet(), [*options, "--", *SERVER]).said


def test_a_client_that_is_let_in_gets_the_banner_then_that_of_success_then_the_server(
    launcher: Launcher, banners: list[str]
) -> None:
    assert told(launcher, *banners) == b"banner\r\nbanner-success\r\nthe server\n"


def test_a_refused_client_gets_the_banner_then_that_of_failure_then_the_message(
    launcher: Launcher, banners: list[str]
) -> None:
    options = [*banners, "--deny", "any", "--deny-message", "421 go away"]
    assert told(launcher, *options) == b"banner\r\nbanner-fail\r\n421 go away\r\n"


def test_a_client_that_is_refused_because_something_is_wrong_is_told_so_too(
    launcher: Launcher, banners: list[str]
) -> None:
    options = [*banners, "--deny-message", "421 later"]
    outcome = launcher.run(internet(), [*options, "--", "/no/such/server"])
    assert outcome.code == 127
    assert outcome.said == b"banner\r\nbanner-success\r\nbanner-fail\r\n421 later\r\n"


def test_the_message_of_a_rule_goes_before_the_one_for_all(launcher: Launcher, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text('127.:deny,DIEMSG="553 not you"\n:allow\n')
    assert told(launcher, "--rules", str(rules), "--deny-message", "421 go away") == b"553 not you\r\n"


def test_without_these_options_the_gate_says_nothing(launcher: Launcher) -> None:
    assert told(launcher) == b"the server\n"
    assert told(launcher, "--deny", "any") == b""


def test_a_client_that_has_sent_already_gets_its_refusal_before_the_connection_is_closed(launcher: Launcher) -> None:
    near, far = internet()
    far.sendall(b"EHLO example.com\r\n" * 1000)
    outcome = launcher.run((near, far), ["--deny", "any", "--deny-message", "421 go away", "--", *SERVER])
    assert outcome.said == b"421 go away\r\n"


def test_a_gate_knows_what_to_say_before_a_client_comes(banners: list[str], tmp_path: Path) -> None:
    gate = Gate(parse([*banners, "--deny-message", "no", "--", "server"]))
    refused, own = Verdict(DENY), Verdict(DENY, message=b"553\r\n", actions=Actions())
    assert own.actions is not None
    own.actions.banner = b"libwrap\r\n"
    assert gate.greeting == b"banner\r\n"
    assert gate.welcome(refused) == b"banner-success\r\n"
    assert gate.welcome(own) == b"libwrap\r\nbanner-success\r\n"
    assert gate.refusal(refused) == b"banner-fail\r\nno\r\n"
    assert gate.refusal(own) == b"libwrap\r\nbanner-fail\r\n553\r\n"
    assert gate.files == tuple(str(tmp_path / name) for name in ("banner", "banner-success", "banner-fail"))


def test_a_gate_without_banners_says_what_its_rules_say() -> None:
    gate = Gate(parse(["--", "server"]))
    own = Verdict(DENY, message=b"553\r\n", actions=Actions())
    assert own.actions is not None
    own.actions.banner = b"libwrap\r\n"
    assert (gate.greeting, gate.welcome(Verdict(DENY)), gate.refusal(Verdict(DENY))) == (b"", b"", b"")
    assert (gate.welcome(own), gate.refusal(own)) == (b"libwrap\r\n", b"libwrap\r\n553\r\n")


def test_a_banner_may_be_a_text_in_place_of_a_file(launcher: Launcher, banners: list[str]) -> None:
    assert told(launcher, "--banner-text", "220 hello\r\n\udcff") == b"220 hello\r\n\xffthe server\n"
    with pytest.raises(UsageError, match="--banner and --banner-text are both given"):
        Gate(parse([*banners, "--banner-text", "x", "--", "server"]))


def test_a_banner_is_sent_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "banner"
    file.write_bytes(b"\0\xff no end")
    assert Banners(parse(["--banner", str(file), "server"])).greeting == b"\0\xff no end"


def test_a_banner_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(LARGEST_BANNER + 1))
    for path, reason in (
        ("/no/such/file", "No such file or directory"),
        ("", "No such file or directory"),
        (str(tmp_path), "not a regular file"),
        (str(large), "65537 bytes, more than 65536 of text"),
    ):
        for option in ("--banner", "--banner-success", "--banner-fail"):
            with pytest.raises(ConfigError) as caught:
                Gate(parse([option, path, "--", "server"]))
            assert str(caught.value) == f"unable to read {path!r}: {reason}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("421 go away", b"421 go away\r\n"),
        ("421-go\n421 away", b"421-go\r\n421 away\r\n"),
        ("bitte später", "bitte später\r\n".encode()),
    ],
)
def test_a_message_ends_as_the_protocols_want(text: str, message: bytes) -> None:
    assert Banners(parse(["--deny-message", text, "server"])).message == message


@pytest.mark.parametrize("text", ["", "a\rb", "a\0b", "\x1b[2J", "a\tb", "\udcff"])
def test_a_message_with_control_characters_or_broken_bytes_is_an_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Banners(parse(["--deny-message", text, "server"]))
    assert str(caught.value) == f"--deny-message: {text!r} is not a line of text"


def test_a_client_that_does_not_read_is_given_up_in_time_and_its_socket_stays_as_it_was() -> None:
    near, far = internet()
    with near, far:
        begin = time.monotonic()
        send(near.fileno(), bytes(1 << 26), seconds=0.3)
        assert 0.25 < time.monotonic() - begin < 60, "without the limit it would wait for ever"
        assert near.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16) == bytes(16)
        assert near.getblocking()


def test_a_client_that_reads_slowly_gets_everything() -> None:
    near, far = internet()
    text = bytes(range(256)) * (1 << 14)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(everything_from(far)))
    reader.start()
    with near:
        send(near.fileno(), text)
    reader.join()
    far.close()
    assert received == [text]


def test_a_client_that_has_gone_is_no_failure() -> None:
    near, far = internet()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()  # by a reset
    with near:
        send(near.fileno(), b"x" * 100)
        send(near.fileno(), b"x" * 100)
        discard_input(near.fileno())


def test_nothing_is_sent_without_a_text() -> None:
    send(-1, b"")


def test_input_is_discarded_as_far_as_it_is_there() -> None:
    near, far = internet()
    with near, far:
        discard_input(near.fileno())
        far.sendall(b"x" * 1000)
        time.sleep(0.01)
        discard_input(near.fileno())
        near.setblocking(False)
        with pytest.raises(BlockingIOError):
            near.recv(1)
