"""--hosts-access against the real libwrap: the same verdict, variables, severity and umask."""

import ctypes.util
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from sockgate.access.hosts_access import HostsAccess
from sockgate.core import DENY
from sockgate.core.host_names import CONFIRMED, NONE, UNCONFIRMED, HostName
from sockgate.core.peer import Peer

from .addresses import peer_at
from .libwrap import USUAL_UMASK
from .scale import amount, seeded
from .tables import DAEMON, PORT, Request, random_request, write_tables


@dataclass(frozen=True)
class Answer:
    granted: bool
    variables: dict[str, str] = field(default_factory=dict)
    severity: int | None = None
    umask: int = USUAL_UMASK


class Libwrap:
    """The real one, in a process of its own."""

    def __init__(self) -> None:
        if not ctypes.util.find_library("wrap"):
            pytest.skip("libwrap is missing: run tests/setup")
        script = Path(__file__).with_name("libwrap.py")
        self.process = subprocess.Popen(
            [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, request: Request) -> Answer:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(asdict(request)), file=self.process.stdin, flush=True)
        return Answer(**json.loads(self.process.stdout.readline()))


@pytest.fixture
def libwrap() -> Iterator[Libwrap]:
    oracle = Libwrap()
    with oracle.process:
        yield oracle
        oracle.process.stdin.close()  # type: ignore[union-attr]


class Told:
    """What libwrap is told as names, for our side."""

    def __init__(self, request: Request, peer: Peer) -> None:
        self._names = {peer.remote: request.client_name, peer.local: request.server_name}

    def name_of(self, packed: bytes) -> HostName:
        name = self._names[packed].lower()
        states = {"unknown": HostName(NONE), "paranoid": HostName(UNCONFIRMED, "somebody.else.example")}
        return states.get(name) or HostName(CONFIRMED, name)

    def is_in_netgroup(self, group: str, host: str) -> bool | None:
        return None


def our_answer(access: HostsAccess, request: Request) -> Answer:
    peer = peer_at(request.client, request.server, PORT)
    peer.remote_port = 0  # which libwrap is not told here
    peer.info = None if request.user == "unknown" else request.user
    peer.names = Told(request, peer)
    verdict = access.decide(peer)
    variables = {name.decode(): (value or b"").decode() for name, value in verdict.variables.items()}
    actions = verdict.actions
    if actions is None:
        return Answer(verdict.outcome != DENY, variables)
    severity = None if actions.priority is None else (actions.facility or 0) << 3 | actions.priority
    umask = USUAL_UMASK if actions.umask is None else actions.umask
    return Answer(verdict.outcome != DENY, variables, severity, umask)


def test_every_table_and_client_has_libwraps_answer(libwrap: Libwrap, tmp_path: Path) -> None:
    random = seeded()
    compared = granted = 0
    for number in range(amount(60, 1200)):
        folder = tmp_path / f"tables-{number}"
        write_tables(random, folder)
        access = HostsAccess(f"{DAEMON},{folder}", ident=True)
        requests = [random_request(random, folder) for _ in range(amount(25, 50))]
        for request in requests:
            ours, theirs = our_answer(access, request), libwrap.ask(request)
            assert ours == theirs, (request, (folder / "hosts.allow").read_text())
            granted += theirs.granted
        compared += len(requests)
    assert compared / 10 < granted < compared * 9 / 10  # or nothing was compared


# Each holds a place for one byte, and a word that decides otherwise if that byte ends the word before it.
TABLES_WITH_A_BYTE = (
    (b"smtpd: other%bALL\n", b"ALL: ALL\n"),
    (b"smtpd: ALL EXCEPT other%bALL\n", b"ALL: ALL\n"),
    (b"smtpd: 10.1.2.5%bx\n", b"ALL: ALL\n"),
    (b"other%bsmtpd: ALL\n", b"ALL: ALL\n"),
    (b"smtpd: ALL: allow%b\n", b"ALL: ALL\n"),
    (b"smtpd: ALL:%ballow\n", b"ALL: ALL\n"),
    (b"", b"smtpd: ALL%bEXCEPT 10.1.2.5\n"),
    (b"", b"smtpd: 10.1.2.5 EXCEPT%b10.1.2.5\n"),
    (b"smtpd: FOLDER/list\n", b"ALL: ALL\n"),
)


def test_no_byte_between_two_words_lets_in_a_client_that_libwrap_refuses(libwrap: Libwrap, tmp_path: Path) -> None:
    request = Request(str(tmp_path), "10.1.2.5", "mail.example.com", "10.1.2.9", "localhost", "unknown")
    granted = 0
    for byte in set(range(1, 256)) - set(b"\n\\"):  # which end and continue a line
        (tmp_path / "list").write_bytes(b"other%cALL\n" % byte)
        for tables in TABLES_WITH_A_BYTE:
            allow, deny = (table.replace(b"%b", bytes((byte,))).replace(b"FOLDER", bytes(tmp_path)) for table in tables)
            (tmp_path / "hosts.allow").write_bytes(allow)
            (tmp_path / "hosts.deny").write_bytes(deny)
            ours = our_answer(HostsAccess(f"{DAEMON},{tmp_path}", ident=True), request).granted
            theirs = libwrap.ask(request).granted
            assert theirs >= ours, (byte, allow, deny)
            granted += ours
    assert granted > len(TABLES_WITH_A_BYTE)  # at blanks both end a word
