"""PROXY headers: what is taken, what is refused, and that never a byte too many is read."""

import _socket
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxyprotocol.result import ProxyResultIPv4, ProxyResultIPv6
from proxyprotocol.v1 import ProxyProtocolV1
from proxyprotocol.v2 import ProxyProtocolV2

from sockgate.core import proxy
from sockgate.core.errors import Refused, UsageError
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


VALID = [
    LINE,
    LINE6,
    v2(),
    v2("2001:db8::1", "2001:db8::2"),
    v2(extensions=tlv(0x02, b"mail.example.com")),
    with_crc32c(),
]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def receive(ours: socket.socket, seconds: float = 5.0) -> Peer:
    """What the gate does with this connection: the real reader on the real socket."""
    connection = _socket.socket(fileno=ours.fileno())
    try:
        return proxy.ProxyProtocol("10.0.0.0/8").receive(connection, SENDER, time.monotonic() + seconds)
    finally:
        connection.detach()


def refusal(ours: socket.socket, seconds: float = 5.0) -> str:
    with pytest.raises(Refused) as caught:
        receive(ours, seconds)
    return str(caught.value)


# The lines of Postfix's haproxy_srvr_test.c, expectation by the specification: Postfix takes a bare LF and
# leading zeros, which the specification forbids. None: refused.
POSTFIX_LINES = [
    ("TCP6 fc:00:00:00:1:2:3:4 fc:00:00:00:4:3:2:1 123 321", "[fc::1:2:3:4]:123"),
    ("TCP6 FC:00:00:00:1:2:3:4 FC:00:00:00:4:3:2:1 123 321", "[fc::1:2:3:4]:123"),
    ("TCP6 1.2.3.4 4.3.2.1 123 321", None),
    ("TCP6 fc:00:00:00:1:2:3:4 4.3.2.1 123 321", None),
    ("TCP6 ::ffff:1.2.3.4 ::ffff:4.3.2.1 123 321", "1.2.3.4:123"),
    ("TCP6 ::FFFF:1.2.3.4 ::FFFF:4.3.2.1 123 321", "1.2.3.4:123"),
    ("TCP4 ::ffff:1.2.3.4 ::ffff:4.3.2.1 123 321", None),
    ("TCP4 1.2.3.4 ::ffff:4.3.2.1 123 321", None),
    ("TCP4 1.2.3.4 4.3.2.1 123 321", "1.2.3.4:123"),
    ("TCP4 01.02.03.04 04.03.02.01 123 321", None),
    ("TCP4 1.2.3.4 4.3.2.1 123456 321", None),
    ("TCP4 1.2.3.4 4.3.2.1 123 654321", None),
    ("TCP4 1.2.3.4 4.3.2.1 0123 321", None),
    ("TCP4 1.2.3.4 4.3.2.1 123 0321", None),
    ("TCP6 fc:00:00:00:1:2:3:4 fc:00:00:00:4:3:2:1 123", None),
    ("TCP6 fc:00:00:00:1:2:3:4 fc:00:00:00:4:3:2:1", None),
    ("TCP6 fc:00:00:00:1:2:3:4", None),
    ("TCP6", None),
    ("TCP4 1.2.3.4 4.3.2.1 123", None),
    ("TCP4 1.2.3.4 4.3.2.1", None),
    ("TCP4 1.2.3.4", None),
    ("TCP4", None),
    ("BLAH", None),
]  # fmt: skip


@pytest.mark.parametrize(("line", "source"), POSTFIX_LINES)
def test_version_1_lines_are_taken_as_the_specification_says(
    pair: tuple[socket.socket, socket.socket], line: str, source: str | None
) -> None:
    ours, theirs = pair
    theirs.sendall(f"PROXY {line}\r\n".encode())
    theirs.shutdown(socket.SHUT_WR)
    if source is None:
        assert "PROXY header" in refusal(ours)
    else:
        assert receive(ours).source == source


@pytest.mark.parametrize(
    "start", [b"PROXY\n", b"BLAH\n", b"\n", b"", b"EHLO client\r\n", b"PROXY", b"\r\n\r\n\x00\r\nQUIX\n"]
)
def test_what_does_not_start_a_header_is_refused(pair: tuple[socket.socket, socket.socket], start: bytes) -> None:
    ours, theirs = pair
    theirs.sendall(start)
    theirs.shutdown(socket.SHUT_WR)
    assert "PROXY header" in refusal(ours)


def test_a_first_command_instead_of_a_header_is_refused_at_once(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"EHLO\r\n")
    started = time.monotonic()
    text = refusal(ours, seconds=30)
    assert text == "malformed PROXY header: it starts with neither 'PROXY' nor the signature of version 2"
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("header", VALID)
def test_the_first_command_stays_in_the_socket_for_the_server(
    pair: tuple[socket.socket, socket.socket], header: bytes
) -> None:
    ours, theirs = pair
    theirs.sendall(header + b"EHLO client\r\n")
    receive(ours)
    assert ours.recv(100) == b"EHLO client\r\n"


@pytest.mark.parametrize("header", VALID)
def test_every_truncation_is_refused_when_the_connection_ends(header: bytes) -> None:
    for length in range(len(header)):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(header[:length])
            theirs.shutdown(socket.SHUT_WR)
            assert refusal(ours) == "the connection ended before the PROXY header did"


@pytest.mark.parametrize("header", VALID[:3])
def test_every_truncation_is_refused_when_nothing_more_comes(header: bytes) -> None:
    for length in range(len(header)):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(header[:length])
            assert refusal(ours, seconds=0.005) == "no complete PROXY header in time"


@pytest.mark.parametrize("header", VALID)
def test_a_header_may_come_byte_by_byte(pair: tuple[socket.socket, socket.socket], header: bytes) -> None:
    ours, theirs = pair

    def dribble() -> None:
        for at in range(len(header)):
            theirs.sendall(header[at : at + 1])
            time.sleep(0.0005)

    thread = threading.Thread(target=dribble)
    thread.start()
    peer = receive(ours)
    thread.join()
    assert peer.source in ("192.0.2.1:123", "[2001:db8::1]:65535", "[2001:db8::1]:123")
    assert ours.getblocking()


def test_a_reset_instead_of_a_header_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _address = listener.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        with ours:
            assert refusal(ours) == "no PROXY header: Connection reset by peer"


FAULTS = [
    (LINE[:-2] + b" extra\r\n", "a version 1 line has exactly five single spaces"),
    (LINE.replace(b" 123", b"  123"), "a version 1 line has exactly five single spaces"),
    (LINE.replace(b"321\r\n", b"321\n"), "a version 1 line does not end with CR LF"),
    (LINE.replace(b" 123", b"\r123"), "a version 1 line has a line break in it"),
    (LINE.replace(b"123", b"99999"), "a port is not a number from 0 to 65535"),
    (LINE.replace(b"123", "١٢٣".encode()), "a port is not a number from 0 to 65535"),
    (LINE.replace(b"123", b"+12"), "a port is not a number from 0 to 65535"),
    (LINE.replace(b"192.0.2.1", b"192.0.2.01"), "an address is not in its canonical form"),
    (LINE.replace(b"192.0.2.1", b"192.0.513"), "an address is not in its canonical form"),
    (LINE6.replace(b"db8::1", b"db8::1%lo"), "an address is not in its canonical form"),
    (b"PROXY TCP5 192.0.2.1 198.51.100.2 123 321\r\n", "the protocol is none of TCP4, TCP6 and UNKNOWN"),
    (b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n", "a version 1 line is longer than 107 bytes"),
    (v2(command=0x22), "version and command 0x22 are unknown"),
    (v2(command=0x11), "version and command 0x11 are unknown"),
    (v2(transport=0x12), "family and transport 0x12 are not TCP over IPv4 or IPv6"),
    (v2(transport=0x31), "family and transport 0x31 are not TCP over IPv4 or IPv6"),
    (v2(length=0), "the address block is cut short"),
    (v2(length=11), "the address block is cut short"),
    (v2(extensions=b"\x05"), "an extension is cut short"),
    (v2(extensions=b"\x05\x00"), "an extension is cut short"),
    (v2(extensions=b"\x05\x00\x02x"), "an extension runs past the header"),
    (v2(extensions=tlv(0x20, b"\x01\x00\x00")), "the SSL information is cut short"),
    (v2(extensions=tlv(0x20, bytes(5) + b"\x21\x00\x09TLS")), "an extension runs past the header"),
    (with_crc32c()[:-1] + b"\x00", "the CRC32C does not match"),
    (v2(extensions=tlv(0x03, b"123")), "the CRC32C does not match"),
]


@pytest.mark.parametrize(("header", "fault"), FAULTS)
def test_a_malformed_header_is_refused_with_its_fault(
    pair: tuple[socket.socket, socket.socket], header: bytes, fault: str
) -> None:
    ours, theirs = pair
    theirs.sendall(header)
    assert refusal(ours) == f"malformed PROXY header: {fault}"


@pytest.mark.parametrize("command", range(256))
def test_only_local_and_proxy_of_version_2_are_commands(command: int) -> None:
    header = v2(command=command)
    if command in (0x20, 0x21):
        assert (proxy.parse(header).endpoints is None) == (command == 0x20)
    else:
        with pytest.raises(proxy.Malformed):
            proxy.parse(header)


@pytest.mark.parametrize("transport", range(256))
def test_only_tcp_and_unspecified_are_families(transport: int) -> None:
    header = v2("2001:db8::1", "2001:db8::2", transport=transport)
    if transport in (0x11, 0x21, 0x00):
        assert transport == 0x21 or sees_no_ipv6(header)
    else:
        with pytest.raises(proxy.Malformed):
            proxy.parse(header)


def sees_no_ipv6(header: bytes) -> bool:
    """Read as IPv4 or as none at all, the bytes of an IPv6 header are no valid extensions or no address."""
    try:
        return proxy.parse(header).endpoints is None
    except proxy.Malformed:
        return True


@pytest.mark.parametrize(
    "header",
    [b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ff:: ff:: 1 2\r\n", v2(command=0x20), v2(transport=0, length=0)[:16]],
)
def test_unknown_local_and_unspecified_keep_the_real_peer(
    pair: tuple[socket.socket, socket.socket], header: bytes
) -> None:
    ours, theirs = pair
    theirs.sendall(header + b"next")
    peer = receive(ours)
    assert (peer.source, peer.via) == ("10.0.0.9:999", None)
    assert ours.recv(10) == b"next"


@pytest.mark.parametrize("claim", ["127.0.0.1", "127.9.9.9", "0.0.0.0"])
def test_a_header_cannot_make_a_client_local(pair: tuple[socket.socket, socket.socket], claim: str) -> None:
    ours, theirs = pair
    theirs.sendall(f"PROXY TCP4 {claim} 192.0.2.1 1 2\r\n".encode())
    assert refusal(ours) == f"the PROXY header claims the local address {claim}"


@pytest.mark.parametrize("claim", ["::1", "::", "::ffff:127.0.0.1"])
def test_a_header_cannot_make_a_client_local_over_ipv6(pair: tuple[socket.socket, socket.socket], claim: str) -> None:
    ours, theirs = pair
    theirs.sendall(v2(claim, "2001:db8::1"))
    assert "claims the local address" in refusal(ours)


def test_a_stranger_is_refused_whatever_it_sends(pair: tuple[socket.socket, socket.socket]) -> None:
    stranger = internet_peer(bytes([192, 0, 2, 99]), 1, bytes([10, 0, 0, 1]), 25)
    with pytest.raises(Refused) as caught:
        proxy.ProxyProtocol("10.0.0.9").check_sender(stranger)
    assert str(caught.value) == "not a trusted proxy (--proxy-protocol 10.0.0.9)"


def test_an_unusable_list_of_proxies_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        proxy.ProxyProtocol("10.0.0")
    assert str(caught.value) == "--proxy-protocol: '10.0.0' is not an IP address (for the network write 10.0.0.0/24)"


def test_extensions_become_variables_in_ucspi_names() -> None:
    ssl = bytes([7]) + bytes(4) + tlv(0x21, b"TLSv1.3") + tlv(0x23, b"TLS_AES_128_GCM_SHA256") + tlv(0x22, b"client")
    conveyed = proxy.parse(v2(extensions=tlv(0x02, b"mail.example.com") + tlv(0x20, ssl) + tlv(0xEE, b"custom")))
    assert conveyed.variables == {
        b"SSL_TLS_SNI_SERVERNAME": b"mail.example.com",
        b"SSL_PROTOCOL": b"TLSv1.3",
        b"SSL_CIPHER": b"TLS_AES_128_GCM_SHA256",
        b"SSL_CLIENT_S_DN_CN": b"client",
    }


@pytest.mark.parametrize("value", [b"a\nb", b"a\x00b", b"\x1b[2J", "ü".encode(), b"x" * 256])
def test_an_extension_that_is_not_plain_text_leaves_its_variable_unset(value: bytes) -> None:
    assert proxy.parse(v2(extensions=tlv(0x02, value))).variables == {}


def test_crc32c_agrees_with_the_published_vectors() -> None:
    # RFC 3720, appendix B.4
    assert proxy.crc32c(bytes(32)) == 0x8A9136AA
    assert proxy.crc32c(b"\xff" * 32) == 0x62A8AB43
    assert proxy.crc32c(bytes(range(32))) == 0x46DD794E
    assert proxy.parse(with_crc32c(tlv(0x02, b"name"))).endpoints is not None


def test_a_header_of_the_greatest_length_is_read_whole() -> None:
    header = v2(extensions=tlv(0xEE, bytes(65535 - 12 - 3)))
    assert len(header) == 16 + 65535
    assert proxy.missing(header[:-1]) == 1
    assert proxy.missing(header) == 0
    assert proxy.parse(header).endpoints is not None


@given(
    source=st.ip_addresses(v=4).map(str), target=st.ip_addresses(v=4).map(str),
    ports=st.tuples(st.integers(0, 65535), st.integers(0, 65535)), version=st.sampled_from([1, 2]),
)  # fmt: skip
def test_valid_ipv4_headers_agree_with_the_proxy_protocol_package(
    source: str, target: str, ports: tuple[int, int], version: int
) -> None:
    line = f"PROXY TCP4 {source} {target} {ports[0]} {ports[1]}\r\n".encode()
    header = line if version == 1 else v2(source, target, ports)
    oracle = (ProxyProtocolV1() if version == 1 else ProxyProtocolV2()).unpack(header)
    assert isinstance(oracle, ProxyResultIPv4)
    agree_on(header, str(oracle.source[0]), oracle.source[1], str(oracle.dest[0]), oracle.dest[1])


@given(
    source=st.ip_addresses(v=6).map(str), target=st.ip_addresses(v=6).map(str),
    ports=st.tuples(st.integers(0, 65535), st.integers(0, 65535)), version=st.sampled_from([1, 2]),
)  # fmt: skip
def test_valid_ipv6_headers_agree_with_the_proxy_protocol_package(
    source: str, target: str, ports: tuple[int, int], version: int
) -> None:
    line = f"PROXY TCP6 {source} {target} {ports[0]} {ports[1]}\r\n".encode()
    header = line if version == 1 else v2(source, target, ports)
    oracle = (ProxyProtocolV1() if version == 1 else ProxyProtocolV2()).unpack(header)
    assert isinstance(oracle, ProxyResultIPv6)
    agree_on(header, str(oracle.source[0]), oracle.source[1], str(oracle.dest[0]), oracle.dest[1])


def agree_on(header: bytes, source: str, source_port: int, target: str, target_port: int) -> None:
    endpoints = proxy.parse(header).endpoints
    assert endpoints is not None
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    assert endpoints == (
        socket.inet_pton(family, source), source_port, socket.inet_pton(family, target), target_port,
    )  # fmt: skip


@given(data=st.one_of(st.binary(max_size=300), st.sampled_from(VALID).flatmap(
    lambda header: st.tuples(st.just(header), st.integers(0, len(header) - 1), st.integers(0, 255)).map(
        lambda change: change[0][: change[1]] + bytes([change[2]]) + change[0][change[1] + 1 :]
    )
)))  # fmt: skip
def test_no_bytes_crash_the_parser_or_make_it_ask_for_more_than_a_header(data: bytes) -> None:
    taken = 0
    try:
        while wanted := proxy.missing(data[:taken]):
            if taken + wanted > len(data):
                return
            taken += wanted
        proxy.parse(data[:taken])
    except proxy.Malformed:
        return
    assert taken <= 16 + 65535
