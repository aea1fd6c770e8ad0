"""Clients as the access checks see them, without a socket."""

import gc
import sys
from collections.abc import Callable
from types import FrameType

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


def steps(function: Callable[[], object]) -> int:
    """How many lines of Python this takes: a cost that no other process on the machine can change."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> object:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    gc.collect()
    gc.disable()  # what other tests left is finalized elsewhere
    sys.settrace(trace)  # type: ignore[arg-type]  # typeshed wants a protocol for each kind of event
    try:
        function()
    finally:
        sys.settrace(before)
        gc.enable()
    return count
