"""A name server under a test's control: what it is told to answer, right or wrong."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from tests.differential.namespace import Namespace

TYPES = {"A": 1, "CNAME": 5, "PTR": 12, "AAAA": 28}
NXDOMAIN, SERVFAIL = 3, 2
SILENT = -1

# Name and type of the question: an error, or records of (name, type, data in wire format).
Record = tuple[str, str, bytes]
Zone = dict[tuple[str, str], int | list[Record]]


def wire(*labels: bytes) -> bytes:
    """A name of these labels, whatever bytes they have."""
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


@contextmanager
def serving(network: Namespace, zone: Zone) -> Iterator[None]:
    """Answers on port 53 of the loopback interface inside; NXDOMAIN for what the zone does not have."""

    def bind() -> socket.socket:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 53))
        return server

    with network.run(bind) as server:
        thread = threading.Thread(target=serve, args=(server, zone))
        thread.start()
        try:
            yield
        finally:
            network.run(ask_to_stop)
            thread.join()


def ask_to_stop() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"", ("127.0.0.1", 53))


def serve(server: socket.socket, zone: Zone) -> None:
    while True:
        query, client = server.recvfrom(512)
        if not query:
            return
        answer = answer_to(query, zone)
        if answer:
            server.sendto(answer, client)


def answer_to(query: bytes, zone: Zone) -> bytes:
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode().lower())
        at += 1 + query[at]
    kind = next((name for name, number in TYPES.items() if number == query[at + 2]), "")
    found = zone.get((".".join(labels), kind), NXDOMAIN)
    if found == SILENT:
        return b""
    records = found if isinstance(found, list) else []
    error = found if isinstance(found, int) else 0
    header = query[:2] + bytes((0x81, 0x80 | error, 0, 1, 0, len(records), 0, 0, 0, 0))
    body = b"".join(
        name_to_wire(name) + bytes((0, TYPES[kind], 0, 1, 0, 0, 0, 1)) + len(data).to_bytes(2, "big") + data
        for name, kind, data in records
    )
    return header + query[12 : at + 5] + body
