"""The client at the other end. Its address comes from the socket itself, never from the environment."""

# The C half of `socket`, which typeshed knows. It takes 0.1 ms instead of 4.9 ms at every connection.
import _socket
import errno
import sys

from . import DatagramSocket, PeerGone, SystemFailure, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import _RetAddress

    from .host_names import HostName, NameService
    from .listing import Listing

    # Remote and local, in the form of the socket module: (address, port), for IPv6 also flow and scope; or a path.
    Ends = tuple[_RetAddress, _RetAddress]

MAPPED_PREFIX = bytes(10) + b"\xff\xff"
SO_ACCEPTCONN = 30  # Linux, asm-generic/socket.h; not exported by the socket module
STREAM_HINT = "start it from a .socket unit with Accept=yes, and StandardInput=socket in the service"


class Peer:
    """Both ends of one connection, with all that later steps learn about the client.

    protocol    "TCP" for IPv4, "TCP6" for IPv6, "UNIX" for AF_UNIX, "UDP" for datagrams (the value of PROTO)
    remote_ip   textual address without scope, IPv4-mapped IPv6 already unmapped; None for AF_UNIX
    remote      the same address in network byte order: 4 or 16 bytes, empty for AF_UNIX
    mapped      whether this is an IPv4 client on an IPv6 socket
    interface   name of the interface for a link-local IPv6 peer, else None
    credentials (pid, uid, gid) of an AF_UNIX peer, else None
    via         the proxy that told these addresses in its header, as log lines show it, else None
    host        the client's name (TCPREMOTEHOST), None if it is unknown
    claimed     a name that the address has, believed or not, once it was looked up; None before
    local_host  the name of this end (TCPLOCALHOST), None if it is unknown
    info        the client's user (TCPREMOTEINFO) from the ident server, None if it is unknown
    names       the service that knows host names, None if no name is looked up
    listings    the answers of DNS lists about the client, by zone
    problems    the questions that were not answered, for the log
    variables   what the header of the proxy says beyond addresses, for the server's environment
    """

    remote_ip: str | None = None
    remote_port = 0
    remote = b""
    local_ip: str | None = None
    local_port = 0
    local = b""
    local_path: str | None = None
    mapped = False
    interface: str | None = None
    credentials: tuple[int, int, int] | None = None
    host: str | None = None
    claimed: str | None = None
    local_host: str | None = None
    info: str | None = None
    via: str | None = None
    names: "NameService | None" = None

    def __init__(self, protocol: str) -> None:
        self.protocol = protocol
        self.listings: dict[str, Listing] = {}
        self.problems: list[str] = []
        self.variables: dict[bytes, bytes] = {}

    def name_of(self, packed: bytes) -> "HostName":
        """The name of one address of this connection. A client without an address (AF_UNIX) has no name."""
        from .host_names import FAILED, NONE, HostName

        if not packed:
            return HostName(NONE)
        if self.names is None:
            return HostName(FAILED, problem="names are not looked up here")
        found = self.names.name_of(packed)
        if found.text and packed == self.remote:
            self.claimed = found.text
        return found

    def with_port(self, port: int) -> "Peer":
        """The same client on another connection, which comes from this port."""
        twin = Peer.__new__(Peer)
        twin.__dict__.update(self.__dict__)
        twin.remote_port = port
        return twin

    @property
    def source(self) -> str:
        """The client in the form of log lines: 192.0.2.1:4711, [2001:db8::1]:4711 or uid 1000."""
        if self.remote_ip is None:
            return f"uid {self.credentials[1]}" if self.credentials else "a client" if self.local_ip else "unknown"
        return endpoint(self.remote_ip, self.remote_port)

    @property
    def destination(self) -> str:
        """The local end in the form of log lines."""
        if self.local_ip is None:
            return self.local_path or "unnamed socket"
        return endpoint(self.local_ip, self.local_port)

    @property
    def route(self) -> str:
        """Both ends in the form of log lines, and the proxy between them if there is one.

        The sender of a datagram can be forged. So its address does not stand where that of a client does: programs
        such as fail2ban ban what they find there.
        """
        way = f" via {self.via}" if self.via else ""
        what = "a datagram of " if self.protocol == "UDP" else ""
        return f"{what}{self.source} on {self.destination}{way}"


def endpoint(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def pack(text: str) -> bytes:
    """The 4 or 16 bytes of a textual address, IPv4-mapped IPv6 unmapped. Raises ValueError.

    It accepts what inet_pton(3) accepts: no short forms, no leading zeros, no scope.
    """
    family = _socket.AF_INET6 if ":" in text else _socket.AF_INET
    try:
        return unmap(_socket.inet_pton(family, text))
    except (OSError, ValueError):
        raise ValueError(f"{text!r} is not an IP address") from None


def unmap(packed: bytes) -> bytes:
    """The plain IPv4 address for IPv4-mapped IPv6 (::ffff:a.b.c.d), which every dual-stack socket shows."""
    return packed[12:] if packed.startswith(MAPPED_PREFIX) and len(packed) == 16 else packed


def text_of(packed: bytes) -> str:
    return _socket.inet_ntop(_socket.AF_INET if len(packed) == 4 else _socket.AF_INET6, packed)


def internet_peer(remote: bytes, remote_port: int, local: bytes, local_port: int) -> Peer:
    """A peer from two packed addresses. Mapped addresses are unmapped first."""
    mapped = remote != unmap(remote)
    remote, local = unmap(remote), unmap(local)
    peer = Peer("TCP" if len(remote) == 4 else "TCP6")
    peer.mapped = mapped
    peer.remote, peer.remote_ip, peer.remote_port = remote, text_of(remote), remote_port
    peer.local, peer.local_ip, peer.local_port = local, text_of(local), local_port
    return peer


def from_descriptor(descriptor: int) -> Peer:
    """The peer of a connected stream socket that systemd passed as `descriptor`.

    Raises PeerGone if the client has already left, UsageError if the descriptor is no connected stream socket.
    """
    try:
        connection = _socket.socket(fileno=descriptor)
    except OSError as error:
        if error.errno in (errno.ENOTSOCK, errno.EBADF):
            raise UsageError(f"descriptor {descriptor} is not a socket", STREAM_HINT) from None
        raise SystemFailure(f"unable to use descriptor {descriptor}: {error.strerror}") from None
    try:
        return from_socket(connection)
    finally:
        connection.detach()  # the descriptor belongs to the server that runs next


def from_socket(connection: _socket.socket) -> Peer:
    """The peer of a socket. Raises as from_descriptor does, also if this is no connected stream socket."""
    check_kind(connection)
    return peer_of(connection)


def check_kind(connection: _socket.socket) -> None:
    """Raise UsageError, or DatagramSocket, if this is no connected stream socket."""
    if connection.type == _socket.SOCK_DGRAM:
        raise DatagramSocket("the socket is a datagram socket", STREAM_HINT)
    if connection.type != _socket.SOCK_STREAM:
        raise UsageError("the socket is not a stream socket", STREAM_HINT)
    if connection.getsockopt(_socket.SOL_SOCKET, SO_ACCEPTCONN):
        raise UsageError("the socket is listening, not connected", STREAM_HINT)


def peer_of(connection: _socket.socket) -> Peer:
    """The peer of an accepted connection. Raises PeerGone, SystemFailure or UsageError."""
    return peer_between(connection, ends_of(connection))


def ends_of(connection: _socket.socket) -> "Ends":
    """The addresses of both ends from the kernel, remote and local. Raises PeerGone or SystemFailure."""
    try:
        return connection.getpeername(), connection.getsockname()
    except OSError as error:
        # EINVAL: the client reset a connection that was shut down meanwhile. Both errors mean that the client has gone.
        if error.errno in (errno.ENOTCONN, errno.EINVAL):
            raise PeerGone from None
        raise SystemFailure(f"unable to read the peer's address: {error.strerror}") from None


def peer_between(connection: _socket.socket, ends: "Ends") -> Peer:
    """The peer of a connection with these ends. Raises PeerGone, SystemFailure or UsageError."""
    family = connection.family
    if family == _socket.AF_UNIX:
        return unix_peer(connection, ends[1])
    if family not in (_socket.AF_INET, _socket.AF_INET6):
        raise UsageError(f"sockets of address family {int(family)} are not supported")
    remote, local = ends
    # A link-local address may have its scope as text (fe80::1%eth0), which is not a part of the address.
    peer = internet_peer(
        _socket.inet_pton(family, remote[0].partition("%")[0]), remote[1],
        _socket.inet_pton(family, local[0].partition("%")[0]), local[1],
    )  # fmt: skip
    if family == _socket.AF_INET6 and remote[3]:
        peer.interface = interface_name(remote[3])
    return peer


def unix_peer(connection: _socket.socket, path: str | bytes) -> Peer:
    """The peer of an AF_UNIX connection. `path` is the path of our end."""
    peer = Peer("UNIX")
    raw = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    pid, uid, gid = (int.from_bytes(raw[at : at + 4], sys.byteorder) for at in (0, 4, 8))
    peer.credentials = (pid, uid, gid)
    if isinstance(path, bytes):  # abstract: it starts with a NUL and may have more. `@` for each, as in /proc/net/unix
        path = path.replace(b"\0", b"@").decode(sys.getfilesystemencoding(), "surrogateescape")
    peer.local_path = path or None
    return peer


def interface_name(index: int) -> str | None:
    try:
        return _socket.if_indextoname(index)
    except OSError:
        return None
