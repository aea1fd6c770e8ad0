"""Runs in a machine: one whole session with an IMAP or a POP3 server, from the address argv[2] to argv[3].

argv[1] is imap, imaptls, pop3, or, with the certificates to trust in argv[4], imaps or pop3s. Prints the message that
it fetched; ends with an exception if anything fails.
"""

import imaplib
import poplib
import socket
import ssl
import sys
from collections.abc import Sequence

PATIENCE = 30
MESSAGE = b"Subject: greeting\r\n\r\nhello\r\n"

NAME = "mail.example.test"  # in the server's certificate

protocol, source, destination, *trusted = sys.argv[1:]


def connect(port: int, timeout: float | None) -> socket.socket:
    connection = socket.create_connection((destination, port), timeout, (source, 0))
    if not trusted:
        return connection
    return ssl.create_default_context(cafile=trusted[0]).wrap_socket(connection, server_hostname=NAME)


class Imap(imaplib.IMAP4):
    def _create_socket(self, timeout: float | None) -> socket.socket:
        return connect(self.port, timeout)


class Pop(poplib.POP3):
    def _create_socket(self, timeout: float) -> socket.socket:
        return connect(self.port, timeout)


def succeed(reply: tuple[str, Sequence[bytes | None]]) -> bytes:
    assert reply[0] == "OK", reply
    return reply[1][0] or b""


def over_imap(*, tls: bool) -> bytes:
    client = Imap(destination, 993 if trusted else 143, timeout=PATIENCE)
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
    client = Pop(destination, 995 if trusted else 110, timeout=PATIENCE)
    client.user("alice")
    client.pass_("secret")
    newest = client.stat()[0]
    lines = client.retr(newest)[1]
    client.quit()
    return b"\r\n".join(lines) + b"\r\n"


fetched = over_pop3() if protocol.startswith("pop3") else over_imap(tls=protocol == "imaptls")
assert fetched == MESSAGE, fetched
print(fetched.decode())
