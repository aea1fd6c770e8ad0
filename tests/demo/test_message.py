"""Between DATA and the dot: transparency, limits, and the line ends by which messages are smuggled."""

import os
from pathlib import Path

import pytest

from .conversation import ENVELOPE, codes, converse, delivered, maildir, message

TOO_BIG = "552 sorry, that message size exceeds my limit (#5.3.4)"
TOO_LONG = "554 a line is longer than 998 octets (RFC 5321, 4.5.3.1.6; #5.6.0)"
BARE = "550 bare LF or CR: lines end in CR LF and in nothing else (RFC 5321, 2.3.8; #5.5.2)"


def body_of(folder: Path) -> bytes:
    """Of the one message in the Maildir, what the client sent."""
    (text,) = delivered(folder / "Maildir")
    return text.split(b" -0000\n", 1)[1]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ((), b""),
        ((b"Subject: x", b"", b"text"), b"Subject: x\n\ntext\n"),
        ((b"..", b"..x", b"...", b".x", b"x."), b".\n.x\n..\nx\nx.\n"),
        ((b"", b"", b""), b"\n\n\n"),
        ((bytes(set(range(256)) - {10, 13}),), bytes(set(range(256)) - {10, 13}) + b"\n"),
        ((b"x" * 998, b"." + b"." + b"y" * 997), b"x" * 998 + b"\n." + b"y" * 997 + b"\n"),
    ],
)
def test_the_text_arrives_unstuffed_and_otherwise_as_it_was(
    tmp_path: Path, sent: tuple[bytes, ...], stored: bytes
) -> None:
    assert converse(message(*sent), maildir(tmp_path))[-2].startswith("250 ok ")
    assert body_of(tmp_path) == stored


@pytest.mark.parametrize(
    "smuggled",
    [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\r\n.\r\n", b"\n", b"\r", b"\0\n.\n"],
)
def test_a_bare_line_end_refuses_the_message_and_ends_the_session(tmp_path: Path, smuggled: bytes) -> None:
    second = b"MAIL FROM:<evil@client.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\nsecond\r\n.\r\n"
    replies = converse(ENVELOPE + b"DATA\r\nfirst" + smuggled + second + b"QUIT\r\n", maildir(tmp_path))
    assert replies[-2:] == ["354 go ahead, end with a dot", BARE]
    assert delivered(tmp_path / "Maildir") == []


def test_the_last_reply_arrives_although_there_was_more_to_read(tmp_path: Path) -> None:
    for length in (10, 100_000):
        said = ENVELOPE + b"DATA\r\nfirst\n" + b"x" * length
        assert converse(said, maildir(tmp_path))[-1] == BARE


def test_a_message_over_the_limit_is_refused_and_the_session_goes_on(tmp_path: Path) -> None:
    for length, reply in ((96, "250 ok"), (97, TOO_BIG)):
        replies = converse(message(b"12", b"x" * (length - 2)), maildir(tmp_path), size=100)
        assert replies[-2].startswith(reply)
        assert replies[-1] == "221 server.test"
    assert len(delivered(tmp_path / "Maildir")) == 1


def test_a_line_over_the_limit_is_refused(tmp_path: Path) -> None:
    for line in (b"x" * 1000, b"x" * 50_000):
        assert converse(message(b"before", line, b"after"), maildir(tmp_path))[-2:] == [TOO_LONG, "221 server.test"]
    assert delivered(tmp_path / "Maildir") == []


def test_a_message_that_loops_is_refused(tmp_path: Path) -> None:
    hops = [b"Received: from x", b"DELIVERED-TO: y"] * 50
    assert converse(message(*hops, b"", *hops), maildir(tmp_path))[-2].startswith("250 ok ")
    refused = converse(message(*hops, b"Received: from x", b""), maildir(tmp_path))
    assert refused[-2] == "554 too many hops, this message is looping (#5.4.6)"


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    assert codes(converse(ENVELOPE + b"DATA\r\nSubject: x\r\n\r\nhal", maildir(tmp_path)))[-1] == "354"
    assert [list(folder.iterdir()) for folder in sorted((tmp_path / "Maildir").iterdir())] == [[], [], []]


def test_a_maildir_that_cannot_be_written_is_a_temporary_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Maildir").touch()
    replies = converse(message(b"Subject: x"), maildir(tmp_path))
    later = "451 unable to store the message, try again later (#4.3.0)"
    assert replies[-4] == later, replies  # the text, sent without a 354, is then no command
    assert f"unable to store a message: [Errno 17] File exists: '{tmp_path}/Maildir/'" in capsys.readouterr().err


def test_a_message_is_private_and_named_once(tmp_path: Path) -> None:
    for _ in range(3):
        converse(message(b"Subject: x"), maildir(tmp_path))
    files = list((tmp_path / "Maildir" / "new").iterdir())
    assert len(files) == 3
    assert {os.stat(file).st_mode & 0o777 for file in files} == {0o600}
    assert os.stat(tmp_path / "Maildir").st_mode & 0o777 == 0o700


def test_one_line_tells_the_administrator_of_each_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reply = converse(message(b"Subject: x"), maildir(tmp_path))[-2]
    name = reply.removeprefix("250 ok ")
    assert capsys.readouterr().err == f"sockgate-smtpd: from <a@client.test> to <b@example.test>: {name}\n"
    assert (tmp_path / "Maildir" / "new" / name).exists()
