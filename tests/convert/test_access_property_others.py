"""What becomes of inetd.conf, a run script or Courier's settings never admits an address that was refused before.

Each original is worked out naively, from what the real program was seen to do (tests/system compares with it).
"""

import ipaddress
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sockgate.connection import Gate
from sockgate.convert import programs
from sockgate.convert.result import Conversion
from sockgate.core import DENY, ConfigError
from sockgate.core.options import Settings, parse
from sockgate.host.host import GNU, OPENBSD, Host
from sockgate.units import reader
from sockgate.units.command import parse_commands
from sockgate.units.names import UnitName
from sockgate.units.writer import format_unit
from tests.access.naive_rules import NaivePeer, best_rule
from tests.core.clients import client

HOST = Host(systemd=257, asks_services=False)
POOL = (
    "9.255.255.255", "10.0.0.0", "10.0.0.1", "10.0.0.2", "10.1.2.3", "10.2.0.0", "11.0.0.0", "127.0.0.1", "127.0.0.2",
    "192.168.0.0", "192.168.0.10", "192.168.0.255", "192.168.1.0", "172.16.0.1", "172.18.0.1", "::1", "fd00:1::1",
    "fd00:1::2", "fd00:2::1",
)  # fmt: skip
CLIENT_NAME, INFO = "mail.example.com", "joe"  # of every client, if a rule asks


def gate_of(conversion: Conversion) -> Settings | None:
    """The options of the service's gate, None if it has no gate."""
    unit = format_unit(conversion.units[1])
    assignments, _ = reader.parse(unit, "probe@.service")
    start = next(assignment for assignment in assignments if assignment.key == "ExecStart")
    (command,) = parse_commands(start, UnitName.parse("probe@.service"))
    words = [word.replace("$$", "$") for word in command.words if word != "$SOCKGATE_LIMITS"]
    return parse(words) if command.program.endswith("/sockgate") else None


def admits(options: Settings | None, address: str) -> bool:
    """With what its look-ups find, if it makes them. What it cannot decide it refuses."""
    if options is None:
        return True
    try:
        gate = Gate(options)
        peer = client(address, CLIENT_NAME if "--hostname" in options else None, INFO if "--ident" in options else None)
        return gate.decide(peer).outcome != DENY
    except ConfigError:
        return False


def is_reached(conversion: Conversion, address: str) -> bool:
    """Whether a client of this family, coming from outside or from the address itself, can reach one of the sockets."""
    (service,) = conversion.services
    for listen in service.listens:
        where = listen.address.rpartition(":")[0]
        if where == "":  # a port alone: both families, unless it is for IPv6 only
            if ":" in address or service.ipv6_only == "both":
                return True
        elif (":" in address) == where.startswith("["):
            return True
    return False


RULES = (
    "10.0.0.1", "10.", "10.0.0.", "10.1-2.", "192.168.0.", "192.168.0.1-20", "", "172.16-17.", "127.", "=",
    f"={CLIENT_NAME}", "=.example.com", "=.example.org", f"{INFO}@10.0.0.1", f"{INFO}@={CLIENT_NAME}", "ann@10.0.0.1",
)  # fmt: skip
LOOKUPS = ("", "-H ", "-R ", "-HR ", "-h ", "-p ", "-HRp ")


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(RULES), st.booleans()), max_size=6, unique_by=lambda rule: rule[0]),
    st.sampled_from(LOOKUPS), st.sampled_from(("", "-x", "-Xx", "-x missing", "-Xx missing", "-X")),
    st.sampled_from(("", "env - PATH=/bin ", "envdir e ", "softlimit -m 9 ")), st.sampled_from(("", "rblsmtpd -r z ")),
    st.sampled_from(("tcpserver ", "sslserver -R ", "sslserver ", "sslserver -im ", "sslserver -z ", "sslserver -n ")),
    st.sampled_from(("", "CCAVERIFY= ", "CAFILE=/ca ", "CAFILE=/ca CCAVERIFY= ", "CADIR=/ca CIPHERS=HIGH ")),
)  # fmt: skip
def test_tcpserver(
    rules: list[tuple[str, bool]], lookups: str, access: str, before: str, behind: str, server: str, variables: str
) -> None:
    texts = [f"{address}:{'allow' if allows else 'deny'}" for address, allows in rules]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "rules").write_text("".join(f"{text}\n" for text in texts))
        option = access if "missing" in access or access in ("", "-X") else f"{access} rules"
        line = f"exec {before}env CERTFILE=/c {variables}{server}-l0 {lookups}{option} 0 7 {behind}/bin/cat"
        Path(folder, "run").write_text(f"{line}\n")
        conversion = programs.convert("tcpserver", [folder], HOST)
        if not conversion.units:
            return  # refused: no client gets in
        assert "-n " not in server, "a server that starts TLS itself would get it from stunnel"
        if server.startswith("sslserver") and ("-i" in server or "-z" in server or "CCAVERIFY" in variables):
            assert "verifyChain = yes\n" in conversion.files[0].text, line
        options = gate_of(conversion)
        host = None if "H" in lookups else CLIENT_NAME
        info = None if "R" in lookups or "-R" in server else INFO
        for address in POOL:
            if not is_reached(conversion, address):
                continue
            assert ":" not in address, "tcpserver 0.88 has no IPv6"
            matched = best_rule(texts, NaivePeer(address, host, info)) if "rules" in option else None
            old = access != "-x missing" and (matched is None or texts[matched].endswith(":allow"))
            assert old or not admits(options, address), (address, texts, access)


# Which families each inetd listens on for a wildcard, and for an address of the machine.
FAMILIES = {
    (OPENBSD, "tcp"): "46", (OPENBSD, "tcp4"): "4", (OPENBSD, "tcp6"): "6", (OPENBSD, "tcp46"): "46",
    (GNU, "tcp"): "4", (GNU, "tcp4"): "4", (GNU, "tcp6"): "46", (GNU, "tcp6only"): "6",
}  # fmt: skip
SERVERS = ("/bin/cat cat -x", "/usr/sbin/tcpd /usr/sbin/in.x -y", "/usr/sbin/tcpd in.x")
Line = tuple[tuple[str, str], str, str, bool]
LINES = st.tuples(
    st.sampled_from(sorted(FAMILIES)), st.sampled_from(("", "*:", "127.0.0.1:", "[::1]:", "127.0.0.1,10.0.0.1:")),
    st.sampled_from(SERVERS), st.booleans(),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(LINES)
def test_inetd(line: Line) -> None:
    (inetd, protocol), address, server, wraps = line
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "inetd.conf").write_text(f"{address}26 stream {protocol} nowait root {server}\n")
        machine = replace(HOST, inetd=inetd, wraps=wraps and inetd == OPENBSD)
        conversion = programs.convert("inetd", [f"{folder}/inetd.conf"], machine)
    if not conversion.units:
        return
    families = FAMILIES[inetd, protocol]
    for one in POOL:
        if is_reached(conversion, one) and address in ("", "*:"):
            assert ("6" if ":" in one else "4") in families, line
    for listen in conversion.services[0].listens:
        if address not in ("", "*:"):
            assert listen.address.rpartition(":")[0].strip("[]") in address, line
    options = gate_of(conversion)
    if "tcpd" in server or machine.wraps:
        assert options is not None
        assert options.hosts_access == ("in.x" if "tcpd" in server else "cat")


KEYS = ("10.0.0.1", "10.0.0", "10", "192.168.0", "192.168.0.10", "127.0.0.1", "172.16", ":fd00:0001", "*")


def best_key(keys: dict[str, bool], address: str) -> bool:
    """Courier's one most specific entry; without one every client may come in."""
    packed = ipaddress.ip_address(address)
    words = packed.exploded.split("." if packed.version == 4 else ":")
    for count in range(len(words), 0, -1):
        key = ".".join(words[:count]) if packed.version == 4 else ":" + ":".join(words[:count])
        if key in keys:
            return keys[key]
    return keys.get("*", True)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from(KEYS), st.booleans(), min_size=1, max_size=6),
    st.sampled_from(("imapd", "imapd-ssl", "esmtpd", "esmtpd-msa")), st.sampled_from(("", "0", "127.0.0.1", "::1")),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_couriertcpd(keys: dict[str, bool], name: str, where: str, is_compiled: bool, is_text: bool) -> None:
    prefix = "SSL" if name.endswith("-ssl") else ""
    with tempfile.TemporaryDirectory() as folder:
        text = "".join(f"{key}\t{'allow' if allows else 'deny'}\n" for key, allows in keys.items())
        if is_text:
            Path(folder, "access").write_text(text)
        if is_compiled:
            Path(folder, "access.dat").write_text("")
        variable = "IMAPACCESSFILE" if name.startswith("imapd") else "ACCESSFILE"
        base = f"{variable}={folder}/access\nTCPDOPTS=-nodnslookup\nMAXDAEMONS=9\n"
        Path(folder, name.partition("-")[0]).write_text(base)
        Path(folder, name).write_text(f"{base}{prefix}PORT=7\n{prefix}ADDRESS={where}\n")
        conversion = programs.convert("couriertcpd", [f"{folder}/{name}"], HOST)
        if not conversion.units:
            return
        options = gate_of(conversion)
        for address in POOL:
            if not is_reached(conversion, address):
                continue
            assert where in ("", "0") or (":" in where) == (":" in address)
            # IMAP compiles its rules when it starts; SMTP has none without the compiled file.
            has_rules = is_compiled or name.startswith("imapd")
            old = best_key(keys, address) if has_rules and is_text else not has_rules
            assert old or not admits(options, address), (address, text)
