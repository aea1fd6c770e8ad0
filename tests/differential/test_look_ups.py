"""Names, users and DNS lists against tcpserver, rblsmtpd and couriertcpd, which ask the same servers in one network.

Each difference is a line of a table here, and one of DIFFERENCES in sockgate(8).
"""

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.dispatch.gated import end, start
from tests.resolve.nameserver import SERVFAIL, Zone, address_of, alias, pointer, serving
from tests.resolve.test_ident import ident_server

from .namespace import Namespace, ask, require

Answer = dict[str, str] | None
ETC = {"nsswitch.conf": "hosts: dns\n", "resolv.conf": "nameserver 127.0.0.1\n"}
HERE = "192.0.2.200"
THEIRS, COURIERTCPD = 2001, "/usr/sbin/couriertcpd"
MOST = ("-maxprocs=500", "-maxperip=500", "-maxperc=500")

# Their zone for rbldnsd, and ours to ask about: in it, in it with another code, with a code alone, and not in it.
BLOCKED = ":127.0.0.2:Blocked, see http://bl/?$\n192.0.2.66\n192.0.2.67 :127.0.0.4:four $\n198.51.100.0/24 :5:\n"
ALLOWED = "192.0.2.67 :127.0.1.3:\n203.0.113.9 :127.0.1.2:\n"
CLIENTS = ("192.0.2.66", "192.0.2.67", "198.51.100.1", "203.0.113.9", "192.0.2.1")


def answers(network: Namespace, port: int, clients: tuple[str, ...], pattern: str) -> dict[str, Answer]:
    """What each client's server was told by the variables of this name; None for one that has no environment."""
    found = network.run(lambda: ask([(client, HERE, port) for client in clients]))
    return {client: told(answer, pattern) for client, answer in zip(clients, found, strict=True)}


def told(answer: bytes, pattern: str) -> Answer:
    if b"TCPREMOTEIP=" not in answer:
        return None
    variables = dict(line.split("=", 1) for line in answer.decode("latin-1").splitlines() if "=" in line)
    return {name: value for name, value in variables.items() if re.fullmatch(pattern, name)}


@contextlib.contextmanager
def theirs(network: Namespace, *command: str | Path) -> Iterator[int]:
    with network.running(*command):
        network.wait_for_port(HERE, THEIRS)
        yield THEIRS


@contextlib.contextmanager
def ours(network: Namespace, folder: Path, *words: str) -> Iterator[int]:
    """The port of a sockgated with these options in front of env."""
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        one = network.run(lambda: start(folder, ["--listen", "0.0.0.0:0", "--max-connections", "500", *words]))
        stack.callback(end, one)
        yield int(one.addresses[0].rpartition(":")[2])


NAMES: Zone = (
    pointer("192.0.2.1", b"Good", b"Example", b"com") | address_of("good.example.com", "10.9.9.9", "192.0.2.1")
    | pointer("192.0.2.2", b"good", b"example", b"com")
    | pointer("192.0.2.3", b"nowhere", b"example", b"com")
    | pointer("192.0.2.4", b"a_b-c", b"example", b"com") | address_of("a_b-c.example.com", "192.0.2.4")
    | pointer("192.0.2.5", b"www", b"example", b"com") | alias("www.example.com", "host.example.com", "192.0.2.5")
    | pointer("192.0.2.6", b"single") | address_of("single", "192.0.2.6")
    | pointer("192.0.2.11", b"10", b"0", b"0", b"1") | address_of("10.0.0.1", "192.0.2.11")
    | pointer("192.0.2.12", b"() { :;}; echo", b"example") | pointer("192.0.2.13", b"a.b", b"example")
    | pointer("192.0.2.14", b"caf\xc3\xa9", b"example") | pointer("192.0.2.15", b"a\x1b[2Jb", b"example")
    | pointer("192.0.2.16", b"new\nline", b"example")
)  # fmt: skip
SAME_NAMES = tuple(f"192.0.2.{number}" for number in (1, 2, 3, 4, 5, 6, 7))
# Client: what tcpserver -h says; ours says nothing.
ODD_NAMES = {
    "192.0.2.11": "10.0.0.1",  # looks like an address
    "192.0.2.12": r"\050\051\040\173\040\072\073\175\073\040echo.example",
    "192.0.2.13": r"a\056b.example",
    "192.0.2.14": r"caf\303\251.example",
    "192.0.2.15": r"a\033\1332jb.example",
    "192.0.2.16": r"new\012line.example",
}


@pytest.mark.parametrize(("theirs_flags", "our_flags"), [("-h", ["--hostname"]), ("-hp", ["--hostname", "--paranoid"])])
def test_a_client_has_the_name_that_it_has_for_tcpserver(
    theirs_flags: str, our_flags: list[str], tmp_path: Path
) -> None:
    require("tcpserver", "ip")
    with Namespace(ETC) as network, serving(network, NAMES):
        clients = (*SAME_NAMES, *ODD_NAMES)
        with theirs(network, "tcpserver", f"{theirs_flags}Rl0", "0", str(THEIRS), "env") as port:
            expected = answers(network, port, clients, "TCPREMOTEHOST")
        with ours(network, tmp_path, *our_flags, "env") as port:
            found = answers(network, port, clients, "TCPREMOTEHOST")
    assert {client: found[client] for client in SAME_NAMES} == {client: expected[client] for client in SAME_NAMES}
    assert found["192.0.2.1"] == {"TCPREMOTEHOST": "good.example.com"}
    paranoid = "p" in theirs_flags
    for client, name in ODD_NAMES.items():
        assert expected[client] == ({} if paranoid else {"TCPREMOTEHOST": name})
        assert found[client] == {}


def test_a_client_has_the_name_that_it_has_for_couriertcpd(tmp_path: Path) -> None:
    """Which keeps its letters as they are, and says softdnserr where it could not find out."""
    require(COURIERTCPD, "ip")
    failing: Zone = {("9.2.0.192.in-addr.arpa", "PTR"): SERVFAIL}
    clients = (*SAME_NAMES, "192.0.2.9", "192.0.2.11")
    with Namespace(ETC) as network, serving(network, NAMES | failing):
        with theirs(network, "env", "-i", COURIERTCPD, *MOST, str(THEIRS), "/usr/bin/env") as port:
            expected = answers(network, port, clients, "TCPREMOTEHOST")
        with ours(network, tmp_path, "--hostname", "--paranoid", "env") as port:
            found = answers(network, port, clients, "TCPREMOTEHOST")
    lowered = {
        client: {name: text.lower() for name, text in (answer or {}).items()} for client, answer in expected.items()
    }
    different = {client: (lowered[client], found[client]) for client in clients if lowered[client] != found[client]}
    assert different == {
        "192.0.2.9": ({"TCPREMOTEHOST": "softdnserr"}, {}),
        "192.0.2.11": ({"TCPREMOTEHOST": "10.0.0.1"}, {}),
    }


# What an ident server says behind the ports: what tcpserver -r makes of it, and what the gate does.
IDENT: tuple[tuple[bytes, str | None, str | None], ...] = (
    (b" : USERID : UNIX : joe\r\n", "joe", "joe"),
    (b":USERID:UNIX:joe\r\n", "joe", "joe"),
    (b" : USERID : OTHER,US-ASCII : Joe.Doe_1+x-y \r\n", "Joe.Doe_1+x-y", "Joe.Doe_1+x-y"),
    (b" : USERID : UNIX : joe", None, None),
    # Blanks in a name are left out, and the rest is kept; here such a name is none.
    (b" : USERID : UNIX : joe doe\r\n", "joedoe", None),
    (b" : USERID : UNIX : () { :;}; echo\r\n", "(){:;};echo", None),
    (b" : USERID : UNIX : a\x1b[2Jb\r\n", "a\x1b[2Jb", None),
    (b" : USERID : UNIX : joe@host\r\n", "joe@host", None),
    (b" : USERID : UNIX : " + b"j" * 100 + b"\r\n", "j" * 100, None),
    # No name is an empty one.
    (b" : USERID : UNIX :\r\n", "", None),
    (b" : ERROR : NO-USER\r\n", "", None),
    # A line feed alone ends a line.
    (b" : USERID : UNIX : joe\n", "joe", None),
    (b" : USERID : UNIX : joe\nroot\r\n", "joe", None),
)


def test_a_client_has_the_user_that_it_has_for_tcpserver(tmp_path: Path) -> None:
    require("tcpserver", "ip")
    clients = tuple(f"192.0.2.{number}" for number in range(1, len(IDENT) + 1))

    def answer(connection: socket.socket) -> None:
        client = connection.getsockname()[0]
        if client in clients:  # and not a process that only tried whether the port is open
            connection.sendall(asked[-1][1].strip() + IDENT[clients.index(client)][0])

    with Namespace() as network, ident_server(network, answer, "0.0.0.0") as asked:
        with theirs(network, "tcpserver", "-Hrl0t20", "0", str(THEIRS), "env") as port:
            expected = one_by_one(network, port, clients)
        with ours(network, tmp_path, "--ident=20", "env") as port:
            found = one_by_one(network, port, clients)
    assert expected == [said for _, said, _ in IDENT]
    assert found == [said for _, _, said in IDENT]


def one_by_one(network: Namespace, port: int, clients: tuple[str, ...]) -> list[str | None]:
    """The users. The ident server must know whom it answers."""
    found = [answers(network, port, (client,), "TCPREMOTEINFO")[client] for client in clients]
    return [(answer or {}).get("TCPREMOTEINFO") for answer in found]


@contextlib.contextmanager
def lists(folder: Path) -> Iterator[Namespace]:
    """A network with rbldnsd, which serves `bl` and `wl`."""
    require("rbldnsd", "ip")
    folder.chmod(0o755)
    folder.parent.chmod(0o755)
    (folder / "blocked").write_text(BLOCKED)
    (folder / "allowed").write_text(ALLOWED)
    command = ("rbldnsd", "-n", "-f", "-b", "127.0.0.1/53", "-w", folder, "bl:ip4set:blocked", "wl:ip4set:allowed")
    with Namespace(ETC) as network, network.running(*command):
        wait_for_rbldnsd(network)
        yield network


def wait_for_rbldnsd(network: Namespace) -> None:
    """Until it answers anything to a question about `bl`."""

    def answered() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.2)
            with contextlib.suppress(OSError):
                client.connect(("127.0.0.1", 53))
                client.send(b"\0\1\1\0\0\1\0\0\0\0\0\0\2bl\0\0\6\0\1")
                return len(client.recv(512)) > 12
        return False

    deadline = time.monotonic() + 60
    while not network.run(answered):
        assert time.monotonic() < deadline, "rbldnsd does not answer"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("theirs_options", "our_options"),
    [
        (["-block=bl,B2,Go away"], ["--dnsbl", "bl,B2,Go away"]),
        (["-block=bl,BLOCK,*"], ["--dnsbl", "bl,BLOCK,*"]),
        (["-block=bl,BLOCK/127.0.0.4,Go"], ["--dnsbl", "bl/127.0.0.4,BLOCK,Go"]),
        (["-block=bl/127.0.0.4,Go"], ["--dnsbl", "bl/127.0.0.4,BLOCK,Go"]),
        (["-allow=wl", "-block=bl,BLOCK,Go"], ["--dnsbl-allow", "wl", "--dnsbl", "bl,BLOCK,Go"]),
        (["-block=wl,BLOCK,no", "-block=bl,BLOCK,Go"], ["--dnsbl", "wl,BLOCK,no", "--dnsbl", "bl,BLOCK,Go"]),
        (["-block=bl,A,a", "-block=wl,B,b"], ["--dnsbl", "bl,A,a", "--dnsbl", "wl,B,b"]),
        (["-block=none,A,a"], ["--dnsbl", "none,A,a"]),
        (["-block=bl,B2,Go", "-drop"], ["--dnsbl", "bl,B2,Go"]),
    ],
)
def test_a_list_sets_what_couriertcpd_sets(theirs_options: list[str], our_options: list[str], tmp_path: Path) -> None:
    require(COURIERTCPD)
    pattern = r"(A|B|B2|BLOCK)(_IP|_TXT|_ZONE)?|ALLOW_\d"
    with lists(tmp_path) as network:
        options = ("-nodnslookup", *MOST, *theirs_options)
        with theirs(network, "env", "-i", COURIERTCPD, *options, str(THEIRS), "/usr/bin/env") as port:
            expected = answers(network, port, CLIENTS, pattern)
        with ours(network, tmp_path / "ours", *our_options, "env") as port:
            found = answers(network, port, CLIENTS, pattern)
    # A list without a text has couriertcpd put the asterisk itself there.
    for answer in expected.values():
        if answer and answer.get("BLOCK") == "*":
            answer["BLOCK"] = "Blacklisted by bl"
    assert found == expected
    assert expected["192.0.2.1"] == {}


@pytest.mark.parametrize(
    ("theirs_options", "our_options", "refused"),
    [
        (["-block=bl,BLOCK,Go", "-drop"], ["--dnsbl", "bl"], 3),
        (["-block=bl,B2/127.0.0.4,Go", "-drop=B2"], ["--dnsbl", "bl/127.0.0.4"], 1),
        (["-block=bl,BLOCK,Go", "-drop=BLOCK,B2"], ["--dnsbl", "bl"], 3),
        (["-block=bl,B2,Go", "-drop=B2", "-drop="], ["--dnsbl", "bl,B2,Go"], 0),
        (["-allow=wl", "-block=bl,BLOCK,Go", "-drop"], ["--dnsbl-allow", "wl", "--dnsbl", "bl"], 2),
    ],
)
def test_a_list_refuses_the_clients_that_drop_turns_away(
    theirs_options: list[str], our_options: list[str], refused: int, tmp_path: Path
) -> None:
    require(COURIERTCPD)
    with lists(tmp_path) as network:
        options = ("-nodnslookup", *MOST, *theirs_options)
        with theirs(network, "env", "-i", COURIERTCPD, *options, str(THEIRS), "/usr/bin/env") as port:
            expected = answers(network, port, CLIENTS, "")
        with ours(network, tmp_path / "ours", *our_options, "env") as port:
            found = answers(network, port, CLIENTS, "")
    assert found == expected
    assert list(expected.values()).count(None) == refused


def test_the_differences_to_couriertcpd_are_those_that_the_manual_tells(tmp_path: Path) -> None:
    """Option of theirs, ours, the client: variables of theirs, and ours."""
    require(COURIERTCPD)
    cases: tuple[tuple[list[str], list[str], Answer, Answer], ...] = (
        # Without a text it sets all but the variable itself, so that no client is blocked.
        (["-block=bl"], ["--dnsbl", "bl,BLOCK"],
         {}, {"BLOCK": "four 192.0.2.67"}),
        # It shows the address of an IPv4 client as IPv6.
        (["-block=bl,BLOCK,Go @"], ["--dnsbl", "bl,BLOCK,Go @"],
         {"BLOCK": "Go ::ffff:192.0.2.67"}, {"BLOCK": "Go 192.0.2.67"}),
        # An allow list behind the others comes too late.
        (["-block=bl,BLOCK,Go", "-allow=wl"], ["--dnsbl", "bl,BLOCK,Go", "--dnsbl-allow", "wl"],
         {"BLOCK": "Go"}, {"BLOCK": ""}),
    )  # fmt: skip
    for number, (their_options, our_options, expected, found) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        with lists(folder) as network:
            options = ("-nodnslookup", *MOST, *their_options)
            with theirs(network, "env", "-i", COURIERTCPD, *options, str(THEIRS), "/usr/bin/env") as port:
                assert answers(network, port, ("192.0.2.67",), "BLOCK") == {"192.0.2.67": expected}
            with ours(network, folder / "ours", *our_options, "env") as port:
                assert answers(network, port, ("192.0.2.67",), "BLOCK") == {"192.0.2.67": found}


@pytest.mark.parametrize(
    ("theirs_options", "our_options"),
    [
        (["-r", "bl"], ["--dnsbl", "bl,,451 *"]),
        (["-b", "-r", "bl"], ["--dnsbl", "bl,,553 *"]),
        (["-a", "wl", "-r", "bl"], ["--dnsbl", "bl,,451 *", "--dnsbl-allow", "wl"]),
        (["-r", "wl", "-r", "bl"], ["--dnsbl", "bl,,451 *"]),
    ],
)
def test_whom_rblsmtpd_refuses_is_refused_with_its_words(
    theirs_options: list[str], our_options: list[str], tmp_path: Path
) -> None:
    """But for a client in a list that has no text for it: rblsmtpd sees texts alone."""
    require("tcpserver", "rblsmtpd")
    with lists(tmp_path) as network:
        command = ("tcpserver", "-HRl0", "0", str(THEIRS), "rblsmtpd", "-t0", *theirs_options, "env")
        with theirs(network, *command) as port:
            expected = refusals(network, port)
        with ours(network, tmp_path / "ours", *our_options, "env") as port:
            found = refusals(network, port)
    assert found.pop("198.51.100.1") == our_options[1].removeprefix("bl,,").encode().replace(b"*", b"Blacklisted by bl")
    assert expected.pop("198.51.100.1") is None
    assert found == expected
    assert expected["192.0.2.66"] == our_options[1].removeprefix("bl,,").encode().replace(
        b"*", b"Blocked, see http://bl/?192.0.2.66"
    )


def refusals(network: Namespace, port: int) -> dict[str, bytes | None]:
    """What each client is told, None if it was served."""
    found = network.run(partial(ask, [(client, HERE, port) for client in CLIENTS]))
    pairs = zip(CLIENTS, found, strict=True)
    return {client: None if b"TCPREMOTEIP=" in answer else answer.strip() for client, answer in pairs}


def test_rblsmtpd_does_with_the_variable_what_the_list_says(tmp_path: Path) -> None:
    """A gate that only sets RBLSMTPD, in front of the real rblsmtpd that asks no list."""
    require("rblsmtpd")
    with lists(tmp_path) as network:
        options = ("--dnsbl", "bl,RBLSMTPD,-Blocked: *", "--dnsbl-allow", "wl")
        with ours(network, tmp_path / "ours", *options, "rblsmtpd", "-t0", "-r", "bl", "env") as port:
            found = refusals(network, port)
    assert found["192.0.2.66"] == b"553 Blocked: Blocked, see http://bl/?192.0.2.66"
    assert found["198.51.100.1"] == b"553 Blocked: Blacklisted by bl"
    assert found["192.0.2.67"] is found["192.0.2.1"] is None
