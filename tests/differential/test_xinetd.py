"""--only-from and --no-access against the real xinetd: the same verdict for every generated list and client."""

import contextlib
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from random import Random

import pytest

from sockgate.access.xinetd_access import XinetdAccess, cidr, parse_entry
from sockgate.core import DENY, UsageError
from sockgate.resolve.host_lookup import Resolver

from .addresses import around, is_possible, peer_at, random_address, random_network
from .namespace import Namespace, ask, require
from .scale import amount, seeded

FIRST_PORT = 20000
SERVICES_AT_ONCE = 200
ALLOWED, REFUSED = b"let in\n", b"refused\n"

HOSTS = """
127.0.0.1 localhost
10.1.2.5 mail.example.com mail
10.1.2.6 www.example.com
10.1.2.7 example.com
10.1.2.8 other.example.org
192.168.1.5 mail.example.com.example.net
198.51.100.6 mail.example.com.example.com
fd00:1::5 six.example.com
"""
NETWORKS = """
loopback 127.0.0.0
office 10.1.2.0
"""
NAMES = (
    "mail.example.com",
    "WWW.example.COM",
    "example.com",
    ".example.com",
    ".com",
    ".Example.Org",
    "six.example.com",
)
NAMED_CLIENTS = ("10.1.2.5", "10.1.2.6", "10.1.2.7", "10.1.2.8", "192.168.1.5", "fd00:1::5")

SERVICE = """service s{number}
{{
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    wait = no
    user = root
    port = {port}
    flags = NOLIBWRAP {family}
    server = /bin/true
    banner_success = {folder}/allowed
    banner_fail = {folder}/refused
{lists}
}}
"""

List = tuple[str | None, str | None, bool]  # only_from, no_access, on a dual-stack socket


def write_configuration(folder: Path, lists: list[List]) -> Path:
    (folder / "allowed").write_bytes(ALLOWED)
    (folder / "refused").write_bytes(REFUSED)
    text = "defaults\n{\n    cps = 0 0\n}\n"
    for number, (only_from, no_access, dual_stack) in enumerate(lists):
        named = (("only_from", only_from), ("no_access", no_access))
        text += SERVICE.format(
            number=number,
            port=FIRST_PORT + number,
            family="IPv6" if dual_stack else "IPv4",
            folder=folder,
            lists="\n".join(f"    {name} = {value}" for name, value in named if value is not None),
        )
    configuration = folder / "xinetd.conf"
    configuration.write_text(text)
    return configuration


@pytest.fixture
def network() -> Iterator[Namespace]:
    require("xinetd", "ip")
    with Namespace(
        {"hosts": HOSTS, "networks": NETWORKS, "nsswitch.conf": "hosts: files\nnetworks: files\n"}
    ) as network:
        yield network


@contextlib.contextmanager
def xinetd(network: Namespace, folder: Path, lists: list[List]) -> Iterator[None]:
    """The real one, with a service for each of the lists."""
    command = ("xinetd", "-dontfork", "-pidfile", folder / "pid", "-filelog", folder / "log")
    with network.running(*command, "-f", write_configuration(folder, lists)):
        network.wait_for_port("127.0.0.1", FIRST_PORT + len(lists) - 1)
        yield


def random_entry(random: Random, *, named: bool) -> str:
    """One word of a list, of a form that means the same to both."""
    octets = random_address(random, 4).split(".")
    address = ".".join(octets)
    number = int.from_bytes(bytes(map(int, octets)), "big")
    forms = [
        address,
        random_network(random, 4),
        f"{address}/{random.randint(0, 32)}",
        ".".join([*octets[: random.randint(1, 3)], f"{{{octets[2]},{octets[3]},0}}"]),
        str(number),
        f"{octets[0]}.{number & 0xFFFFFF}",
        f"{octets[0]}.{octets[1]}.{number & 0xFFFF}",
        ".".join(hex(int(octet)) for octet in octets),
        ".".join("0" + oct(int(octet))[2:] for octet in octets),
        "0.0.0.0",
        random_network(random, 6),
        random_address(random, 6),
        "::/0",
        f"::ffff:{address}",
        f"::ffff:{address}/{random.randint(96, 127)}",
    ]
    return random.choice(NAMES) if named and random.random() < 0.2 else random.choice(forms)


def random_list(random: Random, option: str, *, named: bool) -> str | None:
    """None if the option is not given. Entries with a caveat are errors in --no-access: see below."""
    if random.random() < 0.3:
        return None
    words = [random_entry(random, named=named) for _ in range(random.randint(1, 5))]
    return " ".join(word for word in words if option == "only_from" or not parse_entry(word).caveat) or None


def random_service(random: Random) -> List:
    # xinetd asks for the name of ::ffff:10.1.2.5, which has none: names only where no client is mapped.
    dual_stack = random.random() < 0.5
    only_from = random_list(random, "only_from", named=not dual_stack)
    return only_from, random_list(random, "no_access", named=not dual_stack), dual_stack


def clients_of(random: Random, lists: List, count: int) -> list[str]:
    """Clients around everything that the lists cover, and some others."""
    words = " ".join(filter(None, lists[:2])).split()
    clients = {random_address(random, family) for family in (4, 4, 6)} | set(NAMED_CLIENTS)
    for word in words:
        for network in parse_entry(word).networks:
            block = ip_network(cidr(network))
            inside = str(block[random.randrange(block.num_addresses)])
            clients |= {unmapped(address) for address in (*around(str(block)), inside)}
    possible = sorted(client for client in clients if is_possible(client) and (lists[2] or ":" not in client))
    random.shuffle(possible)
    return possible[:count]


def unmapped(address: str) -> str:
    block = ip_network(address)
    mapped = getattr(block[0], "ipv4_mapped", None)
    return str(mapped) if mapped else address


def our_verdicts(services: list[List], pairs: list[tuple[int, str]]) -> list[bytes]:
    return [our_verdict(services[number], client) for number, client in pairs]


def our_verdict(lists: List, client: str) -> bytes:
    only_from, no_access, dual_stack = lists
    peer = peer_at(client, dual_stack=dual_stack)
    peer.names = Resolver(10)
    verdict = XinetdAccess(only_from or "", no_access or "").decide(peer)
    return REFUSED if verdict.outcome == DENY else ALLOWED


def target(number: int, client: str) -> tuple[str, str, int]:
    return client, "::1" if ":" in client else "127.0.0.1", FIRST_PORT + number


def test_every_list_and_client_has_xinetds_verdict(network: Namespace, tmp_path: Path) -> None:
    random = seeded()
    compared = 0
    while compared < amount(600, 24000):
        services = [random_service(random) for _ in range(SERVICES_AT_ONCE)]
        pairs = [
            (number, client)
            for number, lists in enumerate(services)
            for client in clients_of(random, lists, amount(3, 40))
        ]
        with xinetd(network, tmp_path, services):
            theirs = network.run(partial(ask, [target(*pair) for pair in pairs]))
        ours = network.run(partial(our_verdicts, services, pairs))
        differences = [
            (services[number], client, mine, other)
            for (number, client), mine, other in zip(pairs, ours, theirs, strict=True)
            if mine != other
        ]
        assert differences == []
        assert min(theirs.count(ALLOWED), theirs.count(REFUSED)) > len(pairs) / 10  # or nothing was compared
        compared += len(pairs)


# Where the verdicts differ, and why: sockgate-rules(5), DIFFERENCES. None: an error, which refuses every client.
EXPLAINED: list[tuple[List, str, bytes, bytes | None]] = [
    # It reads digits and skips the rest: more is let in than is written.
    (("10.0.0.0/8x", None, False), "10.2.3.4", ALLOWED, None),
    (("10.0.0.0/0x10", None, False), "172.16.0.1", ALLOWED, None),
    (("10.0.0.0/0.0.0.255", None, False), "172.16.0.1", ALLOWED, None),
    (("192.168/16", None, False), "192.0.77.1", ALLOWED, None),
    (("10.0.0.{1,300}", None, False), "10.0.1.44", ALLOWED, None),
    (("10.1{2}", None, False), "10.2.0.1", ALLOWED, None),
    # It logs and skips what it cannot parse: no client is refused by it.
    ((None, "10.1.2.5/xx", False), "10.1.2.5", ALLOWED, None),
    ((None, "10.1.2.", False), "10.1.2.5", ALLOWED, None),
    (("10.1.2.5 10.1.2.6/xx", None, False), "10.1.2.5", ALLOWED, None),
    # It refuses fewer than are written.
    ((None, "fd00:1::5/128", True), "fd00:1::5", ALLOWED, None),
    ((None, "::", True), "fd00:1::5", ALLOWED, None),
    ((None, "10.1.2.0/255.255.255.0", False), "10.1.2.5", ALLOWED, None),
    ((None, "office", False), "10.1.2.5", ALLOWED, None),
    # It asks for the name of ::ffff:10.1.2.5, which has none, and looks for a domain's first occurrence.
    ((".example.com", None, True), "10.1.2.5", REFUSED, ALLOWED),
    ((None, ".example.com", True), "10.1.2.5", ALLOWED, REFUSED),
    ((".example.com", None, False), "198.51.100.6", REFUSED, ALLOWED),
    ((None, ".example.com", False), "198.51.100.6", ALLOWED, REFUSED),
]


def test_every_difference_is_one_that_the_manual_explains(network: Namespace, tmp_path: Path) -> None:
    services = [lists for lists, *_ in EXPLAINED]
    with xinetd(network, tmp_path, services):
        clients = [target(number, client) for number, (_, client, *_) in enumerate(EXPLAINED)]
        assert network.run(partial(ask, clients)) == [theirs for _, _, theirs, _ in EXPLAINED]
    for lists, client, _, ours in EXPLAINED:
        try:
            verdict = network.run(partial(our_verdict, lists, client))
        except UsageError:
            assert ours is None, lists
        else:
            assert verdict == ours, lists
