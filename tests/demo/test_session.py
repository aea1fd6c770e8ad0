"""What the embedded SMTP server answers: every reply and every limit, over a real socket."""

import re
from pathlib import Path

import pytest

from sockgate.demo.session import MOST_ERRORS, MOST_RECIPIENTS

from .conversation import ENVELOPE, GATE, codes, converse, delivered, last_reply, maildir, message

NOT_OURS = "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"
HELLO = b"EHLO client\r\n"
MAIL = HELLO + b"MAIL FROM:<a@client.test>\r\n"
BARE = "bare LF or CR: lines end in CR LF and in nothing else (RFC 5321, 2.3.8; #5.5.2)"


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        (b"HELO client", "250 server.test"),
        (b"helo client", "250 server.test"),
        (b"EHLO", "501 your name is missing (#5.5.4)"),
        (b"HELO  ", "501 your name is missing (#5.5.4)"),
        (b"NOOP", "250 ok"),
        (b"NOOP whatever", "250 ok"),
        (b"VRFY somebody", "252 send some mail and see (#2.5.2)"),
        (b"EXPN list", "502 command not implemented (#5.5.1)"),
        (b"HELP", "214 HELO EHLO MAIL RCPT DATA RSET NOOP VRFY EXPN HELP QUIT"),
        (b"RSET", "250 ok"),
        (b"RSET now", "501 RSET takes no argument (#5.5.4)"),
        (b"QUIT now", "501 QUIT takes no argument (#5.5.4)"),
        (b"QUIT", "221 server.test"),
        (b"STARTTLS", "500 command not recognized (#5.5.1)"),
        (b"", "500 command not recognized (#5.5.1)"),
        (b"\xff\xfe\0", "500 command not recognized (#5.5.1)"),
        (b"NOOP " + b"x" * 1017, "250 ok"),
        (b"NOOP " + b"x" * 1018, "500 line too long (#5.5.2)"),
        (b"NOOP " + b"x" * 100_000, "500 line too long (#5.5.2)"),
        (b"NOOP\r", f"500 {BARE}"),
        (b"NOOP\nNOOP", "250 ok"),
        (b"MAIL FROM:<a@b.test>", "503 EHLO or HELO first (#5.5.1)"),
        (b"RCPT TO:<a@b.test>", "503 MAIL first (#5.5.1)"),
        (b"DATA", "503 MAIL first (#5.5.1)"),
        (b"DATA now", "501 DATA takes no argument (#5.5.4)"),
    ],
)
def test_commands_have_their_replies(tmp_path: Path, said: bytes, reply: str) -> None:
    assert last_reply(said + b"\r\n", maildir(tmp_path)) == reply


def test_ehlo_lists_what_is_honoured_and_nothing_else(tmp_path: Path) -> None:
    replies = converse(HELLO, maildir(tmp_path), size=4711)
    assert replies == ["250-server.test", "250-PIPELINING", "250-8BITMIME", "250 SIZE 4711"]


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        (b"FROM:<a@client.test>", "250 ok"),
        (b"from: <a@client.test>", "250 ok"),
        (b"FROM:<>", "250 ok"),
        (b"FROM:<a>", "250 ok"),
        (b"FROM:<@x.test,@y.test:a@client.test>", "250 ok"),
        (b'FROM:<"a b\\"<>@"@client.test>', "250 ok"),
        (b"FROM:<a@[192.0.2.1]>", "250 ok"),
        (b"FROM:<a@[IPv6:2001:db8::1]>", "250 ok"),
        (b"FROM:<a@client.test> SIZE=100000 BODY=8BITMIME", "250 ok"),
        (b"FROM:<a@client.test> body=7bit", "250 ok"),
        (b"FROM:<a@client.test> SIZE=100001", "552 sorry, that message size exceeds my limit (#5.3.4)"),
        (b"FROM:<a@client.test> SIZE=99999999999999999999", "552 sorry, that message size exceeds my limit (#5.3.4)"),
        (b"FROM:<a@client.test> SIZE=-1", "555 parameter not recognized (#5.5.4)"),
        (b"FROM:<a@client.test> SIZE", "555 parameter not recognized (#5.5.4)"),
        (b"FROM:<a@client.test> BODY=BINARYMIME", "555 parameter not recognized (#5.5.4)"),
        (b"FROM:<a@client.test> SMTPUTF8", "555 parameter not recognized (#5.5.4)"),
        (b"FROM:a@client.test", "501 syntax error: write FROM:<user@domain> (#5.5.4)"),
        (b"TO:<a@client.test>", "501 syntax error: write FROM:<user@domain> (#5.5.4)"),
        (b"", "501 syntax error: write FROM:<user@domain> (#5.5.4)"),
        (b"FROM:<a@client.test", "501 syntax error: write FROM:<user@domain> (#5.5.4)"),
        (b"FROM:<a@client.test>x", "501 syntax error: write FROM:<user@domain> (#5.5.4)"),
        (b"FROM:<a b@client.test>", "501 syntax error: write FROM:<user@domain> (#5.5.4)"),
        (b"FROM:<a@client.test\0>", "501 syntax error: write FROM:<user@domain> (#5.5.4)"),
        (b"FROM:<\xc3\xa9@client.test>", "501 syntax error: write FROM:<user@domain> (#5.5.4)"),
        (b"FROM:<a@b@c>", "501 syntax error: write FROM:<user@domain> (#5.5.4)"),
        (b"FROM:<" + b"a" * 64 + b"@client.test>", "250 ok"),
        (b"FROM:<" + b"a" * 65 + b"@client.test>", "501 address too long (#5.1.3)"),
        (b"FROM:<a@" + b"d" * 252 + b">", "250 ok"),
        (b"FROM:<a@" + b"d" * 253 + b">", "501 address too long (#5.1.3)"),
    ],
)
def test_the_sender_is_read_as_rfc_5321_writes_it(tmp_path: Path, argument: bytes, reply: str) -> None:
    assert last_reply(HELLO + b"MAIL " + argument + b"\r\n", maildir(tmp_path)) == reply


@pytest.mark.parametrize(
    ("recipient", "without", "with_relayclient"),
    [
        (b"b@example.test", "250 ok", "250 ok"),
        (b"b@EXAMPLE.test", "250 ok", "250 ok"),
        (b"b@example.test.", "250 ok", "250 ok"),
        (b"b@localhost", "250 ok", "250 ok"),
        (b"Postmaster", "250 ok", "250 ok"),
        (b"b@elsewhere.test", NOT_OURS, "250 ok"),
        (b"b@sub.example.test", NOT_OURS, "250 ok"),
        (b"b@notexample.test", NOT_OURS, "250 ok"),
        (b"b@[127.0.0.1]", NOT_OURS, "250 ok"),
        (b"@example.test:b@elsewhere.test", NOT_OURS, "250 ok"),
        (b'"b@example.test"@elsewhere.test', NOT_OURS, "250 ok"),
        (b"", "501 the recipient is missing (#5.1.3)", "501 the recipient is missing (#5.1.3)"),
    ],
)
def test_only_relayclient_opens_other_domains(
    tmp_path: Path, recipient: bytes, without: str, with_relayclient: str
) -> None:
    said = MAIL + b"RCPT TO:<" + recipient + b">\r\n"
    assert last_reply(said, maildir(tmp_path)) == without
    for value in ("", "@gateway.test"):
        assert last_reply(said, maildir(tmp_path), GATE | {"RELAYCLIENT": value}) == with_relayclient


def test_the_value_of_relayclient_is_appended_to_each_recipient(tmp_path: Path) -> None:
    said = MAIL + b"RCPT TO:<x@y.test>\r\nRCPT TO:<z>\r\nDATA\r\n.\r\n"
    converse(said, maildir(tmp_path), GATE | {"RELAYCLIENT": "@gw.test"})
    (text,) = delivered(tmp_path / "Maildir")
    assert b"\nDelivered-To: x@y.test@gw.test\nDelivered-To: z@gw.test\n" in text


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (MAIL + b"MAIL FROM:<c@client.test>\r\n", "503 the sender is named already (#5.5.1)"),
        (MAIL + b"DATA\r\n", "503 RCPT first (#5.5.1)"),
        (MAIL + b"RCPT TO:<b@elsewhere.test>\r\nDATA\r\n", "503 RCPT first (#5.5.1)"),
        (MAIL + b"RCPT TO:<b@example.test> NOTIFY=NEVER\r\n", "555 parameter not recognized (#5.5.4)"),
        (ENVELOPE + b"RSET\r\nDATA\r\n", "503 MAIL first (#5.5.1)"),
        (ENVELOPE + b"EHLO again\r\nRCPT TO:<b@example.test>\r\n", "503 MAIL first (#5.5.1)"),
        (ENVELOPE + b"DATA\r\n.\r\nDATA\r\n", "503 MAIL first (#5.5.1)"),
    ],
)
def test_commands_keep_their_order(tmp_path: Path, said: bytes, expected: str) -> None:
    assert last_reply(said, maildir(tmp_path)) == expected


def test_everything_may_be_sent_at_once(tmp_path: Path) -> None:
    said = message(b"Subject: one", b"", b"1") + b""
    replies = converse(said.removesuffix(b"QUIT\r\n") + message(b"two"), maildir(tmp_path))
    assert codes(replies) == ["250", "250", "250", "354", "250", "250", "250", "250", "354", "250", "221"]
    assert len(delivered(tmp_path / "Maildir")) == 2


def test_recipients_are_limited(tmp_path: Path) -> None:
    replies = converse(MAIL + b"RCPT TO:<b@example.test>\r\n" * (MOST_RECIPIENTS + 1), maildir(tmp_path))
    assert replies[-2:] == ["250 ok", "452 too many recipients, send the rest later (#4.5.3)"]


def test_a_client_that_makes_only_errors_is_sent_away(tmp_path: Path) -> None:
    replies = converse(b"GET / HTTP/1.1\r\n" * (MOST_ERRORS + 5), maildir(tmp_path))
    assert len(replies) == MOST_ERRORS + 1
    assert replies[-1] == "421 too many errors, closing the connection (#4.7.0)"


def test_a_silent_client_is_sent_away(tmp_path: Path) -> None:
    for said in (b"", b"EHLO client\r\nMAIL", message(b"Subject: x").partition(b".\r\nQUIT")[0]):
        assert converse(said, maildir(tmp_path), timeout=0.02)[-1] == "421 timeout, closing the connection (#4.4.2)"
    assert not delivered(tmp_path / "Maildir")


def test_the_received_field_says_what_the_gate_knows(tmp_path: Path) -> None:
    for number, (environment, field) in enumerate((
        ({}, "from unknown (HELO client) (unknown)\n  by unknown with ESMTP; "),
        (GATE, "from unknown (HELO client) (192.0.2.7)\n  by 192.0.2.1 with ESMTP; "),
        (GATE | {"TCPREMOTEHOST": "Client"}, "from Client (192.0.2.7)\n  by 192.0.2.1 with ESMTP; "),
        (GATE | {"TCPREMOTEINFO": "joe"}, "from unknown (HELO client) (joe@192.0.2.7)\n  by 192.0.2.1 with ESMTP; "),
        (GATE | {"TCPREMOTEINFO": ""}, "from unknown (HELO client) (@192.0.2.7)\n  by 192.0.2.1 with ESMTP; "),
        (GATE | {"TCPLOCALHOST": "mx"}, "from unknown (HELO client) (192.0.2.7)\n  by mx with ESMTP; "),
        (GATE | {"TCPREMOTEIP": "::1"}, "from unknown (HELO client) (::1)\n  by 192.0.2.1 with ESMTP; "),
        ({"TCPREMOTEHOST": "a\n(b)\udcff"}, "from a??b?? (HELO client) (unknown)\n  by unknown with ESMTP; "),
    )):  # fmt: skip
        folder = tmp_path / str(number)
        converse(message(b"", b"text"), maildir(folder), environment)
        (text,) = delivered(folder / "Maildir")
        date = r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\n"
        assert re.search(re.escape(f"\nReceived: {field}") + date + "\ntext\n", text.decode()), text


def test_helo_means_smtp_and_a_strange_name_is_cleaned(tmp_path: Path) -> None:
    said = message(b"").replace(b"EHLO client", b"HELO [::1] (\xff\x1b)")
    assert converse(said, maildir(tmp_path))[-2].startswith("250 ok ")
    (text,) = delivered(tmp_path / "Maildir")
    assert b"Received: from unknown (HELO [::1]?????) (192.0.2.7)\n  by 192.0.2.1 with SMTP; " in text
