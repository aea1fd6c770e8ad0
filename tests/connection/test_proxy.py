"""PROXY headers: what is taken, what is refused, and that never a byte too many is read."""

import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.access.xinetd_access import XinetdAccess
from sockgate.connection import Gate, proxy
from sockgate.core import DENY, Refused, UsageError
from sockgate.core.addresses import AddressList
from sockgate.core.options import parse
from sockgate.core.peer import MAPPED_PREFIX, Peer, internet_peer, pack
from tests.connection.launch import Launcher, Outcome, internet
from tests.connection.proxy_headers import CLIENTS, LINE, LINE6, SENDER, VALID, receive, refusal, ssl, tlv, v2

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


# The lines of Postfix's haproxy_srvr_test.c, each with the source and destination that they name, None if they are
# to be refused. By the specification: Postfix takes leading zeros, which it forbids.
POSTFIX_LINES = [
    ("PROXY TCP6 fc:00:00:00:1:2:3:4 fc:00:00:00:4:3:2:1 123 321", ("[fc::1:2:3:4]:123", "[fc::4:3:2:1]:321")),
    ("PROXY TCP6 FC:00:00:00:1:2:3:4 FC:00:00:00:4:3:2:1 123 321", ("[fc::1:2:3:4]:123", "[fc::4:3:2:1]:321")),
    ("PROXY TCP6 1.2.3.4 4.3.2.1 123 321", None),
    ("PROXY TCP6 fc:00:00:00:1:2:3:4 4.3.2.1 123 321", None),
    ("PROXY TCP6 ::ffff:1.2.3.4 ::ffff:4.3.2.1 123 321", ("1.2.3.4:123", "4.3.2.1:321")),
    ("PROXY TCP6 ::FFFF:1.2.3.4 ::FFFF:4.3.2.1 123 321", ("1.2.3.4:123", "4.3.2.1:321")),
    ("PROXY TCP4 ::ffff:1.2.3.4 ::ffff:4.3.2.1 123 321", None),
    ("PROXY TCP4 1.2.3.4 ::ffff:4.3.2.1 123 321", None),
    ("PROXY TCP4 1.2.3.4 4.3.2.1 123 321", ("1.2.3.4:123", "4.3.2.1:321")),
    ("PROXY TCP4 01.02.03.04 04.03.02.01 123 321", None),
    ("PROXY TCP4 1.2.3.4 4.3.2.1 123456 321", None),
    ("PROXY TCP4 1.2.3.4 4.3.2.1 123 654321", None),
    ("PROXY TCP4 1.2.3.4 4.3.2.1 0123 321", None),
    ("PROXY TCP4 1.2.3.4 4.3.2.1 123 0321", None),
    ("PROXY TCP6 fc:00:00:00:1:2:3:4 fc:00:00:00:4:3:2:1 123", None),
    ("PROXY TCP6 fc:00:00:00:1:2:3:4 fc:00:00:00:4:3:2:1", None),
    ("PROXY TCP6 fc:00:00:00:1:2:3:4", None),
    ("PROXY TCP6", None),
    ("PROXY TCP4 1.2.3.4 4.3.2.1 123", None),
    ("PROXY TCP4 1.2.3.4 4.3.2.1", None),
    ("PROXY TCP4 1.2.3.4", None),
    ("PROXY TCP4", None),
    ("PROXY BLAH", None),
    ("PROXY", None),
    ("BLAH", None),
    ("", None),
]
POSTFIX_TAKEN = [(line, ends) for line, ends in POSTFIX_LINES if ends]


def outcome_of(sent: bytes) -> tuple[tuple[str, str] | None, bytes]:
    """What the gate makes of a connection that sends this and ends, and what is left for the server to read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        try:
            peer = receive(ours)
        except Refused:
            return None, b""
        return (peer.source, peer.destination), ours.recv(100)


@pytest.mark.parametrize(("line", "ends"), POSTFIX_LINES)
def test_the_lines_of_postfix_are_taken_as_the_specification_says(line: str, ends: tuple[str, str] | None) -> None:
    assert outcome_of(f"{line}\r\n".encode()) == (ends, b"")


@pytest.mark.parametrize("line", [*(line for line, _ in POSTFIX_LINES), None])
def test_the_lines_of_postfix_as_it_sends_them_end_in_lf_alone_and_are_refused(line: str | None) -> None:
    assert outcome_of(b"" if line is None else f"{line}\n".encode()) == (None, b"")


@pytest.mark.parametrize(("line", "ends"), POSTFIX_TAKEN)
def test_the_mutations_of_postfix_leave_what_follows_and_miss_what_is_cut(line: str, ends: tuple[str, str]) -> None:
    version_1 = f"{line}\r\n".encode()
    conveyed = proxy.parse(version_1).endpoints
    assert conveyed is not None
    source, source_port, target, target_port = conveyed
    family = socket.AF_INET if len(source) == 4 else socket.AF_INET6
    text = [socket.inet_ntop(family, address) for address in (source, target)]
    for header in (version_1, v2(text[0], text[1], (source_port, target_port))):
        assert outcome_of(header + b"\0") == (ends, b"\0")
        assert outcome_of(header) == (ends, b"")
        assert outcome_of(header[:-1]) == (None, b"")


@pytest.mark.parametrize("start", [b"EHLO client\r\n", b"\r\n\r\n\x00\r\nQUIX\n"])
def test_what_does_not_start_a_header_is_refused(start: bytes) -> None:
    assert outcome_of(start) == (None, b"")


def test_a_first_command_instead_of_a_header_is_refused_at_once(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"EHLO\r\n")
    started = time.monotonic()
    text = refusal(ours, seconds=30)
    assert text == "malformed PROXY header: it starts with neither 'PROXY' nor the signature of version 2"
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("header", VALID)
@pytest.mark.parametrize("rest", [b"EHLO client\r\n", *VALID[::2]])
def test_what_follows_stays_in_the_socket_for_the_server_even_a_second_header(
    pair: Pair, header: bytes, rest: bytes
) -> None:
    ours, theirs = pair
    theirs.sendall(header + rest)
    assert receive(ours).source in CLIENTS
    assert ours.recv(1000) == rest


@pytest.mark.parametrize("header", VALID)
def test_every_truncation_is_refused_when_the_connection_ends(header: bytes) -> None:
    for length in range(len(header)):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(header[:length])
            theirs.shutdown(socket.SHUT_WR)
            assert refusal(ours) == "the connection ended before the PROXY header did"


@pytest.mark.parametrize("header", VALID)
def test_every_truncation_is_refused_when_nothing_more_comes(header: bytes) -> None:
    for length in range(len(header)):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(header[:length])
            assert refusal(ours, seconds=0.001) == "no complete PROXY header in time"
            assert ours.getblocking()


@pytest.mark.parametrize("header", VALID)
def test_a_header_may_come_byte_by_byte(pair: Pair, header: bytes) -> None:
    ours, theirs = pair

    def dribble() -> None:
        for at in range(len(header)):
            theirs.sendall(header[at : at + 1])
            time.sleep(0.0002)

    thread = threading.Thread(target=dribble)
    thread.start()
    assert receive(ours).source in CLIENTS
    thread.join()
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
    (LINE6.replace(b"db8::1", b"db8::1::2"), "an address is not in its canonical form"),
    (LINE.replace(b"TCP4", b"tcp4"), "the protocol is none of TCP4, TCP6 and UNKNOWN"),
    (b"PROXY UNKNOWNX 192.0.2.1 198.51.100.2 1 2\r\n", "the protocol is none of TCP4, TCP6 and UNKNOWN"),
    (b"PROXY TCP5 192.0.2.1 198.51.100.2 123 321\r\n", "the protocol is none of TCP4, TCP6 and UNKNOWN"),
    (b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n", "a version 1 line is longer than 107 bytes"),
    (b"PROXY UNKNOWN " + b"x" * 92 + b"\n", "a version 1 line does not end with CR LF"),
]


@pytest.mark.parametrize(("header", "fault"), FAULTS)
def test_a_malformed_line_is_refused_with_its_fault(pair: Pair, header: bytes, fault: str) -> None:
    ours, theirs = pair
    theirs.sendall(header)
    assert refusal(ours) == f"malformed PROXY header: {fault}"


@pytest.mark.parametrize(
    "header",
    [b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ff:: ff:: 1 2\r\n", b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n"],
)
def test_unknown_keeps_the_real_peer_with_any_line(pair: Pair, header: bytes) -> None:
    ours, theirs = pair
    theirs.sendall(header + b"next")
    peer = receive(ours)
    assert (peer.source, peer.via) == ("10.0.0.9:999", None)
    assert ours.recv(10) == b"next"


@pytest.mark.parametrize("claim", ["127.0.0.1", "127.9.9.9", "0.0.0.0"])
def test_a_header_cannot_make_a_client_local(pair: Pair, claim: str) -> None:
    ours, theirs = pair
    theirs.sendall(f"PROXY TCP4 {claim} 192.0.2.1 1 2\r\n".encode())
    assert refusal(ours) == f"the PROXY header claims the local address {claim}"


@pytest.mark.parametrize("claim", ["::1", "::", "::ffff:127.0.0.1"])
def test_a_header_cannot_make_a_client_local_over_ipv6(pair: Pair, claim: str) -> None:
    for header in (f"PROXY TCP6 {claim} 2001:db8::1 1 2\r\n".encode(), v2(claim, "2001:db8::1")):
        ours, theirs = pair
        theirs.sendall(header)
        assert "claims the local address" in refusal(ours)


@pytest.mark.parametrize("header", VALID)
def test_a_header_is_seen_once_all_of_it_is_there_and_stays_unread(pair: Pair, header: bytes) -> None:
    ours, theirs = pair
    for at in range(len(header)):
        assert proxy.peek_header(ours) is None
        theirs.sendall(header[at : at + 1])
    theirs.sendall(b"EHLO client\r\n")
    assert proxy.peek_header(ours) == header
    receive(ours)
    assert ours.recv(100) == b"EHLO client\r\n"


def test_a_header_that_no_proxy_sends_is_not_seen_before_it_is_read(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(v2(extensions=tlv(0xEE, bytes(600))))
    assert proxy.peek_header(ours) is None
    assert receive(ours).source == "192.0.2.1:123"
    theirs.sendall(b"EHLO client\r\n")
    with pytest.raises(Refused):
        proxy.peek_header(ours)


def test_a_sender_that_is_not_trusted_is_refused_with_any_header() -> None:
    stranger = internet_peer(bytes([192, 0, 2, 99]), 1, bytes([10, 0, 0, 1]), 25)
    with pytest.raises(Refused) as caught:
        proxy.ProxyProtocol(AddressList("10.0.0.9", "--proxy-protocol")).check_sender(stranger)
    assert str(caught.value) == "not a trusted proxy (--proxy-protocol 10.0.0.9)"


def test_an_unusable_list_of_proxies_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        Gate(parse(["--proxy-protocol", "10.0.0", "server"]))
    assert str(caught.value) == "--proxy-protocol: '10.0.0' is not an IP address (for the network write 10.0.0.0/24)"


GREETS = ["/bin/sh", "-c", 'read -r line; echo "$TCPREMOTEIP $SSL_PROTOCOL $SSL_PEER_CERT_CN $line"']


def gated(launcher: Launcher, sent: bytes, *options: str) -> Outcome:
    """A whole connection through the real gate, by a client that sends this first."""
    near, far = internet()
    far.sendall(sent)
    environment = {"PATH": "/usr/bin:/bin", "SSL_PROTOCOL": "stale", "SSL_PEER_CERT_CN": "stale"}
    return launcher.run((near, far), [*options, *GREETS], environment)


def test_the_server_reads_the_first_command_of_the_segment_that_brought_the_header(launcher: Launcher) -> None:
    header = v2(extensions=ssl(0x07))
    outcome = gated(launcher, header + b"EHLO client\r\n", "--proxy-protocol", "127.0.0.1", "--allow", "192.0.2.1")
    assert outcome.said == b"192.0.2.1 TLSv1.3 client EHLO client\r\n"
    assert "accepted 192.0.2.1:123 on 198.51.100.2:321 via 127.0.0.1:" in outcome.log


def test_without_the_option_a_header_goes_to_the_server(launcher: Launcher) -> None:
    assert gated(launcher, LINE).said == b"127.0.0.1   " + LINE


def test_no_header_where_one_must_be_is_no_reason_to_take_the_real_address(launcher: Launcher) -> None:
    outcome = gated(launcher, b"EHLO client\r\n", "--proxy-protocol", "127.0.0.1", "--deny-message", "421 no")
    assert (outcome.said, outcome.code) == (b"421 no\r\n", 0)
    assert "malformed PROXY header: it starts with neither" in outcome.log


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


def at_dual_stack(packed: bytes) -> Peer:
    """A proxy with this address, on an IPv6 socket that takes both families."""
    mapped = packed if len(packed) == 16 else MAPPED_PREFIX + packed
    return internet_peer(mapped, 999, MAPPED_PREFIX + bytes([10, 0, 0, 1]), 25)


@pytest.mark.parametrize("proxy_address", ["10.0.0.9", "fd00::9"])
@pytest.mark.parametrize("header", [b"PROXY TCP4 192.0.2.1 198.51.100.2 123 321\r\n", v2()])
@pytest.mark.parametrize("entry", ["::/0", "::ffff:0:0/96", "0.0.0.0", "192.0.2.0"])
def test_an_ipv4_client_behind_a_proxy_is_in_xinetds_lists_as_one_that_came_to_the_socket_itself(
    proxy_address: str, header: bytes, entry: str
) -> None:
    reader = proxy.ProxyProtocol(AddressList("10.0.0.9 fd00::9", "--proxy-protocol"))
    conveyed = reader.apply(header, at_dual_stack(pack(proxy_address)))
    direct = internet_peer(MAPPED_PREFIX + bytes([192, 0, 2, 1]), 123, MAPPED_PREFIX + bytes([198, 51, 100, 2]), 321)
    for lists in (("", entry), (entry, "")):
        refused = XinetdAccess(*lists).decide(conveyed).outcome == DENY
        assert refused == (XinetdAccess(*lists).decide(direct).outcome == DENY) == (lists[0] == "")


def test_on_an_ipv4_socket_an_ipv4_client_is_in_no_entry_of_ipv6_as_with_xinetd() -> None:
    reader = proxy.ProxyProtocol(AddressList("10.0.0.9", "--proxy-protocol"))
    assert XinetdAccess("", "::/0").decide(reader.apply(LINE, SENDER)).outcome != DENY
    assert XinetdAccess("", "::/0").decide(SENDER).outcome != DENY
