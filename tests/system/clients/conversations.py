"""Runs in a machine: one SMTP conversation after the other from each of several addresses, all at the same time.

argv[1] is {"sources", "destination", "port", "more"}. Prints a line once each source has had a conversation. When
standard input ends, each source has so many more. Then prints a JSON list of all, by source: [own address and port,
name of the server that greeted or "", error or ""].
"""

import concurrent.futures
import json
import smtplib
import socket
import sys
import threading
import time

PATIENCE = 30

wish = json.loads(sys.argv[1])
told = threading.Event()
under_way = threading.Barrier(len(wish["sources"]), action=lambda: print("under way", flush=True), timeout=PATIENCE)


class Client(smtplib.SMTP):
    """It knows its own address, even when no server greets it."""

    own = ""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = socket.create_connection((host, port), timeout, self.source_address)
        self.own = "{}:{}".format(*connection.getsockname())
        return connection


def converse(source: str) -> tuple[str, str, str]:
    client = Client(local_hostname="client.example.test", source_address=(source, 0), timeout=PATIENCE)
    greeted_by = ""
    try:
        with client:
            code, greeting = client.connect(wish["destination"], wish["port"])
            assert code == 220, (code, greeting)
            greeted_by = greeting.decode().split()[0]
            client.ehlo()
            client.mail("sender@example.test")
            code, answer = client.rcpt("alice@local.test")
            assert code == 250, (code, answer)
            time.sleep(0.1)
    except (OSError, smtplib.SMTPException, AssertionError) as error:
        return client.own, greeted_by, f"{type(error).__name__}: {error}"
    return client.own, greeted_by, ""


def converse_for_long(source: str) -> list[tuple[str, str, str]]:
    conversations = [converse(source)]
    under_way.wait()
    while not told.is_set():
        conversations.append(converse(source))
    return conversations + [converse(source) for _ in range(wish["more"])]


def wait_for_the_word() -> None:
    sys.stdin.read()
    told.set()


threading.Thread(target=wait_for_the_word, daemon=True).start()
with concurrent.futures.ThreadPoolExecutor(len(wish["sources"])) as pool:
    print(json.dumps(list(pool.map(converse_for_long, wish["sources"]))))
