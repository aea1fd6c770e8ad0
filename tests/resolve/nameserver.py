"""A name server under a test's control: what it is told to answer, right or wrong."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from tests.differential.namespace import Namespace

TYPES = {"A": 1, "CNAME": 5, "PTR": 12, "TXT": 16, "AAAA": 28}
NXDOMAIN, SERVFAIL, REFUSED = 3, 2, 5
SILENT = -1
ADDRESS = "127.0.0.1"

# Name and type of the question: an error, records of (name, type, data in wire format), or what makes datagrams of the
# question and the right answer to it (an empty one). A name that begins with `*.` stands for all below it.
Record = tuple[str, str, bytes]
Odd = Callable[[bytes, bytes], list[bytes]]
Zone = dict[tuple[str, str], int | list[Record] | Odd]


def wire(*labels: bytes) -> bytes:
    """A name of these labels, which can hold any bytes."""
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def name_to_wire(name: str) -> bytes:
    return wire(*(label.encode() for label in name.split(".")))


def pointer(address: str, *labels: bytes) -> Zone:
    """The reverse record of an address."""
    question = ip_address(address).reverse_pointer
    return {(question, "PTR"): [(question, "PTR", wire(*labels))]}


def address_of(name: str, *addresses: str) -> Zone:
    kind = "AAAA" if ":" in addresses[0] else "A"
    return {(name, kind): [(name, kind, ip_address(address).packed) for address in addresses]}


def alias(name: str, target: str, address: str) -> Zone:
    return {(name, "A"): [(name, "CNAME", name_to_wire(target)), (target, "A", ip_address(address).packed)]}


def text_of(name: str, *strings: bytes) -> Zone:
    return {(name, "TXT"): [(name, "TXT", b"".join(bytes((len(string),)) + string for string in strings))]}


def listed(client: str, zone: str, *answers: str, text: bytes = b"") -> Zone:
    """The entry of a client in a DNS list."""
    name = entry(client, zone)
    return address_of(name, *answers) | (text_of(name, text) if text else {})


def entry(client: str, zone: str) -> str:
    """The name that a DNS list has for a client, made in another way than ours."""
    return ip_address(client).reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa") + f".{zone}"


@contextmanager
def serving(network: Namespace, zone: Zone, address: str = ADDRESS) -> Iterator[None]:
    """Answers on port 53 of an address inside, by UDP and TCP; NXDOMAIN for what the zone does not have."""

    def bind() -> tuple[socket.socket, socket.socket]:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((address, 53))
        return server, socket.create_server((address, 53))

    datagrams, streams = network.run(bind)
    with datagrams, streams:
        threads = [
            threading.Thread(target=serve_datagrams, args=(datagrams, zone)),
            threading.Thread(target=serve_streams, args=(streams, zone)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            network.run(lambda: ask_to_stop(address))
            for thread in threads:
                thread.join()


def ask_to_stop(address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"", (address, 53))
    socket.create_connection((address, 53)).close()


def serve_datagrams(server: socket.socket, zone: Zone) -> None:
    while True:
        query, client = server.recvfrom(512)
        if not query:
            return
        for answer in answers_to(query, zone):
            with contextlib.suppress(ConnectionRefusedError):
                server.sendto(answer, client)


def serve_streams(server: socket.socket, zone: Zone) -> None:
    """By TCP every answer is right."""
    while True:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            query = connection.recv(514)[2:]
            if not query:
                return
            answer = right_answer(query, zone)
            connection.sendall(len(answer).to_bytes(2, "big") + answer)


def question_of(query: bytes) -> tuple[str, str, int]:
    """Name, type, and where the question ends."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode().lower())
        at += 1 + query[at]
    kind = next((name for name, number in TYPES.items() if number == query[at + 2]), "")
    return ".".join(labels), kind, at + 5


def find(name: str, kind: str, zone: Zone) -> int | list[Record] | Odd:
    parents = [name, *(f"*.{name.split('.', count)[-1]}" for count in range(1, name.count(".") + 1))]
    return next((zone[at, kind] for at in parents if (at, kind) in zone), NXDOMAIN)


def answers_to(query: bytes, zone: Zone) -> list[bytes]:
    name, kind, _ = question_of(query)
    found = find(name, kind, zone)
    if callable(found):
        return found(query, right_answer(query, zone))
    return [] if found == SILENT else [right_answer(query, zone)]


def right_answer(query: bytes, zone: Zone) -> bytes:
    name, kind, end = question_of(query)
    found = find(name, kind, zone)
    if callable(found):
        found = zone.get((f"tcp.{name}", kind), [])
    records = found if isinstance(found, list) else []
    error = found if isinstance(found, int) else 0
    header = query[:2] + bytes((0x81, 0x80 | error, 0, 1, 0, len(records), 0, 0, 0, 0))
    body = b"".join(record(owner if not owner.startswith("*") else name, kind, data) for owner, kind, data in records)
    return header + query[12:end] + body


def record(name: str, kind: str, data: bytes) -> bytes:
    """One record as it stands in a message."""
    return name_to_wire(name) + bytes((0, TYPES[kind], 0, 1, 0, 0, 0, 1)) + len(data).to_bytes(2, "big") + data


def with_records(answer: bytes, *records: bytes) -> bytes:
    """The same answer with these records in place of its own, which it must not have."""
    return answer[:6] + len(records).to_bytes(2, "big") + answer[8:] + b"".join(records)
