"""Clients behind a real haproxy, and behind swaks: who may relay is decided by the client, never by the proxy.

courieresmtpd answers behind smtp.socket, once through sockgate and once through sockgated.
"""

import json
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import pytest

from sockgate.core.peer import endpoint
from tests.connection.proxy_headers import LINE, VALID
from tests.system import certificates, services
from tests.system.machine import Machine

pytestmark = pytest.mark.oldest_and_newest("the gate reads the header, of the oldest haproxy and of the newest")

PROFILE = "more"

PROXY, PROXY6 = "10.9.9.9", "fd00:9::9"  # where haproxy's own connections come from
FRONT = {4: services.INSIDE, 6: "fd00:1::1"}
INSIDER = {4: "192.168.0.5", 6: "fd00:1::5"}
OUTSIDER = {4: "10.1.1.1", 6: "fd00:2::1"}
NETWORKS = {4: "192.168.0.0/24", 6: "fd00:1::/64"}
STRANGER, MEMBER = "user@foreign.example", f"alice@{services.LOCAL_DOMAIN}"
RELAYED, NOT_RELAYED = [250, 250], [513, 250]

# Each way to speak to the server: its port, and what follows `server NAME ` in haproxy's configuration.
WAYS = {
    "send-proxy": (2501, f"127.0.0.1:25 source {PROXY} send-proxy check inter 200ms"),
    "send-proxy-v2": (2502, f"127.0.0.1:25 source {PROXY} send-proxy-v2 check inter 200ms"),
    "send-proxy-v2 over IPv6": (2503, f"[::1]:25 source [{PROXY6}] send-proxy-v2 proxy-v2-options crc32c"),
}
TLS_WAYS = {
    "send-proxy-v2-ssl": (2511, f"127.0.0.1:25 source {PROXY} send-proxy-v2-ssl"),
    "shown": (2512, f"127.0.0.1:7010 source {PROXY} send-proxy-v2-ssl-cn proxy-v2-options authority,ssl-cipher,crc32c"),
}
TLS = (
    f" ssl crt {certificates.SERVER} ca-file {certificates.AUTHORITY}"
    " verify optional crt-ignore-err all ca-ignore-err all"
)
# The servers that haproxy's health checks have found up, one a line.
SERVERS_UP = """
import socket
with socket.socket(socket.AF_UNIX) as admin:
    admin.connect("/run/haproxy/admin.sock")
    admin.sendall(b"show servers state\\n")
    lines = admin.makefile().read().splitlines()
print(*(fields[1] for line in lines[2:] for fields in [line.split()] if fields[5:6] == ["2"]), sep="\\n")
"""


def haproxy_configuration() -> str:
    lines = [
        "global", "  maxconn 200", "  stats socket /run/haproxy/admin.sock mode 600 level admin",
        "defaults", "  mode tcp", "  timeout connect 5s", "  timeout client 60s", "  timeout server 60s",
    ]  # fmt: skip
    for name, (port, server) in (WAYS | TLS_WAYS).items():
        tls = TLS if name in TLS_WAYS else ""
        lines += [f"listen port-{port}"]
        lines += [f"  bind {address}:{port}{tls}" for address in FRONT.values()]
        lines += [f"  server gated {server}"]
    return "\n".join([*lines, ""])


@pytest.fixture(scope="module")
def proxied(machine: Machine) -> Machine:
    services.add_addresses(machine, PROXY, PROXY6, *FRONT.values(), *INSIDER.values(), *OUTSIDER.values())
    services.courier_accounts(machine)
    machine.systemctl("start", "courier-authdaemon.service")  # whom courieresmtpd asks about local recipients
    services.courier_smtp(machine)
    services.drop_in(machine, "smtp.socket", "[Socket]\nMaxConnectionsPerSource=100\n")  # for systemd, all are haproxy
    certificates.make(machine)
    shown = [
        "--listen",
        "7010",
        "--user",
        "daemon",
        "--server",
        "/usr/bin/env",
        "--options",
        f"--proxy-protocol {PROXY}",
    ]
    machine.run("sockgatectl", "install", "shown", *shown)
    machine.systemctl("start", "shown.socket")
    machine.write("/etc/haproxy/haproxy.cfg", haproxy_configuration())
    machine.systemctl("start", "haproxy.service")
    return machine


@pytest.fixture(scope="module", params=services.ENGINES)
def gate(proxied: Machine, request: pytest.FixtureRequest) -> Iterator[Machine]:
    options = f'--proxy-protocol "{PROXY} {PROXY6}" --timeout 20 --relay "{" ".join(NETWORKS.values())}"'
    services.set_options(proxied, "smtp", options, "/usr/sbin/courieresmtpd")
    services.switch(proxied, request.param, "smtp")
    proxied.systemctl("start", "smtp.socket")
    proxied.wait_for(lambda: servers_up(proxied) == len(WAYS | TLS_WAYS), "haproxy to find its servers up")
    yield proxied
    proxied.systemctl("stop", "smtp.socket", "smtp.service")


def servers_up(machine: Machine) -> int:
    return len(machine.python(SERVERS_UP).stdout.split())


def records_of(machine: Machine, address: str) -> list[str]:
    programs = "-t", "sockgate", "-t", "sockgated"
    return [record["MESSAGE"] for record in machine.journal(*programs, f"SOCKGATE_REMOTE_ADDR={address}", count=0)]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("way", WAYS)
def test_relay_rules_follow_the_client_behind_haproxy(gate: Machine, way: str, family: int) -> None:
    port = WAYS[way][0]
    clients = [(source[family], FRONT[family], port) for source in (INSIDER, OUTSIDER)]
    inside, outside = services.converse(gate, clients, [STRANGER, MEMBER])
    assert inside == [220, 250, 250, *RELAYED, 221]
    assert outside == [220, 250, 250, *NOT_RELAYED, 221]
    relay = f": relay ({NETWORKS[family]})"

    def accepted(source: str) -> list[str]:
        messages = records_of(gate, source)
        return [message for message in messages if "accepted" in message and f":{port} via" in message]

    for source in (INSIDER[family], OUTSIDER[family]):
        gate.wait_for(lambda source=source: bool(accepted(source)), f"the record of {source}")  # type: ignore[misc]
    assert all(relay in message for message in accepted(INSIDER[family]))
    assert not any(relay in message for message in accepted(OUTSIDER[family]))


def is_recorded(gate: Machine, address: str, text: str) -> bool:
    return any(text in record for record in records_of(gate, address))


@pytest.mark.parametrize("family", [4, 6])
def test_relay_rules_follow_the_client_whose_tls_ends_at_haproxy(gate: Machine, family: int) -> None:
    say = [
        "EHLO client.example.test",
        "MAIL FROM:<sender@example.test>",
        f"RCPT TO:<{STRANGER}>",
        f"RCPT TO:<{MEMBER}>",
        "QUIT",
    ]
    for source, codes in ((INSIDER, RELAYED), (OUTSIDER, NOT_RELAYED)):
        session = tls(gate, source[family], FRONT[family], TLS_WAYS["send-proxy-v2-ssl"][0], say=say)
        assert [int(reply[:3]) for reply in session["replies"]] == [220, 250, 250, *codes, 221]


def tls(
    machine: Machine,
    source: str,
    destination: str,
    port: int,
    *,
    certificate: str | None = None,
    say: tuple[str, ...] | list[str] = (),
) -> dict[str, list[str]]:
    """One session of a client that verifies the server's certificate."""
    wish = {
        "source": source, "destination": destination, "port": port, "ca": certificates.AUTHORITY,
        "name": certificates.NAME, "certificate": certificate, "say": say,
    }  # fmt: skip
    session: dict[str, list[str]] = json.loads(services.client(machine, "tls", json.dumps(wish)))
    assert "error" not in session, session
    return session


CERTIFIED = {"SSL_CLIENT_S_DN_CN": "client.example.test", "SSL_PEER_CERT_CN": "client.example.test"}


@pytest.mark.parametrize(
    ("certificate", "of_it"), [(None, {}), (certificates.CLIENT, CERTIFIED), (certificates.SELF_SIGNED, {})]
)
def test_what_haproxy_says_of_the_tls_session_reaches_the_server(
    proxied: Machine, certificate: str | None, of_it: dict[str, str]
) -> None:
    session = tls(proxied, OUTSIDER[4], FRONT[4], TLS_WAYS["shown"][0], certificate=certificate)
    shown = dict(line.split("=", 1) for line in session["replies"][-1].splitlines())
    assert shown["TCPREMOTEIP"] == OUTSIDER[4]
    assert {name: value for name, value in shown.items() if name.startswith("SSL_")} == of_it | {
        "SSL_PROTOCOL": "TLSv1.3", "SSL_CIPHER": "TLS_AES_256_GCM_SHA384", "SSL_TLS_SNI_SERVERNAME": certificates.NAME,
    }  # fmt: skip


SWAKS = (
    "swaks", "--server", services.INSIDE, "--local-interface", PROXY, "--quit-after", "RCPT",
    "--from", "sender@example.test", "--to", STRANGER,
)  # fmt: skip
FAMILIES = {("1", 4): "TCP4", ("1", 6): "TCP6", ("2", 4): "AF_INET", ("2", 6): "AF_INET6"}


@pytest.mark.parametrize(("version", "family"), FAMILIES)
def test_relay_rules_follow_the_client_that_swaks_conveys(gate: Machine, version: str, family: int) -> None:
    way = ["--proxy-version", version, "--proxy-family", FAMILIES[version, family]]
    if version == "2":
        way += ["--proxy-command", "PROXY", "--proxy-protocol", "STREAM"]
    target = ["--proxy-dest", FRONT[family], "--proxy-dest-port", "25"]
    for source, answer in ((INSIDER, " 250 "), (OUTSIDER, " 513 ")):
        client = ["--proxy-source", source[family], "--proxy-source-port", "4711"]
        lines = gate.run(*SWAKS, *way, *client, *target, check=False).stdout.splitlines()
        (reply,) = [after for line, after in pairwise(lines) if line.startswith(" -> RCPT TO")]
        assert answer in reply
        conveyed = f"accepted {endpoint(source[family], 4711)} on {endpoint(FRONT[family], 25)} via {PROXY}:"
        gate.wait_for(partial(is_recorded, gate, source[family], conveyed), conveyed)


def test_a_header_may_come_one_byte_each_100_ms_and_its_last_one_with_a_command(gate: Machine) -> None:
    headers = [header.hex() for header in VALID[:6]]
    replies = json.loads(services.client(gate, "dribble", PROXY, services.INSIDE, "25", *headers))
    assert [(reply[:4], "\n250 " in reply) for reply in replies] == [("220 ", True)] * len(headers)


def test_a_client_that_is_no_proxy_is_refused_header_or_not(gate: Machine) -> None:
    said = services.client(gate, "dribble", OUTSIDER[4], services.INSIDE, "25", LINE.hex())
    assert json.loads(said) == [""]
    gate.wait_for(lambda: is_recorded(gate, OUTSIDER[4], "not a trusted proxy"), "the record of the client")


def test_the_health_checks_of_haproxy_end_quietly(gate: Machine) -> None:
    gate.wait_for(lambda: servers_up(gate) == len(WAYS | TLS_WAYS), "haproxy to find its servers up")
    assert services.failed_units(gate) == ""


def test_limits_count_the_client_not_the_proxy(proxied: Machine) -> None:
    limits = "--max-connections 50 --max-per-source 2"
    options = f'--proxy-protocol {PROXY} --deny-message "421 too many"'
    text = f"SOCKGATE_OPTIONS={options}\nSOCKGATE_RESIDENT={limits}\nSOCKGATE_SERVER=/usr/sbin/courieresmtpd\n"
    proxied.write("/etc/default/sockgate-smtp", text)
    services.switch(proxied, "sockgated", "smtp")
    proxied.systemctl("stop", "smtp.socket", "smtp.service")
    proxied.systemctl("start", "smtp.socket")
    proxied.wait_for(lambda: servers_up(proxied) == len(WAYS | TLS_WAYS), "haproxy to find its servers up")
    clients = [(INSIDER[4], FRONT[4], 2501)] * 3 + [(OUTSIDER[4], FRONT[4], 2502)] * 3
    lines = json.loads(services.client(proxied, "hold", json.dumps(clients)))
    assert [line[:3] for line in lines] == ["220", "220", "421"] * 2
    proxied.systemctl("stop", "smtp.socket", "smtp.service")
