"""`make run` in a copy of the tree: what it says, what it starts, and how it ends."""

import contextlib
import os
import random
import shutil
import signal
import smtplib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sockgate.demo.run import banner, qmail_smtpd

from .conversation import delivered

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a fresh clone has, as far as `make run` needs it."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def free_port() -> int:
    """A free port that the kernel gives to no other socket. (A client that tries too early could get it itself.)"""
    for port in random.sample(range(10_000, 30_000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no port is free")


# The machine may have a qmail.
WITHOUT_QMAIL = "QMAILDIR=/nonexistent"


def refused(tree: Path, port: str) -> str:
    """What `make run` says about a port that it cannot have."""
    plain = ["env", "-u", "MAKELEVEL", "-u", "MAKEFLAGS"]  # as if not from `make test`
    command = [*plain, "make", "run", WITHOUT_QMAIL, f"PORT={port}"]
    process = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=60)
    assert process.returncode == 2
    assert process.stdout == ""
    message, from_make = process.stderr.splitlines()
    assert from_make.startswith("make: ***")
    return message


class Demo:
    """A running `make run`."""

    def __init__(self, tree: Path) -> None:
        self.port = free_port()
        self.output = tree / "output"
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                ["make", "run", WITHOUT_QMAIL, f"PORT={self.port}"],
                cwd=tree,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def client(self, source: str) -> smtplib.SMTP:
        """A client on this address, as soon as the port is open."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return smtplib.SMTP("127.0.0.1", self.port, timeout=60, source_address=(source, 0))
            except ConnectionRefusedError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.02)

    def lines(self, wanted: str, count: int) -> list[str]:
        """The lines of the output with this text, once there are so many of them."""
        deadline = time.monotonic() + 60
        while len(found := [line for line in self.output.read_text().splitlines() if wanted in line]) < count:
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.02)
        return found

    def interrupt(self) -> None:
        """Ctrl-C: the terminal's signal to everything in the foreground."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
            self._process.wait(60)


@contextlib.contextmanager
def running(tree: Path) -> Iterator[Demo]:
    demo = Demo(tree)
    try:
        yield demo
    finally:
        demo.interrupt()


def send(client: smtplib.SMTP, recipient: str) -> None:
    with client:
        client.sendmail("me@example.test", recipient, "Subject: hello\n\nIt works.\n")


def test_it_serves_and_shows_each_connection_until_it_is_interrupted(tree: Path) -> None:
    with running(tree) as demo:
        send(demo.client("127.0.0.1"), "you@elsewhere.test")
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="553"):
            send(demo.client("127.0.0.2"), "you@elsewhere.test")
        send(demo.client("127.0.0.2"), "you@example.test")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            demo.client("127.0.0.3")
        relayed, *others = demo.lines("accepted 127.", 3)
        assert "relay" in relayed
        assert not any("relay" in line for line in others)
        assert "--deny 127.0.0.3" in demo.lines("refused 127.0.0.3", 1)[0]
        assert all("status 0" in line for line in demo.lines("ended 127.", 3))
        assert len(demo.lines("sockgate-smtpd: from <me@example.test> to <you@", 2)) == 2
    assert "Traceback" not in demo.output.read_text()
    assert refusing(demo.port)
    folder = tree / "build" / "demo" / "Maildir"
    assert [b"Subject: hello" in text for text in delivered(folder)] == [True, True]
    assert str(folder / "new") in demo.output.read_text()


def refusing(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def test_the_line_to_copy_works_as_it_stands(tree: Path) -> None:
    with running(tree) as demo:
        demo.client("127.0.0.1").close()
        text = demo.output.read_text()
        command = text[text.index("python3 -c") : text.index("127.0.0.1 may send")]
        subprocess.run(["/bin/sh", "-c", command], check=True, timeout=60)
        assert demo.lines("to <you@elsewhere.test>", 1)


def test_a_port_that_cannot_be_had_is_one_line(tree: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = f"make run: unable to listen on 127.0.0.1:{port}: Address already in use (try: make run PORT=2526)"
        assert refused(tree, str(port)) == message
    for port in ("0", "65536", "smtp", "-1", "", "1 2"):
        expected = f"make run: unable to listen on 127.0.0.1:{port}: not a port number (try: make run PORT=2526)"
        assert refused(tree, port) == expected


SMTPD = "#!/bin/sh\necho '220 qmail.test ESMTP'\n"


def test_qmail_is_named_when_it_serves_with_the_domains_that_it_takes(tmp_path: Path) -> None:
    smtpd = tmp_path / "bin/qmail-smtpd"
    smtpd.parent.mkdir()
    smtpd.write_text(SMTPD)
    smtpd.chmod(0o755)
    server = qmail_smtpd(tmp_path)
    assert server == [str(smtpd)]
    text = banner("25", server, tmp_path, Path("unused"))
    assert "served by qmail-smtpd." in text
    assert f"may send\nto every domain, too, as there is no {tmp_path}/control/rcpthosts, and" in text
    (tmp_path / "control").mkdir()
    (tmp_path / "control/rcpthosts").write_text("mine.test\n")
    text = banner("25", server, tmp_path, Path("unused"))
    assert f"may send\nonly to the domains of {tmp_path}/control/rcpthosts, and" in text
    assert "Mail goes into qmail's queue." in text
    assert "unused" not in text
    assert "example.test and" not in text


def test_a_qmail_that_greets_no_client_does_not_serve(tmp_path: Path) -> None:
    assert qmail_smtpd(tmp_path) is None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/qmail-smtpd").write_text("#!/bin/sh\necho 421 out of memory\n")
    (tmp_path / "bin/qmail-smtpd").chmod(0o755)
    assert qmail_smtpd(tmp_path) is None
