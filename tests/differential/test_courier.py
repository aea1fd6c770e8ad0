"""--courier-access and --courier-access-local against the real makedat and couriertcpd.

The same verdict and variables for every client.
"""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from random import Random

import pytest

from sockgate.access.courier_access import CourierAccess
from sockgate.access.courier_local_access import CourierAccessLocal
from sockgate.core import DENY, ConfigError

from .addresses import around, is_possible, peer_at, random_address, random_network
from .namespace import Namespace, ask, require
from .scale import amount, seeded

FIRST_PORT = 21000
FILES_AT_ONCE = 15
MAKEDAT, COURIERTCPD = "/usr/lib/courier/makedat", "/usr/sbin/couriertcpd"
LIMITS = "-nodnslookup", "-maxprocs=500", "-maxperip=500", "-maxperc=500"
REFUSED: dict[str, str] | None = None
ACTIONS = (
    "deny", "deny", "denyed", "deny, go away", "allow", "allow,RELAYCLIENT", "allow,RELAYCLIENT=@x,SIZELIMIT=10000",
    'allow,A="x,y",B=\'"\',C="it\'s"', "allow, A=1 , B= 2 ,", "allow,", "allow,A=\"x y \"z",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A text, and what the two make of it: None where it is refused as a whole."""

    text: str
    ours: CourierAccess | None
    theirs: Path | None


@pytest.fixture
def network() -> Iterator[Namespace]:
    require(COURIERTCPD, MAKEDAT, "ip")
    if subprocess.run(["perl", "-MNet::CIDR", "-e1"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("Net::CIDR is missing: run tests/setup")
    with Namespace() as network:
        yield network


def random_key(random: Random) -> str:
    """One key, of a form that means the same to both."""
    octets = random_address(random, 4).split(".")
    words = ip_address(random_address(random, 6)).exploded.split(":")
    low, high = sorted((random_address(random, 4), random_address(random, 4)), key=ip_address)
    return random.choice((
        ".".join(octets[: random.randint(1, 4)]),
        ".".join(octets),
        random_network(random, 4),
        "/".join((".".join(octets[:2]), str(random.randint(6, 16)))),
        f"{low}-{high}",
        f"10.1.2.{random.randint(0, 99)}-10.1.2.{random.randint(100, 255)}",
        f"{random.randint(1, 9)}-{random.randint(10, 20)}",
        "".join(f":{word}" for word in words[: random.randint(1, 8)]),
        str(ip_network(f"{':'.join(words)}/{random.choice((16, 20, 31, 32, 40, 48, 64, 100, 128))}", strict=False)),
        f"fd00:1::{random.randint(0, 9)}-fd00:1::{random.randint(10, 99)}",
        "*",
    ))  # fmt: skip


def random_local_key(random: Random) -> str:
    """A key that is about the servers of this test, or nearly."""
    port = FIRST_PORT + random.randrange(FILES_AT_ONCE)
    address = random.choice(("127.0.0.1", "127.0.0.2", ":0000:0000:0000:0000:0000:0000:0000:0001", "*"))
    return random.choice((f"{address}.{port}", address, "127", "127.0.0.0/30", ":0000", "::/127"))


def random_text(random: Random, is_local: bool = False) -> str:
    keys = [random_key(random) for _ in range(random.randint(1, 9))]
    keys += [random_local_key(random) for _ in range(random.randint(1, 4) * is_local)]
    lines = [f"{key}\t{random.choice(ACTIONS)}\n" for key in keys]
    if random.random() < 0.3:
        lines.insert(random.randrange(len(lines)), random.choice(("# a comment\n", "\n", "10.3.0.0/16  deny\n")))
    return "".join(lines)


def compile_both(folder: Path, name: str, text: str, reader: type[CourierAccess] = CourierAccess) -> Case:
    source, compiled = folder / name, folder / f"{name}.dat"
    source.write_text(text)
    options = (f"-src={source}", f"-file={compiled}", f"-tmp={folder / name}.tmp", "-cidr")
    failed = subprocess.run([MAKEDAT, *options], stderr=subprocess.DEVNULL).returncode
    try:
        ours = reader(str(source))
    except ConfigError:
        ours = None
    return Case(text, ours, None if failed else compiled)


def clients_of(random: Random, text: str, count: int) -> list[str]:
    clients = {random_address(random, family) for family in (4, 4, 6)}
    for key in (line.split("\t")[0] for line in text.splitlines()):
        for word in key.replace("-", " ").split():
            with contextlib.suppress(ValueError):
                clients |= set(around(as_network(word)))
    possible = sorted(client for client in clients if is_possible(client))
    random.shuffle(possible)
    return possible[:count]


def as_network(word: str) -> str:
    """CIDR of a key, or of one end of a range. Raises ValueError."""
    if word.startswith(":"):
        words = word[1:].split(":")
        return f"{':'.join(words)}{'::' if len(words) < 8 else ''}/{16 * len(words)}"
    address, _, bits = word.partition("/")
    octets = address.split(".") if ":" not in address else []
    return f"{'.'.join(octets + ['0'] * (4 - len(octets)))}/{bits or 8 * len(octets)}" if octets else word


def our_answer(access: CourierAccess, client: str, port: int = FIRST_PORT) -> dict[str, str] | None:
    verdict = access.decide(peer_at(client, "::1" if ":" in client else "127.0.0.1", port))
    if verdict.outcome == DENY:
        return REFUSED
    return {name.decode(): (value or b"").decode() for name, value in verdict.variables.items()}


def their_answer(answer: bytes) -> dict[str, str] | None:
    """What `env` printed: the variables without those of every connection; nothing if it did not run."""
    if not answer:
        return REFUSED
    variables = dict(line.split("=", 1) for line in answer.decode().splitlines())
    return {name: value for name, value in variables.items() if not name.startswith("TCP")}


@pytest.mark.parametrize("reader", [CourierAccess, CourierAccessLocal])
def test_every_text_and_client_has_couriertcpds_verdict_and_variables(
    reader: type[CourierAccess], network: Namespace, tmp_path: Path
) -> None:
    random = seeded()
    is_local = reader is CourierAccessLocal
    compared = refused = 0
    while compared < amount(300 if is_local else 600, 24000):
        texts = [random_text(random, is_local) for _ in range(FILES_AT_ONCE)]
        cases = [compile_both(tmp_path, f"access-{number}", text, reader) for number, text in enumerate(texts)]
        assert [case.text for case in cases if (case.ours is None) != (case.theirs is None)] == []
        with contextlib.ExitStack() as servers:
            for port, case in enumerate(cases, FIRST_PORT):
                servers.enter_context(couriertcpd(network, port, case, is_local))
            for port, case in enumerate(cases, FIRST_PORT):
                clients = clients_of(random, case.text, amount(20, 60)) if case.ours else []
                targets = [(client, "::1" if ":" in client else "127.0.0.1", port) for client in clients]
                theirs = [their_answer(answer) for answer in network.run(partial(ask, targets))]
                ours = [our_answer(case.ours, client, port) for client in clients if case.ours]
                assert list(zip(clients, ours, strict=True)) == list(zip(clients, theirs, strict=True)), case.text
                compared += len(clients)
                refused += theirs.count(REFUSED)
    assert compared / 10 < refused < compared * 9 / 10  # or nothing was compared


@contextlib.contextmanager
def couriertcpd(network: Namespace, port: int, case: Case, is_local: bool = False) -> Iterator[None]:
    if case.theirs is None:
        yield
        return
    access = ["-accesslocal"] * is_local + [f"-access={case.theirs}"]
    with network.running("env", "-i", COURIERTCPD, *LIMITS, *access, str(port), "/usr/bin/env"):
        network.wait_for_port("127.0.0.1", port)
        network.wait_for_port("::1", port)
        yield


# Where the two differ, and why: sockgate-rules(5), DIFFERENCES. An error refuses every client.
LET_IN: dict[str, str] = {}
EXPLAINED = (
    # Without entries it lets every client in.
    ("", LET_IN, ConfigError),
    ("# 10.1.2.5\tdeny\n", LET_IN, ConfigError),
    # A key that no client has is skipped.
    ("10.1.2.5 deny\n", LET_IN, ConfigError),
    ("10.1.2.\tdeny\n", LET_IN, ConfigError),
    ("010.1.2.5\tdeny\n", LET_IN, ConfigError),
    ("10.1.2.5.25\tdeny\n", LET_IN, ConfigError),
    ("::ffff:10.1.2.5\tdeny\n", LET_IN, ConfigError),
    ("::ffff:10.1.2.0/120\tdeny\n", LET_IN, ConfigError),
    # What does not begin with deny is an allow with variables.
    ("10.1.2.5\tDeny\n", {"Deny": ""}, ConfigError),
    ("10.1.2.5\t\tdeny\n", {"deny": ""}, ConfigError),
    ("10.1.2.5\n", {"1": ""}, ConfigError),
    ("10.1.2.5\tRELAYCLIENT\n", {"RELAYCLIENT": ""}, ConfigError),
    ("10.1.2.5\tallowed\n", {"ed": ""}, ConfigError),
    ('10.1.2.5\tallow,A="x,B=1\n', {"A": "x,B=1"}, ConfigError),
    # A line with a single dot ends the file.
    (".\n10.1.2.5\tdeny\n", LET_IN, ConfigError),
    # It sets the variables of the connection last, the gate first.
    ("10.1.2.5\tallow,TCPREMOTEIP=10.9.9.9\n", LET_IN, {"TCPREMOTEIP": "10.9.9.9"}),
)


def test_every_difference_is_one_that_the_manual_explains(network: Namespace, tmp_path: Path) -> None:
    for number, (text, theirs, ours) in enumerate(EXPLAINED):
        case = compile_both(tmp_path, f"explained-{number}", text)
        with couriertcpd(network, FIRST_PORT, case):
            answers = network.run(partial(ask, [("10.1.2.5", "127.0.0.1", FIRST_PORT)]))
        assert their_answer(answers[0]) == theirs, text
        assert (our_answer(case.ours, "10.1.2.5") if case.ours else ConfigError) == ours, text
