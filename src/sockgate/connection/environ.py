"""The server's environment: what was inherited, scrubbed; then who the client is.

All names and values are bytes, as the kernel keeps them. Variable names and values follow UCSPI as
tcpserver 0.88 sets them, with the TCP6* names of its IPv6 patch (ucspi-tcp6) for IPv6 clients.
"""

import posix

from ..core.errors import UsageError
from ..core.options import to_bytes
from ..core.peer import Peer
from ..core.verdict import Cause

# What a server could mistake for the client of this connection, or for a promise that the gate did not make.
SCRUBBED_NAMES = frozenset((
    b"PROTO", b"RELAYCLIENT", b"RELAYHOST", b"RBLSMTPD", b"REMOTE_ADDR", b"REMOTE_HOST", b"REMOTE_PORT",
    b"NOTIFY_SOCKET", b"SSL_PROTOCOL", b"SSL_CIPHER", b"SSL_CLIENT_S_DN_CN", b"SSL_PEER_CERT_CN",
    b"SSL_TLS_SNI_SERVERNAME",
))  # fmt: skip
SCRUBBED_PREFIXES = tuple(
    [b"BLOCK", b"LISTEN_", b"WATCHDOG_", b"SOCKGATE_"]
    + [layer + end for layer in (b"TCP", b"TCP6", b"SSL", b"UNIX") for end in (b"LOCAL", b"REMOTE")]
    + [b"TCP6INTERFACE"]
)
COERCED_LOCALES = (b"C.UTF-8", b"C.utf8", b"UTF-8")  # PEP 538


def inherited_environment() -> dict[bytes, bytes]:
    """This process's environment as it was handed over, not as CPython changed it.

    In the C locale CPython exports LC_CTYPE=C.UTF-8 to itself (PEP 538), and a server would inherit it.
    """
    environment: dict[bytes, bytes] = dict(posix.environ)
    if environment.get(b"LC_CTYPE") in COERCED_LOCALES:
        del environment[b"LC_CTYPE"]
        for assignment in initial_environment():
            if assignment.startswith(b"LC_CTYPE="):
                environment[b"LC_CTYPE"] = assignment[len(b"LC_CTYPE=") :]
    return environment


def initial_environment() -> list[bytes]:
    """NAME=VALUE as execve(2) left them; nothing where /proc is missing."""
    try:
        with open("/proc/self/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def scrub(environment: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Without everything that says who the client is: only the gate may say that.

    Without a variable that has no name, too: execve(2) hands one on, CPython's refuses it.
    """
    return {
        name: value
        for name, value in environment.items()
        if name and name not in SCRUBBED_NAMES and not name.startswith(SCRUBBED_PREFIXES)
    }


def keep_only(environment: dict[bytes, bytes], names: str) -> dict[bytes, bytes]:
    """--pass-env: of the inherited variables only those named, as xinetd's passenv; an empty list keeps none."""
    kept = {to_bytes(name) for name in names.replace(",", " ").split()}
    return {name: value for name, value in environment.items() if name in kept}


def parse_assignments(words: list[str]) -> dict[bytes, bytes]:
    """--env VAR=VALUE. Raises UsageError for a word without a name or without `=`."""
    variables: dict[bytes, bytes] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"--env: {word!r} is not VAR=VALUE", cause=Cause("--env", word))
        variables[to_bytes(name)] = to_bytes(value)
    return variables


def peer_variables(peer: Peer) -> dict[bytes, bytes]:
    """The UCSPI variables for this peer. What is unknown stays unset, never empty."""
    variables = {b"PROTO": peer.protocol.encode()}
    if peer.protocol == "UDP":  # the server reads datagrams of further senders, and their addresses with them
        return variables
    if peer.protocol == "UNIX":
        return variables | unix_variables(peer)
    known = (
        (b"LOCALIP", peer.local_ip),
        (b"LOCALPORT", str(peer.local_port)),
        (b"LOCALHOST", peer.local_host),
        (b"REMOTEIP", peer.remote_ip),
        (b"REMOTEPORT", str(peer.remote_port)),
        (b"REMOTEHOST", peer.host),
        (b"REMOTEINFO", peer.info),
    )
    layers = (b"TCP", b"TCP6") if peer.protocol == "TCP6" else (b"TCP",)
    for layer in layers:
        for name, value in known:
            if value is not None:
                variables[layer + name] = value.encode()
    if peer.interface:
        variables[b"TCP6INTERFACE"] = to_bytes(peer.interface)
    return variables | peer.variables


def unix_variables(peer: Peer) -> dict[bytes, bytes]:
    """The names of ucspi-unix: who the client is comes from SO_PEERCRED."""
    variables = {}
    if peer.local_path:
        variables[b"UNIXLOCALPATH"] = to_bytes(peer.local_path)
    if peer.credentials:
        names = (b"UNIXREMOTEPID", b"UNIXREMOTEEUID", b"UNIXREMOTEEGID")
        variables.update(zip(names, (b"%d" % number for number in peer.credentials), strict=True))
    return variables
