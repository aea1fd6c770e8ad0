"""Every byte in every place of a name and of an ident server's answer, and what shells and terminals would obey."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.dispatch.gated import end, start
from tests.resolve.nameserver import Zone, listed, pointer, serving
from tests.resolve.test_ident import ident_server

from .namespace import Namespace, ask, require

HERE, SPAMMER = "10.9.9.9", "192.0.2.66"
HOST, USER = re.compile(rb"[a-z0-9_][a-z0-9._-]{,252}"), re.compile(rb"[A-Za-z0-9_+][A-Za-z0-9._+-]{,63}")
ORDINARY = {ord(character) for character in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"}
STRINGS = (
    b"() { :;}; echo pwned", b"$(id)", b"`id`", b";reboot", b"a\nTCPREMOTEIP=127.0.0.1", b"a\r\nRELAYCLIENT=", b"\0",
    b"\x1b]0;x\x07", b"\xe2\x80\xaetxt", b"%s%n%x", b"../../etc/passwd", b"a b", b"a,b", b"'\"", b"=", b"@",
    b"127.0.0.1", b"-rf", b"x" * 63,
)  # fmt: skip


def label(place: int, byte: int) -> bytes:
    """An ordinary label with this byte at its start, in its middle, or at its end."""
    return (b"%cab", b"a%cb", b"ab%c")[place] % byte


# The client's address: what is said of it.
SAID = {f"10.{place + 1}.7.{byte}": label(place, byte) for place in range(3) for byte in range(256)}
SAID |= {f"10.4.7.{number}": text for number, text in enumerate(STRINGS)}


@pytest.fixture(scope="module")
def network() -> Iterator[Namespace]:
    require("ip")
    zone: Zone = {}
    for client, said in SAID.items():
        zone |= pointer(client, said, b"example", b"com")
    for number, text in enumerate(STRINGS):
        zone |= listed(f"198.51.100.{number}", "bl", "127.0.0.2", text=text)
    etc = {"nsswitch.conf": "hosts: dns\n", "resolv.conf": "nameserver 127.0.0.1\n"}
    with Namespace(etc) as network, serving(network, zone):
        yield network


def environments(network: Namespace, folder: Path, options: list[str], clients: list[str]) -> list[dict[bytes, bytes]]:
    """What env(1) prints behind a sockgated, NULs for line ends. Its log must be plain lines."""
    with ExitStack() as stack:
        words = ["--listen", "0.0.0.0:0", "--max-connections", "1000", *options, "/usr/bin/env", "-0"]
        one = network.run(lambda: start(folder, words))
        stack.callback(end, one)
        port = int(one.addresses[0].rpartition(":")[2])
        answers = network.run(lambda: ask([(client, HERE, port) for client in clients]))
    log = (folder / "log").read_bytes()
    assert set(log) <= {*b"\n", *range(0x20, 0x7F)}
    assert log.count(b"accepted ") == len(clients)
    return [dict(assignment.split(b"=", 1) for assignment in answer.split(b"\0")[:-1]) for answer in answers]


def test_no_byte_of_a_name_or_a_user_reaches_the_server_that_is_not_one_of_names(
    network: Namespace, tmp_path: Path
) -> None:
    def answer(connection: socket.socket) -> None:
        said = SAID.get(connection.getsockname()[0])
        if said is not None:
            connection.sendall(asked[-1][1].strip() + b" : USERID : UNIX : " + said + b"\r\n")

    clients = list(SAID)
    with ident_server(network, answer, "0.0.0.0") as asked:
        found = environments(network, tmp_path, ["--hostname", "--ident", "--timeout", "20"], clients)
    allowed = set(found[0]) | {b"TCPREMOTEHOST", b"TCPREMOTEINFO"}
    named = users = 0
    for client, variables in zip(clients, found, strict=True):
        said = SAID[client]
        assert set(variables) <= allowed, (client, said)
        assert variables[b"TCPREMOTEIP"] == client.encode()
        host, user = variables.get(b"TCPREMOTEHOST"), variables.get(b"TCPREMOTEINFO")
        assert host is None or HOST.fullmatch(host), said
        assert host in (None, said.lower() + b".example.com"), said
        assert user is None or USER.fullmatch(user), said
        assert user in (None, said.partition(b"\r\n")[0].strip(b" \t")), said
        named += host is not None
        users += user is not None
        if set(said) <= ORDINARY:
            assert (host, user) == (said.lower() + b".example.com", said)
    assert 3 * len(ORDINARY) <= named < len(SAID) / 3
    assert 3 * len(ORDINARY) <= users < len(SAID) / 3


def test_no_text_of_a_list_splits_a_line_or_is_taken_for_a_function(network: Namespace, tmp_path: Path) -> None:
    clients = [f"198.51.100.{number}" for number in range(len(STRINGS))]
    options = ["--dnsbl", "bl,BLOCK,554 *", "--dnsbl", "bl,RBLSMTPD", "--timeout", "20"]
    for variables, text in zip(environments(network, tmp_path, options, clients), STRINGS, strict=True):
        assert variables[b"BLOCK"] == b"554 " + variables[b"RBLSMTPD"]
        for name in (b"BLOCK", b"BLOCK_TXT", b"RBLSMTPD", b"RBLSMTPD_TXT"):
            assert set(variables[name]) <= set(range(0x20, 0x7F)), text
            assert not variables[name].startswith(b"()"), text
        assert variables[b"TCPREMOTEIP"].startswith(b"198.51.100.")
        assert b"RELAYCLIENT" not in variables
