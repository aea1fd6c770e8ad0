"""--queue: a program called as qmail-queue(8) has it."""

from pathlib import Path

import pytest

from sockgate.demo.delivery import Queue

from .conversation import GATE, converse, delivered, message

STORE = """#!/bin/sh
cat > "{0}/message"
cat <&1 > "{0}/envelope"
exit {1}
"""


def queue(folder: Path, text: str) -> Queue:
    program = folder / "queue"
    program.write_text(text)
    program.chmod(0o755)
    return Queue(str(program))


def test_the_message_comes_on_0_and_the_envelope_on_1(tmp_path: Path) -> None:
    said = message(b"Subject: x", b"", b"..").replace(b"<b@example.test>", b"<b@x.test>\r\nRCPT TO:<c@y.test>")
    replies = converse(said, queue(tmp_path, STORE.format(tmp_path, 0)), GATE | {"RELAYCLIENT": "@\udcff"})
    assert replies[-2].startswith("250 ok qp ")
    assert (tmp_path / "envelope").read_bytes() == b"Fa@client.test\0Tb@x.test@\xff\0Tc@y.test@\xff\0\0"
    received, rest = (tmp_path / "message").read_bytes().split(b" -0000\n")
    assert received.startswith(b"Received: from unknown (HELO client) (192.0.2.7)\n  by 192.0.2.1 with ESMTP; ")
    assert rest == b"Subject: x\n\n.\n"


def test_a_bounce_has_an_empty_sender(tmp_path: Path) -> None:
    converse(message().replace(b"a@client.test", b""), queue(tmp_path, STORE.format(tmp_path, 0)))
    assert (tmp_path / "envelope").read_bytes() == b"F\0Tb@example.test\0\0"


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (11, "554 the queue program ended with status 11 (#5.3.0)"),
        (31, "554 the queue program ended with status 31 (#5.3.0)"),
        (40, "554 the queue program ended with status 40 (#5.3.0)"),
        (10, "451 the queue program ended with status 10 (#4.3.0)"),
        (53, "451 the queue program ended with status 53 (#4.3.0)"),
        (111, "451 the queue program ended with status 111 (#4.3.0)"),
    ],
)
def test_its_exit_status_decides(tmp_path: Path, status: int, reply: str) -> None:
    assert converse(message(b"Subject: x"), queue(tmp_path, STORE.format(tmp_path, status)))[-2] == reply


def test_a_program_that_stops_reading_has_not_taken_the_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [b"x" * 900] * 200  # more than a pipe holds
    refused = converse(message(*lines), queue(tmp_path, "#!/bin/sh\nexit 53\n"), size=1 << 20)
    assert refused[-2] == "451 the queue program ended with status 53 (#4.3.0)"
    assert converse(message(*lines), queue(tmp_path, "#!/bin/sh\nexit 0\n"), size=1 << 20)[-2].startswith("451 unable")
    assert capsys.readouterr().err == (
        "sockgate-smtpd: unable to store a message: the queue program did not read the whole message\n"
    )


def test_a_program_that_is_missing_is_a_temporary_failure(tmp_path: Path) -> None:
    replies = converse(message(), Queue(str(tmp_path / "missing")))
    assert replies[4] == "250 ok"
    assert replies[-3] == "451 unable to store the message, try again later (#4.3.0)"


def test_without_the_end_of_a_message_there_is_no_envelope(tmp_path: Path) -> None:
    said = message(b"Subject: x").partition(b"\r\n.\r\n")[0]
    converse(said, queue(tmp_path, STORE.format(tmp_path, 0)))
    assert (tmp_path / "envelope").read_bytes() == b""
    assert not (tmp_path / "Maildir").exists() or not delivered(tmp_path / "Maildir")
