"""--allow and --deny against the IPAddressAllow= and IPAddressDeny= of the real systemd."""

import json
from random import Random

import pytest

from sockgate.access.address_access import AddressAccess
from sockgate.core import DENY
from tests.differential.addresses import around, is_possible, peer_at, random_address, random_network
from tests.differential.scale import amount, seeded
from tests.system.machine import Machine
from tests.system.services import client, install_server

pytestmark = pytest.mark.newest("the kernel filters; what systemd tells it has not changed since 252")

FIRST_PORT = 30000
NAMED = {"any": "10.0.0.0/8", "localhost": "127.0.0.0/8", "link-local": "169.254.0.0/16", "multicast": "ff00::/8"}
ALWAYS = ("127.0.0.1", "127.9.9.9", "169.254.1.1", "10.1.2.5", "192.168.1.77", "fd00:1::5", "::1")

Lists = tuple[str, str]


def random_entry(random: Random) -> str:
    return random.choice((
        random_network(random, 4), random_network(random, 4), random_address(random, 4), "10.1.2.77/24",
        random_network(random, 6), random_address(random, 6), random.choice(list(NAMED)), "localhost"
    ))  # fmt: skip


def random_list(random: Random) -> str:
    return " ".join(random_entry(random) for _ in range(random.randint(1, 4)))


def clients_of(random: Random, lists: Lists) -> list[str]:
    clients = set(ALWAYS)
    for entry in " ".join(lists).split():
        network = NAMED.get(entry, entry)
        clients |= set(around(network))
    possible = sorted(address for address in clients if is_possible(address))
    random.shuffle(possible)
    return possible[:25]


def start(machine: Machine, cases: list[Lists]) -> None:
    """A service for each case that systemd filters by its lists."""
    for number, (allow, deny) in enumerate(cases):
        text = f"[Service]\nExecStart=/usr/local/bin/quiet {FIRST_PORT + number}\n"
        text += f"IPAddressAllow={allow}\n" * bool(allow) + f"IPAddressDeny={deny}\n" * bool(deny)
        machine.write(f"/run/systemd/system/filtered-{number}.service", text)
    machine.systemctl("daemon-reload")
    machine.systemctl("start", *(f"filtered-{number}.service" for number in range(len(cases))))
    machine.wait_for(lambda: machine.run("ss", "-Hltn").stdout.count(":3") >= len(cases), "them to listen", 30)


# The differences that are meant (sockgate-rules(5), DIFFERENCES): lists, client, who lets it in: systemd, --allow.
EXPLAINED = (
    (("10.1.2.5", ""), "192.168.1.77", True, False),
    (("::ffff:10.1.2.5", "any"), "10.1.2.5", False, True),
    (("", "::ffff:10.1.2.5"), "10.1.2.5", True, False),
)


def is_let_in(lists: Lists, address: str) -> bool:
    return AddressAccess(*lists).decide(peer_at(address)).outcome != DENY


def test_an_address_is_let_in_where_systemd_lets_it_through(machine: Machine) -> None:
    install_server(machine, "quiet")
    machine.run("ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo")
    machine.run("ip", "-6", "route", "add", "local", "::/0", "dev", "lo")
    random = seeded()
    cases: list[Lists] = [(random_list(random), random_list(random)) for _ in range(amount(15, 40))]
    cases += [("", random_list(random)) for _ in range(amount(6, 20))]
    asked = [(lists, address) for lists in cases for address in clients_of(random, lists)]
    ours = [is_let_in(*pair) for pair in asked]
    theirs = through(machine, [*cases, *(lists for lists, *_ in EXPLAINED)], asked + [case[:2] for case in EXPLAINED])
    assert [pair for pair, mine, other in zip(asked, ours, theirs, strict=False) if mine != other] == []
    assert len(ours) / 10 < ours.count(True) < len(ours) * 9 / 10  # or nothing was compared
    explained = [(lists, address, is_let_in(lists, address)) for lists, address, *_ in EXPLAINED]
    assert explained == [(lists, address, mine) for lists, address, _, mine in EXPLAINED]
    assert theirs[len(ours) :] == [other for _, _, other, _ in EXPLAINED]


def through(machine: Machine, cases: list[Lists], asked: list[tuple[Lists, str]]) -> list[bool]:
    """Whether systemd lets each of these clients through."""
    start(machine, cases)
    ports = {lists: port for port, lists in enumerate(cases, FIRST_PORT)}
    connections = [(address, "::1" if ":" in address else "127.0.0.1", ports[lists]) for lists, address in asked]
    answers: list[bool] = json.loads(client(machine, "filtered", json.dumps(connections)))
    return answers
