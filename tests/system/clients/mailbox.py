"""Runs in a machine: one whole session with an IMAP or a POP3 server, from the address argv[2] to argv[3].

argv[1] is imap, imaptls or pop3. Prints the message that it fetched; ends with an exception if anything fails.
"""

import imaplib
import poplib
import socket
import ssl
import sys
from collections.abc import Sequence

PATIENCE = 30
MESSAGE = b"Subject: greeting\r\n\r\nhello\r\n"

protocol, source, destination = sys.argv[1:]


class Imap(imaplib.IMAP4):
    def _create_socket(self, timeout: float | None) -> socket.socket:
        return socket.create_connection((destination, self.port), timeout, (source, 0))


class Pop(poplib.POP3):
    def _create_socket(self, timeout: float) -> socket.socket:
        return socket.create_connection((destination, self.port), timeout, (source, 0))


def succeed(reply: tuple[str, Sequence[bytes | None]]) -> bytes:
    assert reply[0] == "OK", reply
    return reply[1][0] or b""


def over_imap(*, tls: bool) -> bytes:
    client = Imap(destination, timeout=PATIENCE)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False  # Debian's own certificate, made at installation
        context.verify_mode = ssl.CERT_NONE
        succeed(client.starttls(context))
    succeed(client.login("alice", "secret"))
    succeed(client.append("INBOX", "", "", MESSAGE))
    newest = succeed(client.select("INBOX")).decode()
    status, fetched = client.fetch(newest, "(RFC822)")
    client.logout()
    assert status == "OK", status
    assert isinstance(fetched[0], tuple), fetched
    return fetched[0][1]


def over_pop3() -> bytes:
    client = Pop(destination, timeout=PATIENCE)
    client.user("alice")
    client.pass_("secret")
    newest = client.stat()[0]
    lines = client.retr(newest)[1]
    client.quit()
    return b"\r\n".join(lines) + b"\r\n"


fetched = over_pop3() if protocol == "pop3" else over_imap(tls=protocol == "imaptls")
assert fetched == MESSAGE, fetched
print(fetched.decode())
