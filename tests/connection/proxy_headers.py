"""PROXY headers for tests, and the real reader on a real socket."""

import _socket
import socket
import struct
import time

import pytest

from sockgate.connection import proxy
from sockgate.core import Refused
from sockgate.core.addresses import AddressList
from sockgate.core.peer import Peer, internet_peer

LINE = b"PROXY TCP4 192.0.2.1 198.51.100.2 123 321\r\n"
LINE6 = b"PROXY TCP6 2001:db8::1 2001:db8::2 65535 0\r\n"
SENDER = internet_peer(bytes([10, 0, 0, 9]), 999, bytes([10, 0, 0, 1]), 25)


def v2(
    source: str = "192.0.2.1", target: str = "198.51.100.2", ports: tuple[int, int] = (123, 321),
    extensions: bytes = b"", command: int = 0x21, transport: int | None = None, length: int | None = None,
) -> bytes:  # fmt: skip
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    kind = transport if transport is not None else (0x21 if family == socket.AF_INET6 else 0x11)
    body = socket.inet_pton(family, source) + socket.inet_pton(family, target) + struct.pack("!HH", *ports) + extensions
    return proxy.SIGNATURE + bytes([command, kind]) + struct.pack("!H", len(body) if length is None else length) + body


def tlv(kind: int, value: bytes) -> bytes:
    return bytes([kind]) + struct.pack("!H", len(value)) + value


def with_crc32c(extensions: bytes = b"") -> bytes:
    empty = v2(extensions=extensions + tlv(proxy.TLV_CRC32C, bytes(4)))
    return empty[:-4] + struct.pack("!I", proxy.crc32c(empty))


def ssl(flags: int, verify: int = 0, name: bytes = b"client") -> bytes:
    """What haproxy says of a TLS session; `name` is in the client's certificate."""
    parts = tlv(0x21, b"TLSv1.3") + tlv(0x23, b"TLS_AES_128_GCM_SHA256") + tlv(0x22, name)
    return tlv(0x20, struct.pack("!BI", flags, verify) + parts)


VALID = [
    LINE,
    LINE6,
    v2(),
    v2("2001:db8::1", "2001:db8::2"),
    v2(extensions=tlv(0x02, b"mail.example.com")),
    with_crc32c(),
    with_crc32c(tlv(0x02, b"mail.example.com") + ssl(0x07)),
]
CLIENTS = ("192.0.2.1:123", "[2001:db8::1]:65535", "[2001:db8::1]:123")


def receive(ours: socket.socket, seconds: float = 60.0) -> Peer:
    """What the gate does with this connection: the real reader on the real socket."""
    connection = _socket.socket(fileno=ours.fileno())
    try:
        header = proxy.read_header(connection, time.monotonic() + seconds)
        return proxy.ProxyProtocol(AddressList("10.0.0.0/8", "--proxy-protocol")).apply(header, SENDER)
    finally:
        connection.detach()


def refusal(ours: socket.socket, seconds: float = 5.0) -> str:
    with pytest.raises(Refused) as caught:
        receive(ours, seconds)
    return str(caught.value)
