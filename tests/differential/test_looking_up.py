"""Whole connections through gates that look their clients up: what the server is told, who is refused, how long."""

import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.connection.launch import Launcher, Outcome, internet, make_launcher
from tests.dispatch.gated import end, start, wait_until
from tests.resolve.nameserver import SERVFAIL, SILENT, Zone, address_of, entry, listed, pointer, serving
from tests.resolve.test_ident import ident_server, saying, silent

from .namespace import Namespace, ask, connect, require

GOOD, STOLEN, NUMERIC, HANGING, SPAMMER, FRIEND, ODD = (f"192.0.2.{number}" for number in (1, 2, 3, 4, 66, 67, 68))
SIX, INSIDE = "2001:db8::1", "fd00::1"
TEXT = b"spam\r\n250 () { :;}; echo"
DEADLINE = 4  # seconds, which is more than the rest takes on a busy machine

ZONE: Zone = (
    pointer(GOOD, b"Good", b"example", b"com") | address_of("good.example.com", GOOD)
    | pointer(STOLEN, b"good", b"example", b"com")
    | pointer(NUMERIC, b"192", b"0", b"2", b"1") | address_of("192.0.2.1", NUMERIC)
    | pointer(SIX, b"six", b"example", b"com") | address_of("six.example.com", SIX)
    | {(entry(HANGING, "in-addr.arpa"), "PTR"): SILENT}
    | listed(SPAMMER, "bl", "127.0.0.2", text=TEXT) | listed(FRIEND, "bl", "127.0.0.4")
    | listed(FRIEND, "wl", "127.0.1.3")
    | {("*.silent", "A"): SILENT, ("*.dead", "A"): SILENT, ("*.broken", "A"): SERVFAIL}
)  # fmt: skip


@pytest.fixture(scope="module")
def network() -> Iterator[Namespace]:
    require("ip")
    etc = {"nsswitch.conf": "hosts: dns\n", "resolv.conf": "nameserver 127.0.0.1\noptions timeout:30\n"}
    with Namespace(etc) as network, serving(network, ZONE):
        for address in (SIX, INSIDE):  # IPv6 clients can only bind to addresses that an interface has
            command = ["ip", "-6", "addr", "add", f"{address}/128", "dev", "lo", "nodad"]
            network.run(partial(subprocess.run, command, check=True))
        yield network


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    return make_launcher(tmp_path)


def run(network: Namespace, launcher: Launcher, source: str, *options: str) -> Outcome:
    """One connection from this address to the same one."""
    server = ["/bin/sh", "-c", "echo served; exec env"]
    listening = "::" if ":" in source else "0.0.0.0"
    return network.run(lambda: launcher.run(internet(listening, source), [*options, *server]))


def variables(outcome: Outcome) -> dict[str, str]:
    """Those that look-ups set; the server must have run."""
    served, *lines = outcome.said.decode("ascii").splitlines()
    assert served == "served"
    found = dict(line.split("=", 1) for line in lines)
    names = re.compile(r"(TCP6?(REMOTE|LOCAL)(HOST|INFO)|BLOCK.*|RBL.*)")
    return {name: value for name, value in found.items() if names.fullmatch(name)}


@pytest.mark.parametrize(
    ("source", "name", "confirmed"),
    [
        (GOOD, "good.example.com", True),
        (STOLEN, "good.example.com", False),
        (NUMERIC, None, False),
        (SPAMMER, None, False),
    ],
)
def test_a_client_has_the_name_that_it_claims_and_with_paranoid_only_its_own(
    network: Namespace, launcher: Launcher, source: str, name: str | None, confirmed: bool
) -> None:
    claimed = {"TCPREMOTEHOST": name} if name else {}
    assert variables(run(network, launcher, source, "--hostname")) == claimed
    assert variables(run(network, launcher, source, "--hostname", "--paranoid")) == (claimed if confirmed else {})


def test_an_ipv6_client_has_both_names(network: Namespace, launcher: Launcher) -> None:
    found = variables(run(network, launcher, SIX, "--hostname", "--paranoid", "--local-name", "here"))
    assert found == {
        "TCPREMOTEHOST": "six.example.com", "TCP6REMOTEHOST": "six.example.com",
        "TCPLOCALHOST": "here", "TCP6LOCALHOST": "here",
    }  # fmt: skip


def test_rules_see_name_and_user(network: Namespace, launcher: Launcher, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("joe@192.0.2.1:deny\n=good.example.com:allow\n:deny\n")
    options = ("--rules", str(rules), "--hostname")
    assert run(network, launcher, GOOD, *options).said.startswith(b"served")
    assert run(network, launcher, SPAMMER, *options).said == b""
    assert run(network, launcher, STOLEN, *options).said.startswith(b"served")  # as tcpserver -h
    assert run(network, launcher, STOLEN, *options, "--paranoid").said == b""
    with network_ident(network, b"joe"):
        refused = run(network, launcher, GOOD, *options, "--ident")
    assert refused.said == b""
    assert "rules:1: joe@192.0.2.1:deny" in refused.log
    with network_ident(network, b"jim"):
        assert variables(run(network, launcher, GOOD, *options, "--ident=2"))["TCPREMOTEINFO"] == "jim"


def network_ident(network: Namespace, user: bytes) -> "ExitStack":
    """An ident server at GOOD that answers for any ports of this user."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(b", ".join(asked[-1][1].strip().split(b", ")) + b" : USERID : UNIX : " + user + b"\r\n")

    stack = ExitStack()
    asked = stack.enter_context(ident_server(network, answer, GOOD))
    return stack


def test_a_listed_client_is_refused_or_marked_as_asked(network: Namespace, launcher: Launcher) -> None:
    refused = run(network, launcher, SPAMMER, "--dnsbl", "bl,,554 5.7.1 @: *", "--dnsbl-allow", "wl")
    assert refused.said == b"554 5.7.1 192.0.2.66: spam??250 () { :;}; echo\r\n"
    assert "refused 192.0.2.66:" in refused.log
    assert "in the DNS list bl (127.0.0.2)" in refused.log
    marked = variables(run(network, launcher, SPAMMER, "--dnsbl", "bl,BLOCK", "--dnsbl", "other,BLOCK"))
    text = "spam??250 () { :;}; echo"
    assert marked == {"BLOCK": text, "BLOCK_TXT": text, "BLOCK_IP": "127.0.0.2", "BLOCK_ZONE": "bl"}
    assert variables(run(network, launcher, FRIEND, "--dnsbl", "bl,RBLSMTPD,-no", "--dnsbl-allow", "wl")) == {
        "RBLSMTPD": "", "RBLSMTPD_IP": "127.0.1.3", "RBLSMTPD_ZONE": "wl",
    }  # fmt: skip
    assert variables(run(network, launcher, FRIEND, "--dnsbl", "bl/127.0.0.2", "--deny-message", "421 no")) == {}
    assert run(network, launcher, FRIEND, "--dnsbl", "bl", "--deny-message", "421 no").said == b"421 no\r\n"
    assert variables(run(network, launcher, GOOD, "--dnsbl", "bl,BLOCK")) == {}


@pytest.mark.parametrize("zone", ["silent", "broken"])
def test_a_list_that_fails_decides_as_asked_and_the_log_says_so(
    network: Namespace, launcher: Launcher, zone: str
) -> None:
    problem = f"no answer from the DNS list {zone}: " + {"silent": "no answer in time", "broken": "SERVFAIL"}[zone]
    opened = run(network, launcher, GOOD, "--dnsbl", zone, "--timeout", str(DEADLINE))
    assert variables(opened) == {}
    assert f"accepted {GOOD}" in opened.log
    assert problem in opened.log
    closed = run(network, launcher, GOOD, "--dnsbl", zone, "--dnsbl-fail", "closed", "--timeout", str(DEADLINE))
    assert closed.said.startswith(b"451 4.7.1 ")
    assert problem in closed.log
    decided = run(network, launcher, SPAMMER, "--dnsbl", zone, "--dnsbl", "bl,,554 no", "--dnsbl-fail=closed",
                  f"--timeout={DEADLINE}")  # fmt: skip
    assert decided.said == b"554 no\r\n"


def test_one_deadline_holds_for_everything_together(network: Namespace, launcher: Launcher) -> None:
    lists = ("--dnsbl", "silent", "--dnsbl", "dead", "--dnsbl", "silent,BLOCK", "--dnsbl-allow", "x.silent")
    options = ("--hostname", "--paranoid", "--ident", *lists, "--timeout", str(DEADLINE))

    with ident_server(network, silent, HANGING):
        begin = time.monotonic()
        outcome = run(network, launcher, HANGING, *options)
        seconds = time.monotonic() - begin
    plain = run(network, launcher, GOOD)
    assert variables(plain) == variables(outcome) == {}
    assert DEADLINE - 0.1 < seconds < 2 * DEADLINE, "two that have one each take twice as long"
    for problem in (
        "no host name",
        *(f"no answer from the DNS list {zone}" for zone in ("silent", "dead", "x.silent")),
    ):
        assert outcome.log.count(f"{problem}: no answer in time") == 1


def test_the_answers_that_came_before_the_deadline_count(network: Namespace, launcher: Launcher) -> None:
    options = ("--hostname", "--dnsbl", "silent", "--dnsbl", "bl,BLOCK", "--timeout", str(DEADLINE))
    found = variables(run(network, launcher, GOOD, *options, "--dnsbl", "dead"))
    assert found == {"TCPREMOTEHOST": "good.example.com"}
    with ident_server(network, saying(b"1, 1 : USERID : UNIX : joe\r\n"), SPAMMER):  # about other ports
        found = variables(run(network, launcher, SPAMMER, *options, "--ident"))
    assert found["BLOCK_ZONE"] == "bl"
    assert "TCPREMOTEINFO" not in found


def test_a_dead_list_leaves_time_for_the_names_that_rules_are_about(network: Namespace, launcher: Launcher) -> None:
    options = ("--only-from", ".example.com", "--dnsbl", "silent", "--timeout", str(DEADLINE))
    assert variables(run(network, launcher, GOOD, *options)) == {}
    assert variables(run(network, launcher, GOOD, *options, "--hostname")) == {"TCPREMOTEHOST": "good.example.com"}
    assert run(network, launcher, STOLEN, *options).said == b""


def test_without_a_resolver_a_client_that_is_not_looked_up_waits_for_nothing(
    network: Namespace, launcher: Launcher
) -> None:
    options = ("--dnsbl", "silent", "--timeout", "60", "--relay", "192.0.2.4", "--deny", "192.0.2.2")
    begin = time.monotonic()
    for source in ("127.0.0.1", "10.1.2.3", "192.168.1.1", HANGING, INSIDE, "::1"):
        assert variables(run(network, launcher, source, *options)) == {}
    assert run(network, launcher, STOLEN, *options).said == b""
    assert time.monotonic() - begin < 50


def gated(stack: ExitStack, network: Namespace, folder: Path, words: Sequence[str]) -> int:
    """The port of a sockgated inside."""
    folder.mkdir(exist_ok=True)
    words = ["--listen", "0.0.0.0:0", "--max-connections", "1000", *words]
    one = network.run(lambda: start(folder, words))
    stack.callback(end, one)
    return int(one.addresses[0].rpartition(":")[2])


def test_sockgated_looks_up_in_the_same_way(network: Namespace, tmp_path: Path) -> None:
    options = [
        "--hostname",
        "--paranoid",
        "--dnsbl",
        "bl,BLOCK",
        "--dnsbl",
        "silent",
        "--timeout",
        str(DEADLINE),
        "/usr/bin/env",
    ]
    with ExitStack() as stack:
        port = gated(stack, network, tmp_path, [*options, "/usr/bin/env"])
        good, spammer = network.run(lambda: ask([(GOOD, GOOD, port), (SPAMMER, SPAMMER, port)]))
        log = tmp_path / "log"
        wait_until(lambda: "no answer from the DNS list silent: no answer in time" in log.read_text(), log.read_text)
    assert b"TCPREMOTEHOST=good.example.com\n" in good
    assert b"BLOCK_ZONE=bl\n" in spammer


def test_clients_that_wait_for_a_dead_resolver_hold_no_other_client_up(network: Namespace, tmp_path: Path) -> None:
    """Neither those whose verdict needs no answer, nor a service beside."""
    with ExitStack() as stack:
        looking = gated(stack, network, tmp_path / "looking",
                        ["--dnsbl", "silent", "--timeout", "60", "--deny", STOLEN, "/bin/echo", "served"])  # fmt: skip
        plain = gated(stack, network, tmp_path / "plain", ["/bin/echo", "served"])
        served = [("10.0.0.1", "10.0.0.9", looking), (GOOD, GOOD, plain), (STOLEN, GOOD, looking)]
        assert answer_time(network, served)[1] == [b"served\n", b"served\n", b""]
        waiting = network.run(lambda: [connect(f"192.0.3.{number}", GOOD, looking) for number in range(1, 101)])
        time.sleep(0.5)
        beside = min(answer_time(network, served)[0] for _ in range(5))
        for client in waiting:
            client.close()
    assert beside < 30, "the dead resolver is waited for 60 s"


def answer_time(network: Namespace, clients: list[tuple[str, str, int]]) -> tuple[float, list[bytes]]:
    begin = time.monotonic()
    answers = network.run(lambda: ask(clients))
    return time.monotonic() - begin, answers


def test_a_gate_that_stops_waits_for_no_look_up(network: Namespace, tmp_path: Path) -> None:
    """And no thread or child of it stays behind when the client has gone."""
    before = threading.active_count()
    with ExitStack() as stack:
        port = gated(stack, network, tmp_path, ["--hostname", "--timeout", "0.4", "/bin/echo", "served"])
        network.run(lambda: connect(HANGING, GOOD, port)).close()
        assert network.run(lambda: ask([(GOOD, GOOD, port)])) == [b"served\n"]
    assert threading.active_count() == before
