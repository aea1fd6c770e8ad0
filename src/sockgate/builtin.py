"""sockgate-builtin: the services that xinetd and inetd answered themselves, and redirection.

`echo`, `discard`, `chargen` (RFC 862 to 864), `daytime` (867) and `time` (868) on the stream or the datagram socket
on descriptor 0, and `redirect [OPTION...] HOST PORT`. On a datagram socket it answers one datagram and ends, so that
the gate in front of it checks the sender of each datagram.
"""

import contextlib
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator

UNIX_EPOCH = 2208988800  # 1970 in the seconds since 1900 that RFC 868 counts
BLOCK = 65536
LINE_LENGTH = 72
PRINTABLE = bytes(range(33, 127))
CONNECT_SECONDS = 30.0
HALF_CLOSED_SECONDS = 600.0
# A datagram from a lower port comes from another server. Two servers that answer each other never stop (CVE-1999-0103).
LOWEST_CLIENT_PORT = 1024
USAGE = (
    "usage: sockgate-builtin echo|discard|chargen|daytime|time | "
    "redirect [--source ADDRESS] [--proxy-protocol 1|2] HOST PORT"
)
SIGNATURE_V2 = b"\r\n\r\n\x00\r\nQUIT\n"  # of a PROXY header, doc/proxy-protocol.txt of HAProxy
UNKNOWN = {"1": b"PROXY UNKNOWN\r\n", "2": SIGNATURE_V2 + b"\x21\x00\x00\x00"}


def main() -> None:
    words = sys.argv[1:]
    try:
        if words[:1] == ["redirect"]:
            redirect(words[1:])
        elif len(words) == 1 and words[0] in STREAMS:
            serve(words[0])
        elif words == ["--help"]:
            print(USAGE, flush=True)
        else:
            sys.exit(USAGE)
    except (ConnectionError, TimeoutError):
        os._exit(0)  # the client has gone
    except OSError as error:
        sys.exit(f"sockgate-builtin: {' '.join(words)}: {error.strerror or error}")
    os._exit(0)


def serve(name: str) -> None:
    connection = socket.socket(fileno=os.dup(0))
    if connection.type == socket.SOCK_DGRAM:
        answer_datagram(connection, name)
    else:
        STREAMS[name](connection)


def answer_datagram(connection: socket.socket, name: str) -> None:
    try:
        data, source = connection.recvfrom(BLOCK, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return  # another process has read the datagram
    if isinstance(source, tuple) and source[1] < LOWEST_CLIENT_PORT:
        return
    answer = DATAGRAMS[name](data)
    if answer is not None and source:  # a local client whose socket has no name cannot be answered
        connection.sendto(answer, source)


def daytime() -> bytes:
    return time.strftime("%d %b %Y %H:%M:%S %Z\r\n").upper().encode()


def time_since_1900() -> bytes:
    return (int(time.time()) + UNIX_EPOCH & 0xFFFFFFFF).to_bytes(4, "big")


def chargen_lines() -> Iterator[bytes]:
    """Lines of 72 printable characters. Each line starts one character later in the alphabet."""
    ring = PRINTABLE * 2
    start = 0
    while True:
        yield ring[start : start + LINE_LENGTH] + b"\r\n"
        start = (start + 1) % len(PRINTABLE)


def stream_echo(connection: socket.socket) -> None:
    while data := connection.recv(BLOCK):
        connection.sendall(data)


def stream_discard(connection: socket.socket) -> None:
    while connection.recv(BLOCK):
        pass


def stream_chargen(connection: socket.socket) -> None:
    for line in chargen_lines():
        connection.sendall(line)


STREAMS: dict[str, Callable[[socket.socket], None]] = {
    "echo": stream_echo,
    "discard": stream_discard,
    "chargen": stream_chargen,
    "daytime": lambda connection: connection.sendall(daytime()),
    "time": lambda connection: connection.sendall(time_since_1900()),
}
DATAGRAMS: dict[str, Callable[[bytes], bytes | None]] = {
    "echo": lambda data: data,
    "discard": lambda data: None,
    "chargen": lambda data: next(chargen_lines()),
    "daytime": lambda data: daytime(),
    "time": lambda data: time_since_1900(),
}


class Direction:
    """What goes from one side to the other. At most one block waits, so that a slow reader slows the writer down."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.waiting = b""
        self.ended = False

    def read(self) -> None:
        self.waiting = self.source.recv(BLOCK)
        if not self.waiting:
            self.ended = True
            with contextlib.suppress(OSError):  # ENOTCONN: the other side has reset its connection meanwhile
                self.sink.shutdown(socket.SHUT_WR)

    def write(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.waiting = self.waiting[self.sink.send(self.waiting, socket.MSG_DONTWAIT) :]


def redirect(words: list[str]) -> None:
    """Connect to the target, and tell it of the client if that is wanted."""
    options = {"--source": "", "--proxy-protocol": ""}
    while len(words) > 1 and words[0] in options:
        options[words[0]], words = words[1], words[2:]
    version = options["--proxy-protocol"]
    if len(words) != 2 or not is_port(words[1]) or version not in ("", *UNKNOWN):
        sys.exit(USAGE)
    client = socket.socket(fileno=os.dup(0))
    server = connect(words[0], int(words[1]), options["--source"])
    if version:
        server.sendall(proxy_header(version, ends_of(client)))
    server.settimeout(None)
    copy(client, server)


def is_port(text: str) -> bool:
    """Whether this is the number of a port. The C library takes 65536 more for the same one, without a word."""
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536


def connect(host: str, port: int, source: str) -> socket.socket:
    """A connection to the target. If there is none, this program ends: the client has not gone, so it says why."""
    try:
        return socket.create_connection((host, port), CONNECT_SECONDS, (source, 0) if source else None)
    except OSError as error:
        sys.exit(f"sockgate-builtin: unable to connect to {host} {port}: {error.strerror or error}")


Ends = tuple[str, str, int, int]  # the addresses of the client and of its target, and their ports


def ends_of(client: socket.socket) -> Ends | None:
    """Both ends as the gate tells them, which knows them also behind a proxy, else as the socket does.

    The gate removes such variables of its own environment, so PROTO need not be asked: --ssl-variables changes it.
    """
    told = [os.environ.get(f"TCP{name}", "") for name in ("REMOTEIP", "LOCALIP", "REMOTEPORT", "LOCALPORT")]
    if all(told):
        return told[0], told[1], int(told[2]), int(told[3])
    if client.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    (remote, remote_port), (local, local_port) = client.getpeername()[:2], client.getsockname()[:2]
    return remote.removeprefix("::ffff:"), local.removeprefix("::ffff:"), remote_port, local_port


def proxy_header(version: str, ends: Ends | None) -> bytes:
    """The header that tells the target of the client. It says nothing of a client without an address."""
    if ends is None:
        return UNKNOWN[version]
    addresses, (remote_port, local_port) = [address.partition("%")[0] for address in ends[:2]], ends[2:]
    is_ipv6 = any(":" in address for address in addresses)
    if is_ipv6:  # a header has one family
        addresses = [address if ":" in address else f"::ffff:{address}" for address in addresses]
    if version == "1":
        return f"PROXY TCP{6 if is_ipv6 else 4} {addresses[0]} {addresses[1]} {remote_port} {local_port}\r\n".encode()
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    body = b"".join(socket.inet_pton(family, address) for address in addresses)
    body += b"".join(port.to_bytes(2, "big") for port in (remote_port, local_port))
    return SIGNATURE_V2 + bytes((0x21, 0x21 if is_ipv6 else 0x11)) + len(body).to_bytes(2, "big") + body


def copy(client: socket.socket, server: socket.socket) -> None:
    """Copy both ways until both sides have ended. When one has, the other may be silent for HALF_CLOSED_SECONDS."""
    for end in (client, server):
        if end.family != socket.AF_UNIX:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    both = (Direction(client, server), Direction(server, client))
    while open_ways := [way for way in both if not way.ended]:
        readers = {way.source: way for way in open_ways if not way.waiting}
        writers = {way.sink: way for way in open_ways if way.waiting}
        patience = None if len(open_ways) == len(both) else HALF_CLOSED_SECONDS
        readable, writable, _ = select.select(list(readers), list(writers), [], patience)
        if not (readable or writable):
            return
        for end in writable:
            writers[end].write()
        for end in readable:
            readers[end].read()


if __name__ == "__main__":
    main()
