"""Runs in a machine: a TLS client that verifies its server, and says what it is told to after each reply.

argv[1] is {"source", "destination", "port", "ca", "name", "certificate" (a file with its key, or null), "say": [...]};
the output is {"error": ...} or {"version": ..., "replies": [...]}, the last of which goes to the end of the connection.
"""

import json
import socket
import ssl
import sys

PATIENCE = 30

wish = json.loads(sys.argv[1])


def read_reply(connection: ssl.SSLSocket) -> str:
    """Down to the last line of an answer of SMTP (`250-` goes on, `250 ` does not), POP3 or IMAP."""
    received = b""
    while not (received.endswith(b"\n") and received.splitlines()[-1][3:4] != b"-"):
        chunk = connection.recv(4096)
        if not chunk:
            break
        received += chunk
    return received.decode("latin-1")


def read_rest(connection: ssl.SSLSocket) -> str:
    received = b""
    while chunk := connection.recv(4096):
        received += chunk
    return received.decode("latin-1")


def talk() -> dict[str, str | list[str] | None]:
    context = ssl.create_default_context(cafile=wish["ca"])
    if wish["certificate"]:
        context.load_cert_chain(wish["certificate"])
    try:
        with (
            socket.create_connection((wish["destination"], wish["port"]), PATIENCE, (wish["source"], 0)) as plain,
            context.wrap_socket(plain, server_hostname=wish["name"]) as connection,
        ):
            replies = []
            for line in wish["say"]:
                replies.append(read_reply(connection))
                connection.sendall(f"{line}\r\n".encode())
            return {"version": connection.version(), "replies": [*replies, read_rest(connection)]}
    except OSError as error:
        return {"error": f"{type(error).__name__}: {error}"}


print(json.dumps(talk()))
