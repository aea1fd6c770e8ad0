"""--proxy-protocol: the client's address in the header of a trusted proxy, versions 1 and 2.

Source: doc/proxy-protocol.txt of HAProxy. The gate reads the header and not one byte more: the server inherits the
socket, and the bytes behind the header belong to the server. `missing()` says how many more bytes are certainly part of
the header, and no more are read. The client is refused if the header is absent, malformed or late, or if its sender is
not trusted.
"""

import _socket
import struct
import time

from ..core import DENY, Cause, Refused, Verdict
from ..core.addresses import AddressList
from ..core.host_names import is_host_name
from ..core.peer import Peer, internet_peer, text_of, unmap
from .needs import ProxyHeader

CAUSE = Cause("--proxy-protocol")
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
SHORTEST_V1 = len(b"PROXY UNKNOWN\r\n")
LONGEST_V1 = 107
FIXED_V2 = 16
PEEKED = 536  # section 2: a header fits into the smallest segment
LOCAL, PROXY = 0x20, 0x21  # version 2 in the upper half of the byte, the command in the lower
# Family and transport -> length of both addresses: nothing, TCP and UDP over IPv4, over IPv6, AF_UNIX.
ADDRESSES_V2 = {0x00: 0, 0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36, 0x31: 216, 0x32: 216}
TCP_V2 = (0x11, 0x21)

TLV_AUTHORITY, TLV_CRC32C, TLV_SSL = 0x02, 0x03, 0x20
TLV_SSL_VERSION, TLV_SSL_COMMON_NAME, TLV_SSL_CIPHER = 0x21, 0x22, 0x23
SSL_FIXED = 5  # one byte of flags, four of the verification's result
CLIENT_SSL, CLIENT_CERTIFICATE = 0x01, 0x06  # over TLS; with a certificate in this connection or in its session
# The names of ucspi-ssl and of s6-networking's proxy-server. The two differ for the name in the certificate.
SSL_VARIABLES = {
    TLV_SSL_VERSION: (b"SSL_PROTOCOL",),
    TLV_SSL_CIPHER: (b"SSL_CIPHER",),
    TLV_SSL_COMMON_NAME: (b"SSL_CLIENT_S_DN_CN", b"SSL_PEER_CERT_CN"),
}
AUTHORITY_VARIABLE = b"SSL_TLS_SNI_SERVERNAME"
LONGEST_VALUE = 255


class Malformed(Exception):
    """The header breaks a rule of the protocol. The text says which."""


class Conveyed:
    """The content of one header: both addresses (None if the real ones stay in force), and variables for the server."""

    __slots__ = ("endpoints", "variables")

    def __init__(self, endpoints: tuple[bytes, int, bytes, int] | None = None) -> None:
        self.endpoints = endpoints
        self.variables: dict[bytes, bytes] = {}


class ProxyProtocol:
    """The trusted senders of --proxy-protocol. Applies the header of a connection from one of them."""

    __slots__ = ("_trusted",)
    header = ProxyHeader()

    def __init__(self, trusted: AddressList) -> None:
        self._trusted = trusted

    def check_sender(self, peer: Peer) -> None:
        """Raise Refused if this peer is not a trusted proxy."""
        if not self._trusted.find(peer.remote):
            raise refused(f"not a trusted proxy (--proxy-protocol {self._trusted.text})")

    def apply(self, header: bytes | None, peer: Peer) -> Peer:
        """The peer after a complete header. Raises Refused."""
        assert header is not None
        try:
            conveyed = parse(header)
        except Malformed as fault:
            raise refused(f"malformed PROXY header: {fault}") from None
        client = peer
        if conveyed.endpoints:
            remote = unmap(conveyed.endpoints[0])
            if is_local(remote):
                raise refused(f"the PROXY header claims the local address {text_of(remote)}")
            client = internet_peer(*conveyed.endpoints)
            # To xinetd's lists an IPv4 client of an IPv6 socket is one, also where a proxy stands between the two.
            client.mapped = client.mapped or (client.protocol == "TCP" and (peer.mapped or peer.protocol == "TCP6"))
            client.via = peer.source
        client.variables = conveyed.variables
        return client


def refused(reason: str) -> Refused:
    return Refused(Verdict(DENY, CAUSE, reason))


def read_header(connection: _socket.socket, deadline: float) -> bytes:
    """The header to its exact end. `deadline` on time.monotonic(). Raises Refused."""
    header = b""
    try:
        while wanted := missing_or_refuse(header):
            connection.settimeout(max(deadline - time.monotonic(), 0.000001))
            received = connection.recv(wanted)
            if not received:
                raise refused("the connection ended before the PROXY header did")
            header += received
    except TimeoutError:
        raise refused("no complete PROXY header in time") from None
    except OSError as error:
        raise refused(f"no PROXY header: {error.strerror}") from None
    finally:
        connection.settimeout(None)  # the server shares it
    return header


def peek_header(connection: _socket.socket) -> bytes | None:
    """The header, if all of it has come. It stays unread. None if a part is missing or the header is unusually long.

    Raises Refused if these bytes can never become a header.
    """
    try:
        seen = connection.recv(PEEKED, _socket.MSG_PEEK | _socket.MSG_DONTWAIT)
    except OSError:
        return None  # nothing has come, or an error that read_header() will report
    length = 0
    while wanted := missing_or_refuse(seen[:length]):
        length += wanted
        if length > len(seen):
            missing_or_refuse(seen)  # raises Refused if the part that has come can never become a header
            return None
    return seen[:length]


def missing_or_refuse(header: bytes) -> int:
    try:
        return missing(header)
    except Malformed as fault:
        raise refused(f"malformed PROXY header: {fault}") from None


def missing(header: bytes) -> int:
    """How many more bytes surely belong to a header that starts like this. 0 if the header is complete.

    Raises Malformed as soon as the bytes can never become a header.
    """
    if header and SIGNATURE.startswith(header[: len(SIGNATURE)]):
        if len(header) < FIXED_V2:
            return FIXED_V2 - len(header)
        return FIXED_V2 + int.from_bytes(header[14:16], "big") - len(header)
    if b"PROXY "[: len(header)] != header[:6]:
        raise Malformed("it starts with neither 'PROXY' nor the signature of version 2")
    if len(header) < SHORTEST_V1:
        return SHORTEST_V1 - len(header)
    if header.endswith(b"\r\n"):
        return 0
    if b"\n" in header:
        raise Malformed("a version 1 line does not end with CR LF")
    wanted = 1 if header.endswith(b"\r") else 2
    if len(header) + wanted > LONGEST_V1:
        raise Malformed(f"a version 1 line is longer than {LONGEST_V1} bytes")
    return wanted


def parse(header: bytes) -> Conveyed:
    """A complete header. Raises Malformed."""
    return parse_v2(header) if header.startswith(SIGNATURE) else parse_v1(header)


def parse_v1(header: bytes) -> Conveyed:
    line = header[:-2]
    if b"\r" in line or b"\n" in line:
        raise Malformed("a version 1 line has a line break in it")
    words = line.split(b" ")
    if words[1] == b"UNKNOWN":
        return Conveyed()
    if words[1] not in (b"TCP4", b"TCP6"):
        raise Malformed("the protocol is none of TCP4, TCP6 and UNKNOWN")
    if len(words) != 6:
        raise Malformed("a version 1 line has exactly five single spaces")
    family = _socket.AF_INET if words[1] == b"TCP4" else _socket.AF_INET6
    source, destination = (parse_address(family, word) for word in words[2:4])
    return Conveyed((source, parse_port(words[4]), destination, parse_port(words[5])))


def parse_address(family: int, word: bytes) -> bytes:
    try:
        return _socket.inet_pton(family, word.decode("ascii"))
    except (OSError, ValueError):
        raise Malformed("an address is not in its canonical form") from None


def parse_port(word: bytes) -> int:
    if not word.isdigit() or len(word) > 5 or int(word) > 65535 or (word[:1] == b"0" and word != b"0"):
        raise Malformed("a port is not a number from 0 to 65535")
    return int(word)


def parse_v2(header: bytes) -> Conveyed:
    command, transport = header[12], header[13]
    if command not in (LOCAL, PROXY):
        raise Malformed(f"version and command {command:#04x} are unknown")
    if command == LOCAL:
        return parse_local(header)
    if transport not in ADDRESSES_V2:
        raise Malformed(f"family and transport {transport:#04x} are unknown")
    size = ADDRESSES_V2[transport]
    body = header[FIXED_V2:]
    if len(body) < size:
        raise Malformed("the address block is cut short")
    # UDP and AF_UNIX are valid, but we do not support them. Section 2.2: treat them as if unspecified.
    conveyed = Conveyed(endpoints_of(body[:size]) if transport in TCP_V2 else None)
    read_tlvs(header, FIXED_V2 + size, conveyed)
    return conveyed


def parse_local(header: bytes) -> Conveyed:
    """A header in which the proxy speaks for itself. The rest of it is thrown away, but a checksum must match."""
    try:
        fields = split_tlvs(header, FIXED_V2 + ADDRESSES_V2.get(header[13], 0))
    except Malformed:
        return Conveyed()
    for kind, at, value in fields:
        if kind == TLV_CRC32C:
            check_crc32c(header, at, value)
    return Conveyed()


def endpoints_of(block: bytes) -> tuple[bytes, int, bytes, int]:
    """Source, port of the source, destination, port of the destination."""
    length = (len(block) - 4) // 2
    ports = struct.unpack_from("!HH", block, 2 * length)
    return block[:length], ports[0], block[length : 2 * length], ports[1]


def read_tlvs(header: bytes, start: int, conveyed: Conveyed) -> None:
    for kind, at, value in split_tlvs(header, start):
        if kind == TLV_CRC32C:
            check_crc32c(header, at, value)
        elif kind == TLV_AUTHORITY and is_host_name(value.decode("latin-1").lower()):  # the client has chosen it
            set_variable(conveyed, AUTHORITY_VARIABLE, value)
        elif kind == TLV_SSL:
            read_ssl(value, conveyed)


def read_ssl(value: bytes, conveyed: Conveyed) -> None:
    """Take the TLS information that the flags confirm: no name from a certificate that the proxy did not verify."""
    if len(value) < SSL_FIXED:
        raise Malformed("the SSL information is cut short")
    over_tls, verified = value[0] & CLIENT_SSL, value[0] & CLIENT_CERTIFICATE and not any(value[1:SSL_FIXED])
    for kind, _at, text in split_tlvs(value, SSL_FIXED):
        if over_tls and (verified or kind != TLV_SSL_COMMON_NAME):
            for name in SSL_VARIABLES.get(kind, ()):
                set_variable(conveyed, name, text)


def split_tlvs(data: bytes, start: int) -> list[tuple[int, int, bytes]]:
    """(type, offset of the value, value) of each type-length-value field from `start` to the end."""
    fields = []
    while start < len(data):
        if len(data) - start < 3:
            raise Malformed("an extension is cut short")
        kind, length = data[start], int.from_bytes(data[start + 1 : start + 3], "big")
        start += 3
        if start + length > len(data):
            raise Malformed("an extension runs past the header")
        fields.append((kind, start, data[start : start + length]))
        start += length
    return fields


def set_variable(conveyed: Conveyed, name: bytes, value: bytes) -> None:
    """Set the variable if the value is printable ASCII of reasonable length. Otherwise it stays unset.

    Nor is a value accepted that begins as a function does: old versions of bash ran it (CVE-2014-6271).
    """
    plain = len(value) <= LONGEST_VALUE and value.isascii() and value.decode("ascii").isprintable()
    if plain and not value.lstrip().startswith(b"()"):
        conveyed.variables[name] = value


def check_crc32c(header: bytes, at: int, value: bytes) -> None:
    if len(value) != 4 or crc32c(header[:at] + bytes(4) + header[at + 4 :]) != int.from_bytes(value, "big"):
        raise Malformed("the CRC32C does not match")


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli, RFC 3720 appendix B.4), which the standard library does not have. Headers are short."""
    table = []
    for number in range(256):
        for _bit in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        table.append(number)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def is_local(packed: bytes) -> bool:
    """Whether the address is loopback or unspecified: only this machine itself can have it, no client of a proxy."""
    return packed[:1] in (b"\x7f", b"\x00") if len(packed) == 4 else int.from_bytes(packed, "big") <= 1
