"""The embedded server behind the gate, both as they are installed, and smtplib as the client."""

import smtplib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connection.launch import PLAIN, SOURCE, make_launcher

from .conversation import delivered


class GatedServer:
    """Accepts on loopback and starts the gate for each connection, as systemd does with Accept=yes."""

    def __init__(self, folder: Path, *options: str) -> None:
        gate = make_launcher(folder)
        (folder / "server").mkdir()
        server = make_launcher(folder / "server", module="demo.smtpd")
        self.maildir = folder / "Maildir"
        self._command = [gate.program, *options, "--", server.program, "--maildir", str(self.maildir), "--hostname=mx"]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._running: list[subprocess.Popen[bytes]] = []
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                descriptor = connection.fileno()
                self._running.append(
                    subprocess.Popen(
                        self._command, stdin=descriptor, stdout=descriptor, stderr=subprocess.DEVNULL, env=PLAIN
                    )
                )

    def connect(self, source: str) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.port, "client.test", timeout=60, source_address=(source, 0))

    def stop(self) -> list[int]:
        """The exit codes of all servers."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        return [process.wait(60) for process in self._running]


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[GatedServer]:
    server = GatedServer(tmp_path, "--relay", "127.0.0.1", "--deny", "127.0.0.3")
    yield server
    assert set(server.stop()) == {0}


def test_which_client_may_relay_is_the_gates_decision(gated: GatedServer) -> None:
    text = b"Subject: h\xc3\xa9\r\n\r\n.dot\r\n"
    with gated.connect("127.0.0.1") as trusted:
        assert trusted.sendmail("a@client.test", ["b@elsewhere.test", "b@localhost"], text, ["BODY=8BITMIME"]) == {}
    with gated.connect("127.0.0.2") as stranger:
        refused = stranger.sendmail("a@client.test", ["b@elsewhere.test", "b@localhost"], text)
        assert refused == {
            "b@elsewhere.test": (553, b"sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)")
        }
    with pytest.raises(smtplib.SMTPServerDisconnected):
        gated.connect("127.0.0.3")
    first, second = delivered(gated.maildir)
    assert first.startswith(
        b"Return-Path: <a@client.test>\nDelivered-To: b@elsewhere.test\nDelivered-To: b@localhost\n"
    )
    assert b"\nReceived: from unknown (HELO client.test) (127.0.0.1)\n  by 127.0.0.1 with ESMTP; " in first
    assert first.endswith(b"\nSubject: h\xc3\xa9\n\n.dot\n")
    assert b"(127.0.0.2)\n" in second


def test_a_client_that_hangs_up_ends_its_server(gated: GatedServer) -> None:
    client = gated.connect("127.0.0.1")
    client.ehlo()
    client.close()


def test_wrong_usage_is_said_on_standard_error() -> None:
    for words, text in (
        ([], "one of the arguments --maildir --queue is required"),
        (["--maildir", "x", "--queue", "y"], "not allowed with argument"),
        (["--maildir", "x", "--size", "big"], "invalid int value: 'big'"),
    ):
        process = subprocess.run(
            [sys.executable, "-m", "sockgate.demo.smtpd", *words], capture_output=True, text=True, cwd=SOURCE
        )
        assert process.returncode == 2
        assert process.stdout == ""
        assert process.stderr.splitlines()[-1].startswith("sockgate-smtpd: error: ")
        assert text in process.stderr
