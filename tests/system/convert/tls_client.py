"""Runs inside the machine: asks every port from every address, over TLS, and prints what came back, as JSON.

argv[1] is [sources, ports, address of the machine, authorities, name of the server, the client's certificate or null].
A client that gets no session has "", who is not even connected has null.
"""

import json
import socket
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor

PATIENCE = 60.0


def ask(source: str, port: int) -> str | None:
    context = ssl.create_default_context(cafile=authorities)
    if certificate:
        context.load_cert_chain(certificate)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as plain:
        plain.settimeout(PATIENCE)
        plain.bind((source, 0))
        try:
            plain.connect((target, port))
        except ConnectionRefusedError:
            return None
        try:
            with context.wrap_socket(plain, server_hostname=name) as client:
                return read(client)
        except (ssl.SSLError, ConnectionError):  # a server that wants a certificate may say so after the handshake
            return ""


def read(client: ssl.SSLSocket) -> str:
    data = b""
    while chunk := client.recv(65536):
        data += chunk
    return data.decode("latin-1")


sources, ports, target, authorities, name, certificate = json.loads(sys.argv[1])
questions = [(source, port) for port in ports for source in sources]
with ThreadPoolExecutor(4) as threads:
    answers = list(threads.map(ask, *zip(*questions, strict=True)))
json.dump({f"{port} {source}": answer for (source, port), answer in zip(questions, answers, strict=True)}, sys.stdout)
