"""haproxy in front of two machines with a gate each, as sockgate(8) shows it: what one machine cannot, two can.

Three machines; the network between them is made here and nothing of it is outside.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import NamedTuple

import pytest

from tests.system import services
from tests.system.machine import Machine

pytestmark = pytest.mark.newest("how clients are spread is a matter between haproxy and the gates")

PORT = 2500
NAMES = ("one", "two")
MORE = 10
FRONT = "192.168.0.1"
SOURCES = [f"192.168.0.{number}" for number in range(10, 20)]
HERE, THERE = {"one": "10.0.1.1", "two": "10.0.2.1"}, {"one": "10.0.1.2", "two": "10.0.2.2"}  # the ends of each link

HAPROXY = f"""
global
    log stdout format raw daemon
    stats socket /run/haproxy/admin.sock mode 600 level admin
defaults
    mode tcp
    log global
    log-format "%ci:%cp went to %s and ended as %ts"
listen smtp
    bind {FRONT}:{PORT}
    balance roundrobin
    option redispatch
    option tcp-smart-connect
    retries 3
    timeout connect 2s
    timeout client 1m
    timeout server 1m
    default-server send-proxy-v2 check inter 200ms on-marked-down shutdown-sessions
    server one {THERE["one"]}:25
    server two {THERE["two"]}:25
"""
ADMIN = """
import socket, sys
with socket.socket(socket.AF_UNIX) as admin:
    admin.connect("/run/haproxy/admin.sock")
    admin.sendall(sys.argv[1].encode() + b"\\n")
    print(admin.makefile().read())
"""


class Site(NamedTuple):
    front: Machine
    gated: dict[str, Machine]
    stacks: dict[str, ExitStack]  # closing one ends its machine, without a warning


@pytest.fixture(scope="module")
def site(release: str) -> Iterator[Site]:
    with ExitStack() as stack:
        front = stack.enter_context(Machine(release, "more"))
        services.add_addresses(front, FRONT, *SOURCES)
        stacks = {name: stack.enter_context(ExitStack()) for name in NAMES}
        gated = {name: stacks[name].enter_context(Machine(release)) for name in NAMES}
        for name, machine in gated.items():
            front.connect(machine, f"to-{name}", HERE[name], THERE[name])
            serve_smtp(machine, name)
        front.write("/etc/haproxy/haproxy.cfg", HAPROXY)
        front.systemctl("start", "haproxy.service")
        front.wait_for(lambda: states(front) == dict.fromkeys(NAMES, "2"), "both servers to be up")
        yield Site(front, gated, stacks)


def serve_smtp(machine: Machine, name: str) -> None:
    services.courier_accounts(machine)
    machine.write("/etc/courier/me", f"{name}\n")
    services.courier_smtp(machine)
    text = f"SOCKGATE_OPTIONS=--proxy-protocol {HERE[name]} --deny-message '421 too many of you'\n"
    text += "SOCKGATE_RESIDENT=--max-connections 100 --max-per-source 2\n"
    machine.write("/etc/default/sockgate-smtp", f"{text}SOCKGATE_SERVER=/usr/sbin/courieresmtpd\n")
    services.switch(machine, "sockgated", "smtp")
    machine.systemctl("start", "courier-authdaemon.service", "smtp.socket")


def ask_haproxy(front: Machine, command: str) -> str:
    return front.python(ADMIN, command).stdout


def states(front: Machine) -> dict[str, str]:
    """Each server's operational state; 2 is up, 0 is down."""
    lines = ask_haproxy(front, "show servers state smtp").splitlines()
    return {fields[3]: fields[5] for line in lines[2:] if (fields := line.split())}


class Load:
    """Conversations from all sources. At the end of `with`, each source has a few more: the `later` ones."""

    def __init__(self, front: Machine) -> None:
        wish = {"sources": SOURCES, "destination": FRONT, "port": PORT, "more": MORE}
        self._process = front.popen(
            "python3", "-c", (services.CLIENTS / "conversations.py").read_text(), json.dumps(wish)
        )
        self.all: list[tuple[str, str, str]] = []
        self.later: list[tuple[str, str, str]] = []

    def __enter__(self) -> "Load":
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "under way\n"
        return self

    def __exit__(self, *_: object) -> None:
        output, _error = self._process.communicate(timeout=120)
        assert self._process.returncode == 0, output
        for conversations in json.loads(output):
            ordered = [(own, server, error) for own, server, error in conversations]
            self.all += ordered
            self.later += ordered[-MORE:]

    def failed(self) -> list[tuple[str, str, str]]:
        return [each for each in self.all if each[2]]


def where_it_went(front: Machine) -> dict[str, str]:
    """Of each connection of a client, by its address and port, the server that haproxy gave it to."""
    messages = (record["MESSAGE"] for record in front.journal("--unit=haproxy.service"))
    found = (re.search(r"(\S+) went to (\S+) and", message) for message in messages)
    return {match[1]: match[2] for match in found if match}


def test_each_machine_counts_the_clients_behind_the_proxy(site: Site) -> None:
    clients = [(SOURCES[0], FRONT, PORT)] * 6 + [(SOURCES[1], FRONT, PORT)] * 2
    lines = json.loads(services.client(site.front, "hold", json.dumps(clients)))
    assert Counter(lines[:6]) == {"220 one ESMTP\r\n": 2, "220 two ESMTP\r\n": 2, "421 too many of you\r\n": 2}
    assert Counter(lines[6:]) == {"220 one ESMTP\r\n": 1, "220 two ESMTP\r\n": 1}
    for name, machine in site.gated.items():
        records = machine.journal("-t", "sockgated", f"SOCKGATE_REMOTE_ADDR={SOURCES[0]}", "SOCKGATE_VERDICT=deny")
        assert [record["SOCKGATE_RULE"] for record in records] == ["--max-per-source 2"], name


def test_a_machine_that_is_drained_first_goes_without_a_loss(site: Site) -> None:
    with Load(site.front) as load:
        ask_haproxy(site.front, "set server smtp/one state drain")
        site.gated["one"].wait_for(
            lambda: "0 of 100" in services.status_text(site.gated["one"], "smtp"), "no client to be left"
        )
        site.gated["one"].systemctl("stop", "smtp.socket", "smtp.service")
    assert load.failed() == []
    assert Counter(server for _, server, _ in load.all).keys() == set(NAMES)
    site.gated["one"].systemctl("start", "smtp.socket")
    ask_haproxy(site.front, "set server smtp/one state ready")
    site.front.wait_for(lambda: states(site.front)["one"] == "2", "it to be up again")


def test_when_a_machine_dies_no_conversation_fails_but_those_that_it_held(site: Site) -> None:
    with Load(site.front) as load:
        site.stacks["two"].close()
        site.front.wait_for(lambda: states(site.front)["two"] == "0", "haproxy to notice")
        noticed = len(where_it_went(site.front))
    lost = {own for own, _, _ in load.failed()}
    with suppress(TimeoutError):  # haproxy leaves out a line that its standard output does not take at once
        site.front.wait_for(lambda: lost <= where_it_went(site.front).keys(), "haproxy to log what failed", 10)
    went = where_it_went(site.front)
    assert {went[own] for own in lost if own in went} <= {"two"}, load.failed()
    assert {(server, error) for _, server, error in load.later} == {("one", "")}
    site.front.wait_for(lambda: len(where_it_went(site.front)) > noticed, "haproxy to log what came after it noticed")
