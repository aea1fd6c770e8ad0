"""Who is at the other end, read from real sockets."""

import os
import socket
from pathlib import Path

import pytest

from sockgate.core import PeerGone, UsageError
from sockgate.core.peer import Peer, from_descriptor, interface_name, internet_peer, pack, text_of, unmap
from tests.connection.launch import Connection, internet, unix


def peer_of(connection: Connection) -> Peer:
    near, far = connection
    with near, far:
        return from_descriptor(near.fileno())


@pytest.mark.parametrize(
    ("listening", "source", "protocol", "mapped"),
    [
        ("127.0.0.1", "127.0.0.1", "TCP", False),
        ("::", "127.5.6.7", "TCP", True),
        ("::", "::1", "TCP6", False),
        ("::1", "::1", "TCP6", False),
    ],
)
def test_both_ends_come_from_the_socket(listening: str, source: str, protocol: str, mapped: bool) -> None:
    near, far = internet(listening, source)
    peer = from_descriptor(near.fileno())
    assert (peer.protocol, peer.mapped) == (protocol, mapped)
    assert (peer.remote_ip, peer.remote_port) == far.getsockname()[:2]
    assert (peer.local_ip, peer.local_port) == far.getpeername()[:2]
    assert (peer.remote, peer.local) == (pack(source), pack(far.getpeername()[0]))
    assert (peer.interface, peer.credentials, peer.local_path) == (None, None, None)
    bracketed = f"[{source}]" if ":" in source else source
    assert peer.source == f"{bracketed}:{peer.remote_port}"
    assert peer.destination.endswith(f":{peer.local_port}")
    near.close()
    far.close()


def test_a_unix_peer_is_known_by_its_credentials(tmp_path: Path) -> None:
    for path, shown in ((f"{tmp_path}/s", f"{tmp_path}/s"), (f"\0{tmp_path}\0é", f"@{tmp_path}@é")):
        peer = peer_of(unix(path))
        assert peer.protocol == "UNIX"
        assert peer.credentials == (os.getpid(), os.getuid(), os.getgid())
        assert (peer.remote_ip, peer.remote, peer.local_ip) == (None, b"", None)
        assert (peer.source, peer.destination) == (f"uid {os.getuid()}", shown)
    assert peer_of(socket.socketpair()).destination == "unnamed socket"
    assert Peer("UNIX").source == "unknown"


def test_credentials_are_process_user_and_group() -> None:
    as_root = os.getuid() == 0
    user, group = (4321, 1234) if as_root else (os.getuid(), os.getgid())
    os.setegid(group)
    os.seteuid(user)
    try:
        connection = socket.socketpair()
    finally:
        if as_root:
            os.seteuid(0)
            os.setegid(0)
    assert peer_of(connection).credentials == (os.getpid(), user, group)


def test_a_descriptor_of_any_kind_stays_open() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    reads, writes = os.pipe()
    unconnected = socket.socket()
    for descriptor in (listener.fileno(), reads, unconnected.fileno()):
        with pytest.raises((UsageError, PeerGone)):
            from_descriptor(descriptor)
        os.fstat(descriptor)
    near, far = internet()
    from_descriptor(near.fileno())
    far.sendall(b"still here")
    assert near.recv(100) == b"still here"
    for end in (listener, unconnected, near, far):
        end.close()
    os.close(reads)
    os.close(writes)


def test_a_client_that_was_reset_is_gone() -> None:
    near, far = internet()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    far.close()
    with near, pytest.raises(PeerGone):
        from_descriptor(near.fileno())
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        with socket.socket(family) as unconnected, pytest.raises(PeerGone):
            from_descriptor(unconnected.fileno())


def test_what_is_no_connection_is_wrong_usage() -> None:
    hint = "start it from a .socket unit with Accept=yes, and StandardInput=socket in the service"
    reads, writes = os.pipe()
    listener = socket.create_server(("127.0.0.1", 0))
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    packets, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for descriptor, message in (
        (reads, f"descriptor {reads} is not a socket"),
        (listener.fileno(), "the socket is listening, not connected"),
        (datagram.fileno(), "the socket is a datagram socket"),
        (packets.fileno(), "the socket is not a stream socket"),
    ):
        with pytest.raises(UsageError) as caught:
            from_descriptor(descriptor)
        assert (caught.value.message, caught.value.hint, caught.value.code) == (message, hint, 100)
    for end in (listener, datagram, packets, other):
        end.close()
    os.close(reads)
    os.close(writes)
    with pytest.raises(UsageError, match=f"^descriptor {reads} is not a socket"):
        from_descriptor(reads)


def test_addresses_are_strict_and_mapped_ones_are_ipv4() -> None:
    for text, packed in (
        ("192.0.2.1", b"\xc0\0\2\1"),
        ("::ffff:192.0.2.1", b"\xc0\0\2\1"),
        ("::FFFF:c000:201", b"\xc0\0\2\1"),
        ("::192.0.2.1", bytes(12) + b"\xc0\0\2\1"),
        ("::1", bytes(15) + b"\1"),
        ("::fffe:c000:201", bytes(10) + b"\xff\xfe\xc0\0\2\1"),
    ):
        assert pack(text) == packed
        assert pack(text_of(packed)) == packed
    for text in ("", "1", "1.2.3", "1.2.3.04", "1.2.3.4 ", "1.2.3.4\n", "::1%lo", "[::1]", "::g", "1.2.3.4:25", "é"):
        with pytest.raises(ValueError, match="^" + repr(text).replace("[", "\\[").replace("\\n", "\\\\n")):
            pack(text)
    assert unmap(bytes(10) + b"\xff\xff\1\2") == bytes(10) + b"\xff\xff\1\2"  # too short to be one


def test_a_mapped_local_address_is_unmapped_as_well() -> None:
    prefix = bytes(10) + b"\xff\xff"
    peer = internet_peer(prefix + b"\n\0\0\1", 1, prefix + b"\n\0\0\2", 25)
    assert (peer.protocol, peer.remote_ip, peer.local_ip, peer.mapped) == ("TCP", "10.0.0.1", "10.0.0.2", True)


def test_an_interface_that_has_gone_has_no_name() -> None:
    assert interface_name(socket.if_nametoindex("lo")) == "lo"
    assert interface_name(2**31 - 1) is None
