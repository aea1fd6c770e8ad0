"""Tables of hosts_access(5), and clients for them."""

from pathlib import Path

import pytest

from sockgate.access.hosts_access import HostsAccess
from sockgate.core import ALLOW, ConfigError
from sockgate.core.host_names import HostName
from sockgate.core.peer import Peer
from tests.core.clients import client

DAEMON = "smtpd"


class Names:
    """A name service that knows one client, and one netgroup."""

    def __init__(self, answer: HostName, *, canonical: bool = True) -> None:
        self.answer = answer
        self.answer.canonical = canonical
        self.asked: list[bytes] = []

    def name_of(self, packed: bytes) -> HostName:
        self.asked.append(packed)
        return self.answer

    def is_in_netgroup(self, group: str, host: str) -> bool | None:
        return None if group == "broken" else (group, host) == ("mailers", "mail.example.com")


def named(*answer: str, ip: str = "192.0.2.1", canonical: bool = True) -> Peer:
    peer = client(ip)
    peer.names = Names(HostName(*answer), canonical=canonical)
    return peer


def read(folder: Path, allow: str = "", deny: str = "", *, ident: bool = False) -> HostsAccess:
    (folder / "hosts.allow").write_text(allow)
    (folder / "hosts.deny").write_text(deny)
    return HostsAccess(f"{DAEMON},{folder}", ident=ident)


def read_bytes(folder: Path, allow: str, deny: str) -> HostsAccess:
    """Of tables in which each character is one byte."""
    (folder / "hosts.allow").write_bytes(allow.encode("latin-1"))
    (folder / "hosts.deny").write_bytes(deny.encode("latin-1"))
    return HostsAccess(f"{DAEMON},{folder}", ident=False)


def is_matched(folder: Path, clients: str, peer: Peer) -> bool:
    return read(folder, f"ALL: {clients}\n", "ALL: ALL\n").decide(peer).outcome == ALLOW


def error_of(folder: Path, allow: str, deny: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, allow, deny)
    return str(caught.value)
