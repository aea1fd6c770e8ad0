"""--hosts-access against the real libwrap and tcpdmatch: the same verdict, variables, severity and umask."""

import ctypes.util
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from random import Random

import pytest

from sockgate.core.access import DENY
from sockgate.core.errors import ConfigError
from sockgate.core.hosts_access import HostsAccess
from sockgate.core.names import CONFIRMED, NONE, UNCONFIRMED, GivenName, HostName
from sockgate.core.peer import Peer, pack
from sockgate.resolve import Resolver

from .addresses import is_possible, peer_at, random_address, random_network
from .libwrap import USUAL_UMASK
from .namespace import Namespace, ask, require
from .scale import amount, seeded

DAEMON, PORT = "smtpd", 25
TABLES_AT_ONCE = 10
CLIENT_NAMES = ("unknown", "paranoid", "localhost", "mail", "mail.example.com", "www.example.com", "10.example.org")
SERVER_NAMES = ("unknown", "mx.example.net", "localhost")
USERS = ("unknown", "root", "nobody")
VARIABLES = ("A", "B")
DAEMONS = ("smtpd", "SMTPD", "ALL", "smtp*", "s?tpd", ".tpd", "smt.", "25", "26", "KNOWN", "sshd", "in.smtpd", "smtpd2")
NAME_PATTERNS = (
    "ALL", "KNOWN", "UNKNOWN", "PARANOID", "LOCAL", "all", ".example.com", ".COM", "mail.example.com", "mail", "mail.",
    "localhost", "*.example.*", "*", "m??l*", "mail*", "?*", "**", "10.*", "*.5", ".5", "*mail", "x*", "*.*.*.*",
)  # fmt: skip
OPTIONS = (
    "allow", "deny", "nice", "nice 5", "nice = -3", "keepalive", "setenv A x", "setenv A", "setenv B  a %a  %d %% b ",
    "setenv A %n/%N/%u/%r/%R/%A", "setenv B = x\\:y", "severity mail.debug", "severity = LOCAL3.Alert",
    "severity err", "umask 077", "umask=7", "ALLOW",
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """One connection; the names of its fields are those of libwrap.py."""

    folder: str
    client: str
    client_name: str
    server: str
    server_name: str
    user: str
    daemon: str = DAEMON
    port: str = str(PORT)
    variables: tuple[str, ...] = VARIABLES


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


def random_pattern(random: Random, folder: Path) -> str:
    """One word that a host is compared with, of a form that means the same to both."""
    octets = random_address(random, 4).split(".")
    network = ip_network(random_network(random, 4))
    return random.choice((
        random.choice(NAME_PATTERNS), random.choice(NAME_PATTERNS), random.choice(NAME_PATTERNS),
        ".".join(octets), ".".join(octets[: random.randint(1, 3)]) + ".",
        network.with_netmask if network.prefixlen < 32 else str(network),
        str(network), f"10.0.2.0/255.0.255.{random.choice((0, 128))}", "0.0.0.0/0.0.0.0",
        f"[{random_address(random, 6)}]", f"[{random_network(random, 6).replace('/', ']/')}", "[::]/0",
        f"[fd00:1::5]/{random.randint(0, 128)}", f"{folder}/list",
    ))  # fmt: skip


def random_list(random: Random, words: Sequence[str]) -> str:
    """Some of the words, now and then with exceptions."""
    chosen = [random.choice(words) for _ in range(random.randint(1, 3))]
    text = random.choice((" ", ", ", ",")).join(chosen)
    return f"{text} EXCEPT {random_list(random, words)}" if random.random() < 0.25 else text


def random_daemon(random: Random, folder: Path) -> str:
    daemon = random.choice(DAEMONS)
    return f"{daemon}@{random_pattern(random, folder)}" if random.random() < 0.15 else daemon


def random_client(random: Random, folder: Path) -> str:
    user = random.choice(("root@", "ALL@", "KNOWN@", "UNKNOWN@", "r*@")) if random.random() < 0.15 else ""
    return user + random_pattern(random, folder)


def random_rule(random: Random, folder: Path) -> str:
    daemons = random_list(random, [random_daemon(random, folder) for _ in range(6)])
    clients = random_list(random, [random_client(random, folder) for _ in range(6)])
    options = [random.choice(OPTIONS) for _ in range(random.choice((0, 0, 0, 1, 2)))]
    final = {"allow", "deny", "ALLOW"}
    options = [option for option in options[:-1] if option not in final] + options[-1:]
    rule = " : ".join([daemons, clients, *options])
    return rule.replace(" : ", random.choice((":", " : ", ": \\\n  "))) + "\n"


def write_tables(random: Random, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "list").write_text(" ".join(random.choice(NAME_PATTERNS) for _ in range(3)) + "\n10.1.2.5\n")
    for name in ("allow", "deny"):
        rules = [random_rule(random, folder) for _ in range(random.randint(0, 4))]
        rules.insert(0, random.choice(("", "# a comment\n", "\n", " \t\n")))
        (folder / f"hosts.{name}").write_text("".join(rules))
    if random.random() < 0.1:
        (folder / "hosts.deny").unlink()


def random_request(random: Random, folder: Path) -> Request:
    family = random.choice((4, 4, 6))
    client, server = (random_address(random, family) for _ in range(2))
    if not is_possible(client) or client == server:  # each has a name of its own
        client, server = "10.1.2.5", "10.1.2.9"
    user = random.choice(USERS)
    return Request(str(folder), client, random.choice(CLIENT_NAMES), server, random.choice(SERVER_NAMES), user)


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


HOSTS = """
127.0.0.1 localhost
10.1.2.5 mail.example.com mail
10.1.2.6 short
10.1.2.7 www.example.com
10.1.2.9 here.example.net
fd00:1::5 six.example.com
::1 there.example.net
"""
NETGROUPS = """
mailers (mail.example.com,,) (six.example.com,-,)
all (,,)
"""
CLIENTS = ("127.0.0.1", "10.1.2.5", "10.1.2.6", "10.1.2.7", "10.1.2.8", "192.168.1.5", "fd00:1::5", "fd00:1::6")
WORDS = (
    *NAME_PATTERNS, "@mailers", "@all", "@nobody", "10.1.2.", "10.1.2.4/30", "[fd00:1::5]", "[fd00:1::]/64",
    "here.example.net", "www.example.com",
)  # fmt: skip
ALLOWED, REFUSED = b"let in\n", b"refused\n"
XINETD = """
service {daemon}
{{
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    wait = no
    user = root
    port = {port}
    flags = IPv6
    cps = 0 0
    server = /bin/true
    libwrap = {daemon}
    banner_success = {folder}/let-in
    banner_fail = {folder}/refused
}}
"""


def write_tables_of(folder: Path, allow: str, deny: str) -> HostsAccess:
    (folder / "hosts.allow").write_text(allow)
    (folder / "hosts.deny").write_text(deny)
    return HostsAccess(f"{DAEMON},{folder}", ident=False)


def random_table(random: Random) -> str:
    rules = [f"{DAEMON}: {random_list(random, WORDS)}\n" for _ in range(random.randint(0, 3))]
    if random.random() < 0.5:
        rules.append(f"smtpd@{random.choice(WORDS)}: {random_list(random, WORDS)}\n")
    return "".join(rules)


def target(client: str) -> tuple[str, str, int]:
    return client, "::1" if ":" in client else "10.1.2.9", PORT


def our_verdict(access: HostsAccess, client: str) -> bool:
    """With real look-ups, so to be run inside."""
    peer = peer_at(client, target(client)[1], PORT, dual_stack=True)
    peer.names = Resolver(10)
    return access.decide(peer).outcome != DENY


def compare_with_xinetd(allow: str, deny: str) -> tuple[dict[str, bool], dict[str, bool]]:
    """Whom the two let in by these tables. Runs inside."""
    access = write_tables_of(Path("/etc"), allow, deny)
    theirs = [answer == ALLOWED for answer in ask([target(client) for client in CLIENTS])]
    return {client: our_verdict(access, client) for client in CLIENTS}, dict(zip(CLIENTS, theirs, strict=True))


def test_rules_by_name_have_the_verdict_that_xinetd_gets_from_libwrap(tmp_path: Path) -> None:
    """Both sides look up names and netgroups, of both ends of real connections."""
    require("xinetd", "ip")
    (tmp_path / "let-in").write_bytes(ALLOWED)
    (tmp_path / "refused").write_bytes(REFUSED)
    (tmp_path / "xinetd.conf").write_text(XINETD.format(daemon=DAEMON, port=PORT, folder=tmp_path))
    options = ("-dontfork", "-f", tmp_path / "xinetd.conf", "-pidfile", tmp_path / "pid", "-filelog", tmp_path / "log")
    etc = {"hosts": HOSTS, "netgroup": NETGROUPS, "nsswitch.conf": "hosts: files\nnetgroup: files\n"}
    random = seeded()
    verdicts: list[bool] = []
    with Namespace(etc) as network, network.running("xinetd", *options):
        network.wait_for_port("::1", PORT)
        for _ in range(amount(40, 2500)):
            allow, deny = random_table(random), random_table(random)
            ours, theirs = network.run(partial(compare_with_xinetd, allow, deny))
            assert ours == theirs, (allow, deny)
            verdicts += theirs.values()
    assert len(verdicts) / 10 < verdicts.count(True) < len(verdicts) * 9 / 10  # or nothing was compared


def ask_tcpdmatch(folder: Path, client: str) -> bool:
    output = subprocess.run(["tcpdmatch", "-d", DAEMON, client], cwd=folder, capture_output=True, text=True).stdout
    access = [line.split()[1] for line in output.splitlines() if line.startswith("access:")]
    assert access in (["granted"], ["denied"]), output
    return access == ["granted"]


def peer_of_tcpdmatch(client: str) -> Peer:
    """All that tcpdmatch takes for known: the client's address."""
    peer = Peer("TCP")
    peer.remote_ip, peer.remote = client, pack(client)
    peer.names = GivenName(None)
    return peer


def test_every_table_and_client_has_tcpdmatchs_verdict(tmp_path: Path) -> None:
    require("tcpdmatch", "ip")
    random = seeded()
    verdicts: list[bool] = []
    with Namespace({"nsswitch.conf": "hosts: files\n"}) as network:
        for number in range(amount(30, 2000)):
            folder = tmp_path / f"tables-{number}"
            write_tables(random, folder)
            access = HostsAccess(f"{DAEMON},{folder}", ident=True)
            for client in {random_request(random, folder).client for _ in range(10)}:
                theirs = network.run(partial(ask_tcpdmatch, folder, client))
                assert (access.decide(peer_of_tcpdmatch(client)).outcome != DENY) == theirs, (folder, client)
                verdicts.append(theirs)
    assert len(verdicts) / 10 < verdicts.count(True) < len(verdicts) * 9 / 10  # or nothing was compared


# Where the two differ, and why: sockgate-rules(5), DIFFERENCES. libwrap lets 10.1.2.5 in, an error refuses everybody.
EXPLAINED = (
    # It logs and skips a rule that it cannot parse.
    ("", "ALL 10.1.2.5\n"),
    # It skips in silence what no client can match.
    ("", "ALL: 10.1.2\n"),
    ("", "ALL: 10.1.2.5/255.255.255.0\n"),
    ("", "ALL: 10.1.2.5/255.255.255.255\n"),
    ("", "ALL: 10.0.0.0/0\n"),
    ("", "ALL: 10.1.2.0/x24\n"),
    ("", "ALL: /no/such/file\n"),
    ("", "ALL:\n"),
    ("", ": ALL\n"),
    # It lets in more than is written.
    ("ALL: a # but not ALL\n", "ALL: ALL\n"),
    ("ALL: 10.1.2.0/24x\n", "ALL: ALL\n"),
    ("ALL: ALL EXCEPT\n", "ALL: ALL\n"),
    # It goes on without what it could not read to the end.
    ("ALL: ALL", ""),
    # What cannot be honoured here.
    ("ALL: ALL: spawn true\n", ""),
    ("ALL: ALL: user root\n", ""),
    ("ALL: ALL: linger 5: allow\n", "ALL: ALL\n"),
    ("ALL: UNKNOWN@ALL\n", "ALL: ALL\n"),
)


def test_every_difference_is_one_that_the_manual_explains(tmp_path: Path) -> None:
    require("tcpdmatch", "ip")
    with Namespace({"nsswitch.conf": "hosts: files\n"}) as network:
        for allow, deny in EXPLAINED:
            with pytest.raises(ConfigError):
                write_tables_of(tmp_path, allow, deny)
            assert network.run(partial(ask_tcpdmatch, tmp_path, "10.1.2.5")), (allow, deny)


def test_a_failed_look_up_lets_nobody_in_where_libwrap_takes_it_for_an_unknown_name() -> None:
    require("ip")
    cases = (
        ("", "ALL: .example.com\n"),
        ("ALL: UNKNOWN\n", "ALL: ALL\n"),
        ("ALL: ALL EXCEPT .example.com\n", "ALL: ALL\n"),
    )
    with Namespace({"nsswitch.conf": "hosts: dns\n", "resolv.conf": "nameserver 127.0.0.1\n"}) as network:
        for allow, deny in cases:
            access = network.run(partial(write_tables_of, Path("/etc"), allow, deny))
            assert not network.run(partial(our_verdict, access, "10.1.2.5")), (allow, deny)
