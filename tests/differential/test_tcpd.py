"""--hosts-access against tcpdmatch, and against xinetd with libwrap where names are looked up."""

import subprocess
from functools import partial
from pathlib import Path
from random import Random

from sockgate.access.hosts_access import HostsAccess
from sockgate.core import DENY, ConfigError
from sockgate.core.host_names import GivenName
from sockgate.core.peer import Peer, pack
from sockgate.resolve.host_lookup import Resolver

from .addresses import peer_at
from .namespace import Namespace, ask, require
from .scale import amount, seeded
from .tables import DAEMON, NAME_PATTERNS, PORT, random_list, random_request, write_tables

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
    assert access in (["granted"], ["denied"], ["delegated"]), output  # the last to the command of a twist
    return access == ["granted"]


def peer_of_tcpdmatch(client: str) -> Peer:
    """All that tcpdmatch takes for known: the client's address."""
    peer = Peer("TCP")
    peer.remote_ip, peer.remote = client, pack(client)
    peer.names = GivenName(peer.remote, None)
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


# Where the two differ, and why: sockgate-rules(5), DIFFERENCES. libwrap lets 10.1.2.5 in, the gate refuses it.
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
            try:
                outcome = write_tables_of(tmp_path, allow, deny).decide(peer_of_tcpdmatch("10.1.2.5")).outcome
            except ConfigError:
                outcome = DENY
            assert outcome == DENY, (allow, deny)
            assert network.run(partial(ask_tcpdmatch, tmp_path, "10.1.2.5")), (allow, deny)


SERVED = ("10.1.2.5", "10.9.9.9", "192.0.2.5", "2001:db8::1", "2001:db8:1::1", "fd00:1::5", "::1")
# Rules that cannot be honoured, or are not written right: the same clients come in as with libwrap.
THE_SAME = (
    # What cannot be reached does not count, and an option of a rule that refuses changes nothing.
    ("smtpd: 10.\n", "ALL: ALL: spawn (/bin/true) &\n"),
    ("smtpd: 10.\n", "ALL: ALL: twist /bin/echo Go away\n"),
    ("smtpd: 10.\n", "ALL: ALL: twist = /bin/true: user root\n"),
    ("smtpd: 10.: spawn (/bin/true): deny\nsmtpd: ALL\n", "ALL: ALL\n"),
    ("ALL: ALL\nALL: 10.: spawn (/bin/true)\nALL: 10.: twist /bin/true\n", "ALL: ALL: spawn true\n"),
    ("ALL: ALL\nALL: 10.0.0\njunk\nALL: /no/such/file\n", "junk\n"),
    ("", "ALL: 10.: aclexec /bin/false\n"),
    ("", "ALL: 10.: linger 5: rfc931 3\n"),
    # A wrong option refuses the clients that its rule reaches, in both tables.
    ("ALL: 10.: bogus\nALL: 192.0.2.5\n", "ALL: ALL\n"),
    ("ALL: 10.: umask 8: allow\n", "ALL: ALL: bogus\n"),
    ("", "ALL: 10.: severity loud: allow\n"),
    ("ALL: 10.: allow: nice 5\n", ""),
    ("ALL: 10.:\nALL: 192.0.2.5: allow:\n", ""),
    ("", "ALL: 10.: allow:\n"),
    # An IPv6 address stands in brackets. Without them the other lines go on working.
    ("ALL: 192.0.2.5\nALL: 2001:db8::/48\n", "ALL: ALL\n"),
    ("ALL: 2001:db8::/48\nALL: 192.0.2.5\nALL: [2001:db8::1]\n", "ALL: ALL\n"),
    ("ALL: ::1\nALL:fd00:1::5\nALL: 192.0.2.5\n", "ALL: ALL\n"),
    ("ALL: 192.0.2.5, fd00:1::5, 10.1.2.5\n", "ALL: ALL\n"),
    ("ALL: 192.0.2.5 2001:db8::1\n", ""),
    ("smtpd@2001:db8::1: ALL\nsmtpd: 10.\n", "ALL: ALL\n"),
    ("ALL: root@2001:db8::1\nsmtpd: 10.\n", "ALL: ALL\n"),
    ("ALL: 10.\n", "ALL: [2001:db8::]/48\nALL: [fd00:1::5]\n"),
    ("ALL: [2001:db8::]/48 10. [::1]\n", "ALL: ALL EXCEPT [fd00:1::5]\n"),
    ("ALL: 2001:db8::1: deny\nALL: 10.\n", "ALL: ALL\n"),
    # Lines that are no rules are passed over.
    ("junk\nALL 10.\nALL: 192.0.2.5\n", "ALL: ALL\n"),
    ("ALL: 192.0.2.5\n", "this is junk\nALL: 10.\n"),
    # What cannot be read of a banner is left out.
    ("ALL: 10.: banners /no/such/folder\nALL: 192.0.2.5: setenv A %z\n", "ALL: ALL\n"),
    # Files of patterns may hold IPv6 addresses without brackets, in their usual form.
    ("ALL: {folder}/list\n", "ALL: ALL\n"),
)


def test_rules_that_cannot_be_honoured_let_in_the_same_clients_as_with_libwrap(tmp_path: Path) -> None:
    require("tcpdmatch", "ip")
    (tmp_path / "list").write_text("10.1.2.5 2001:db8::1\n2001:DB8:1::1 FD00:1::/64\n")
    granted = 0
    with Namespace({"nsswitch.conf": "hosts: files\n"}) as network:
        for allow, deny in THE_SAME:
            access = write_tables_of(tmp_path, allow.format(folder=tmp_path), deny)
            ours = {client: access.decide(peer_of_tcpdmatch(client)).outcome != DENY for client in SERVED}
            theirs = {client: network.run(partial(ask_tcpdmatch, tmp_path, client)) for client in SERVED}
            assert ours == theirs, (allow, deny)
            granted += sum(theirs.values())
    assert len(THE_SAME) < granted < len(THE_SAME) * (len(SERVED) - 1)


def test_a_refusal_by_an_address_without_brackets_holds_for_that_address_alone(tmp_path: Path) -> None:
    """libwrap lets the client in: a deny that never matches is an open door."""
    require("tcpdmatch", "ip")
    with Namespace({"nsswitch.conf": "hosts: files\n"}) as network:
        for deny in ("ALL: 2001:db8::/48\n", "ALL: 192.0.2.7 2001:db8::1\n", "ALL: ALL EXCEPT 10. EXCEPT 10.\n"):
            access = write_tables_of(tmp_path, "", deny)
            ours = {client: access.decide(peer_of_tcpdmatch(client)).outcome != DENY for client in SERVED}
            theirs = {client: network.run(partial(ask_tcpdmatch, tmp_path, client)) for client in SERVED}
            if "EXCEPT" not in deny:
                assert theirs["2001:db8::1"]
                assert not ours.pop("2001:db8::1")
                theirs.pop("2001:db8::1")
            assert ours == theirs, deny


def test_a_failed_look_up_lets_no_client_in_where_libwrap_takes_it_for_an_unknown_name() -> None:
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
