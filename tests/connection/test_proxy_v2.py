"""PROXY headers of version 2: commands, families, extensions; and both versions against the package proxy-protocol."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxyprotocol.result import ProxyResultIPv4, ProxyResultIPv6
from proxyprotocol.v1 import ProxyProtocolV1
from proxyprotocol.v2 import ProxyProtocolV2

from sockgate.connection import Gate, proxy
from sockgate.core.addresses import AddressList
from sockgate.core.listing import Listing
from sockgate.core.options import parse
from sockgate.core.peer import pack
from sockgate.resolve.host_lookup import why_unusable
from sockgate.resolve.ident import why_no_user
from tests.connection.proxy_headers import SENDER, receive, refusal, ssl, tlv, v2, with_crc32c

FUNCTION = b"() { :; }; echo hello"

# Address lengths by family and transport; what is no TCP is as good as unspecified.
TCP = {0x11: 12, 0x21: 36}
NO_TCP = {0x00: 0, 0x12: 12, 0x22: 36, 0x31: 216, 0x32: 216}


def header_of(command: int, transport: int, body: bytes) -> bytes:
    return proxy.SIGNATURE + struct.pack("!BBH", command, transport, len(body)) + body


def fault(header: bytes) -> str:
    with pytest.raises(proxy.Malformed) as caught:
        proxy.parse(header)
    return str(caught.value)


def refused(sent: bytes, seconds: float = 5.0) -> str:
    """Why a connection that sends this and then is silent is refused."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        return refusal(ours, seconds)


FAULTS = [
    (v2(length=0), "the address block is cut short"),
    (v2(length=11), "the address block is cut short"),
    (v2(extensions=b"\x05"), "an extension is cut short"),
    (v2(extensions=b"\x05\x00"), "an extension is cut short"),
    (v2(extensions=b"\x05\x00\x02x"), "an extension runs past the header"),
    (v2(extensions=b"", length=13) + b"\x05", "an extension is cut short"),
    (v2(extensions=tlv(0x20, b"\x01\x00\x00")), "the SSL information is cut short"),
    (v2(extensions=tlv(0x20, bytes(5) + b"\x21\x00\x09TLS")), "an extension runs past the header"),
    (with_crc32c()[:-1] + b"\x00", "the CRC32C does not match"),
    (v2(extensions=tlv(0x03, b"123")), "the CRC32C does not match"),
    (header_of(0x21, 0x00, b"\x05"), "an extension is cut short"),
    (header_of(0x20, 0x00, tlv(0x03, bytes(4))), "the CRC32C does not match"),
]


@pytest.mark.parametrize(("header", "why"), FAULTS)
def test_a_malformed_header_is_refused_with_its_fault(header: bytes, why: str) -> None:
    assert refused(header) == f"malformed PROXY header: {why}"


def test_the_length_is_believed_up_to_65535() -> None:
    assert refused(v2(length=65535), seconds=0.01) == "no complete PROXY header in time"
    header = v2(extensions=tlv(0xEE, bytes(65535 - 12 - 3)))
    assert len(header) == 16 + 65535
    assert proxy.missing(header[:-1]) == 1
    assert proxy.missing(header) == 0
    assert proxy.parse(header).endpoints is not None


def test_only_local_and_proxy_of_version_2_are_commands() -> None:
    for command in range(256):
        header = v2(command=command)
        if command in (0x20, 0x21):
            assert (proxy.parse(header).endpoints is None) == (command == 0x20)
        else:
            assert fault(header) == f"version and command {command:#04x} are unknown"


def test_every_family_is_taken_left_out_or_refused_as_the_specification_says() -> None:
    for transport in range(256):
        header = header_of(0x21, transport, bytes((TCP | NO_TCP).get(transport, 216)))
        if transport in TCP:
            assert proxy.parse(header).endpoints is not None
        elif transport in NO_TCP:
            assert proxy.parse(header).endpoints is None
        else:
            assert fault(header) == f"family and transport {transport:#04x} are unknown"


@pytest.mark.parametrize("transport", NO_TCP)
def test_what_is_no_tcp_keeps_the_real_peer_and_is_checked_all_the_same(transport: int) -> None:
    name = tlv(0x02, b"mail.example.com")
    good = header_of(0x21, transport, bytes(NO_TCP[transport]) + name)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(good + b"next")
        peer = receive(ours)
        assert (peer.source, peer.via) == ("10.0.0.9:999", None)
        assert ours.recv(10) == b"next"
    assert "CRC32C" in fault(header_of(0x21, transport, bytes(NO_TCP[transport]) + tlv(0x03, bytes(4))))
    if transport:
        assert "cut short" in fault(header_of(0x21, transport, bytes(NO_TCP[transport] - 1)))


LOCAL = [
    header_of(0x20, 0x00, b""),
    header_of(0x20, 0x11, b""),
    header_of(0x20, 0xFF, b"anything"),
    header_of(0x20, 0x00, b"\x03\x00"),
    v2(command=0x20),
    v2(command=0x20, extensions=tlv(0x02, b"mail.example.com")),
]


@pytest.mark.parametrize("header", LOCAL)
def test_local_keeps_the_real_peer_and_skips_the_block(header: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(header + b"next")
        peer = receive(ours)
        assert (peer.source, peer.via, peer.variables) == ("10.0.0.9:999", None, {})
        assert ours.recv(10) == b"next"


def test_local_with_a_checksum_that_matches_is_taken() -> None:
    empty = header_of(0x20, 0x00, tlv(0x03, bytes(4)))
    assert proxy.parse(empty[:-4] + struct.pack("!I", proxy.crc32c(empty))).endpoints is None


NAMES = {
    b"SSL_TLS_SNI_SERVERNAME": b"mail.example.com",
    b"SSL_PROTOCOL": b"TLSv1.3",
    b"SSL_CIPHER": b"TLS_AES_128_GCM_SHA256",
    b"SSL_CLIENT_S_DN_CN": b"client",
    b"SSL_PEER_CERT_CN": b"client",
}
OF_THE_CERTIFICATE = {b"SSL_CLIENT_S_DN_CN", b"SSL_PEER_CERT_CN"}
OF_THE_SESSION = set(NAMES) - OF_THE_CERTIFICATE


@pytest.mark.parametrize(
    ("flags", "verify", "set_names"),
    [
        (0x07, 0, set(NAMES)),
        (0x03, 0, set(NAMES)),
        (0x05, 0, set(NAMES)),
        (0x07, 18, OF_THE_SESSION),  # self-signed: proves nothing
        (0x07, 1 << 24, OF_THE_SESSION),
        (0x01, 0, OF_THE_SESSION),
        (0x06, 0, {b"SSL_TLS_SNI_SERVERNAME"}),
        (0x00, 0, {b"SSL_TLS_SNI_SERVERNAME"}),
    ],
)
def test_extensions_become_variables_as_far_as_the_proxy_vouches_for_them(
    flags: int, verify: int, set_names: set[bytes]
) -> None:
    extensions = tlv(0x02, b"mail.example.com") + ssl(flags, verify) + tlv(0xEE, b"custom") + tlv(0x04, b"padding")
    conveyed = proxy.parse(v2(extensions=extensions))
    assert conveyed.variables == {name: NAMES[name] for name in set_names}


@pytest.mark.parametrize("value", [b"a\nb", b"a\x00b", b"\x1b[2J", "ü".encode(), b"x" * 256, FUNCTION, b"()"])
def test_an_extension_that_is_not_plain_text_leaves_its_variable_unset(value: bytes) -> None:
    assert proxy.parse(v2(extensions=tlv(0x02, value))).variables == {}
    assert not OF_THE_CERTIFICATE & proxy.parse(v2(extensions=ssl(0x07, name=value))).variables.keys()


@pytest.mark.parametrize(
    "name", [b"../../etc/shadow", b"..", b"-v", b"$(id).example", b"a b", b"a;b", b"a/b", b"\xe4.example"]
)
def test_a_server_name_that_is_no_host_name_reaches_no_server(name: bytes) -> None:
    """The client has chosen it, and servers look for the files of that name."""
    assert proxy.parse(v2(extensions=tlv(0x02, name))).variables == {}
    assert proxy.parse(v2(extensions=tlv(0x02, b"Mail.Example.COM"))).variables


def test_no_text_of_the_network_becomes_a_function_of_the_shell() -> None:
    """CVE-2014-6271: what bash once took for a function, by each way on which a text reaches the environment."""
    extensions = tlv(0x02, FUNCTION) + tlv(
        0x20, bytes((0x07, 0, 0, 0, 0)) + b"".join(tlv(kind, FUNCTION) for kind in (0x21, 0x22, 0x23))
    )
    peer = proxy.ProxyProtocol(AddressList("10.0.0.0/8", "--proxy-protocol")).apply(v2(extensions=extensions), SENDER)
    peer.listings["bl.example"] = Listing((pack("127.0.0.2"),), FUNCTION.decode())
    assert why_unusable(FUNCTION.decode())
    assert why_no_user(FUNCTION.decode())
    gate = Gate(parse(["--dnsbl", "bl.example,BLOCK", "--dnsbl", "bl.example,RBLSMTPD,*", "server"]))
    variables = gate.environment({}, peer, gate.decide(peer), None)
    assert variables[b"BLOCK"] == variables[b"BLOCK_TXT"] == variables[b"RBLSMTPD"] == b"{ :; }; echo hello"
    assert not [name for name, value in variables.items() if value.startswith(b"()")]


def test_crc32c_agrees_with_the_published_vectors() -> None:
    # RFC 3720, appendix B.4
    assert proxy.crc32c(bytes(32)) == 0x8A9136AA
    assert proxy.crc32c(b"\xff" * 32) == 0x62A8AB43
    assert proxy.crc32c(bytes(range(32))) == 0x46DD794E
    assert proxy.parse(with_crc32c(tlv(0x02, b"name"))).endpoints is not None


def test_a_change_of_any_byte_breaks_the_checksum() -> None:
    good = with_crc32c(tlv(0x02, b"mail.example.com"))
    type_and_length = range(len(good) - 7, len(good) - 4)  # of the checksum: without them there is none to check
    for at in set(range(16, len(good))) - set(type_and_length):
        assert fault(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])


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
