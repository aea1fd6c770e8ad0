"""A peer as text, for another process of the gate: a child that asks, or the gate that comes after this one."""

from ..connection.log import clean
from ..core.peer import Peer, internet_peer

LONGEST = 460  # a row of the table of sessions has no more room


def encode(peer: Peer) -> bytes:
    """What records and limits need of this client, without its port. What is too long is cut: names come last."""
    credentials = ",".join(map(str, peer.credentials)) if peer.credentials else ""
    words = (
        peer.remote.hex(), peer.local.hex(), peer.local_port, credentials, peer.local_path or "", peer.via or "",
        peer.interface or "", peer.host or "", peer.info or "",
    )  # fmt: skip
    return "\t".join([clean(str(word)) for word in words]).encode()[:LONGEST]


def decode(text: bytes, port: int) -> Peer:
    """The client, with this port. Raises ValueError if `text` is not from encode()."""
    words = text.decode("ascii").split("\t")
    remote, local, local_port, credentials, path, *names = words + [""] * (9 - len(words))
    if remote:
        peer = internet_peer(bytes.fromhex(remote), port, bytes.fromhex(local), int(local_port))
    else:
        peer = Peer("UNIX")
        peer.local_path = path or None
        if credentials:
            pid, uid, gid = map(int, credentials.split(","))
            peer.credentials = pid, uid, gid
    peer.via, peer.interface, peer.host, peer.info = (name or None for name in names[:4])
    return peer
