"""Clients as the access checks see them, without a socket."""

from sockgate.core.peer import Peer, internet_peer, pack


def client(ip: str, host: str | None = None, info: str | None = None) -> Peer:
    """A peer at this address that connected to the loopback interface."""
    remote = pack(ip)
    peer = internet_peer(remote, 4711, pack("127.0.0.1" if len(remote) == 4 else "::1"), 25)
    peer.host, peer.info = host, info
    return peer


def local_user() -> Peer:
    """A peer on an AF_UNIX socket."""
    peer = Peer("UNIX")
    peer.credentials = (1, 1000, 1000)
    return peer
