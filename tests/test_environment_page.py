"""sockgate-environment(7) names just the variables that the gate sets, heeds, removes and reads, and the units use."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from sockgate.access import dnsbl, tcprules
from sockgate.connection import Gate, greet_delay, proxy
from sockgate.connection.server import SCRUBBED_NAMES, SCRUBBED_PREFIXES
from sockgate.core.listing import Listing
from sockgate.core.options import parse
from sockgate.core.peer import Peer
from sockgate.dispatch.deciding.decision import UNCOUNTED
from tests.connection.proxy_headers import ssl, tlv, v2
from tests.core.clients import client, local_user
from tests.test_manual import MAN, section

TREE = Path(__file__).parents[1]
PAGE = (MAN / "sockgate-environment.7.scd").read_text()
GATES = ("core", "access", "connection", "dispatch", "resolve", "shim.py")


def described(title: str) -> set[str]:
    """The variables that have an entry of their own, prefixes with a star behind them."""
    lines = re.findall(r"^\*.*", section(PAGE, "#", title), re.MULTILINE)
    return {name.replace("\\", "") for line in lines for name in re.findall(r"\*([A-Z][A-Z0-9_]*(?:\\\*)?)\*", line)}


def set_for(peer: Peer, *options: str) -> set[str]:
    """What the server of this client gets from a gate with these options."""
    gate = Gate(parse([*options, "server"]))
    variables = gate.environment(UNCOUNTED, peer, gate.decide(peer), gate.relays_for(peer))
    return {name.decode() for name in variables}


def everything_set() -> set[str]:
    """By clients of every kind, about whom everything is known."""
    with_a_name = client("2001:db8::1", "host.example.com", "user")
    with_a_name.interface = "eth0"
    over_tls = client("192.0.2.1")
    over_tls.variables = proxy.parse(v2(extensions=tlv(proxy.TLV_AUTHORITY, b"mail.example.com") + ssl(0x07))).variables
    local = local_user()
    local.local_path = "/run/socket"
    listed = client("192.0.2.1")
    listed.listings = {"bl.example": Listing((b"\x7f\0\0\x02",), "because")}
    allowed = client("192.0.2.1")
    allowed.listings = listed.listings | {"wl.example": Listing((b"\x7f\0\0\x02",))}
    lists = ("--dnsbl", "bl.example,BLOCK", "--dnsbl-allow", "wl.example")
    return (
        set_for(with_a_name, "--relay", "2001:db8::1", "--local-name", "mail.example.com", "--ssl-variables")
        | set_for(over_tls)
        | set_for(local)
        | set_for(listed, *lists)
        | set_for(allowed, *lists)
    )


def test_the_page_describes_what_is_set_for_a_server() -> None:
    assert described("SET FOR THE SERVER") == everything_set()


def test_the_page_describes_what_is_taken_from_rules() -> None:
    heeded = {tcprules.MESSAGE, greet_delay.RELAYCLIENT, greet_delay.GREETDELAY, *dnsbl.EXEMPTING}
    assert described("TAKEN FROM RULES") == {name.decode() for name in heeded}


def test_the_page_describes_what_is_removed() -> None:
    names, prefixes = ({name.decode() for name in names} for names in (SCRUBBED_NAMES, SCRUBBED_PREFIXES))
    assert described("REMOVED") == names | {f"{prefix}*" for prefix in prefixes}


def constants_asked_of_an_environment(tree: ast.AST) -> Iterator[str]:
    """NAME in environment.get(NAME), environment[NAME] (unless it is set) and NAME in environment."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            asked, name = node.func.value, node.args[0]
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            asked, name = node.value, node.slice
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In):
            asked, name = node.comparators[0], node.left
        else:
            continue
        if ast.unparse(asked).rpartition(".")[2] in ("environment", "environ") and isinstance(name, ast.Constant):
            assert isinstance(name.value, bytes)
            yield name.value.decode()


def test_the_page_describes_what_the_gate_reads() -> None:
    roots = [TREE / "src/sockgate" / name for name in GATES]
    files = [file for root in roots for file in (root.rglob("*.py") if root.is_dir() else [root])]
    read = {name for file in files for name in constants_asked_of_an_environment(ast.parse(file.read_text()))}
    assert described("READ BY THE GATE") == read


def test_the_page_describes_what_the_units_expand() -> None:
    units = (file.read_text() for file in (TREE / "units").glob("*.service"))
    expanded = {name for text in units for name in re.findall(r"^Exec.*", text, re.MULTILINE)}
    used = {name for line in expanded for name in re.findall(r"\$\{?([A-Z_]+)", line)}
    assert described("IN THE UNITS") == used


def test_all_variables_that_servers_are_said_to_read_are_set() -> None:
    """A variable of the gate's that a reader's paragraph names has an entry above."""
    named = set(re.findall(r"_((?:TCP6?|UNIX|SSL_|RELAY)[A-Z_]+[A-Z])_", section(PAGE, "#", "READERS")))
    assert named <= described("SET FOR THE SERVER")
