"""Random tables of hosts_access(5), of forms that mean the same to libwrap and to --hosts-access."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from random import Random

from .addresses import is_possible, random_address, random_network

DAEMON, PORT = "smtpd", 25
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

WRONG_OPTIONS = ("bogus", "user no-such-user", "umask 8", "severity loud", "allow : nice", "(/bin/safe_finger) &")
UNHEEDED_OPTIONS = ("spawn /bin/true", "spawn = (/bin/true) &", "linger 5", "rfc931 1")


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


def random_rule(random: Random, folder: Path, table: str) -> str:
    """One rule. Some have a wrong option, which refuses in both tables, or one of which only libwrap takes notice."""
    daemons = random_list(random, [random_daemon(random, folder) for _ in range(6)])
    clients = random_list(random, [random_client(random, folder) for _ in range(6)])
    options = [random.choice(OPTIONS) for _ in range(random.choice((0, 0, 0, 1, 2)))]
    final = {"allow", "deny", "ALLOW"}
    options = [option for option in options[:-1] if option not in final] + options[-1:]
    if random.random() < 0.1:
        options.append(random.choice(WRONG_OPTIONS))
    elif table == "deny" and "allow" not in [option.lower() for option in options[-1:]] and random.random() < 0.2:
        options.insert(0, random.choice(UNHEEDED_OPTIONS))
    rule = " : ".join([daemons, clients, *options])
    return rule.replace(" : ", random.choice((":", " : ", ": \\\n  "))) + "\n"


def write_tables(random: Random, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "list").write_text(" ".join(random.choice(NAME_PATTERNS) for _ in range(3)) + "\n10.1.2.5\n")
    for name in ("allow", "deny"):
        rules = [random_rule(random, folder, name) for _ in range(random.randint(0, 4))]
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


ALLOWED, REFUSED = b"let in\n", b"refused\n"
