"""--rules against a naive model: for all rules and clients, text and cdb decide as the manual says."""

from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sockgate.access.tcprules_access import RulesAccess
from sockgate.core import ALLOW, DENY
from sockgate.rulefile.compiler import compile_rules
from tests.access.naive_rules import NaivePeer, best_rule
from tests.core.clients import client

OCTETS = st.sampled_from(["1", "2", "12"])
IPV4 = st.tuples(OCTETS, OCTETS, OCTETS, OCTETS).map(".".join)
IPV6 = st.sampled_from(["2001:db8::1", "2001:db8::2", "2001:db8:1::1", "2001:db8:0:8000::1", "::1", "fe80::12"])
HOSTS = st.sampled_from(["a.example.com", "b.a.example.com", "example.com", "com", "b.org"])
INFOS = st.sampled_from(["joe", "", "a@b"])


def network_of(ip: str, length: int) -> str:
    return str(ip_network((ip, min(length, 128 if ":" in ip else 32)), strict=False))


PLACES = st.one_of(
    IPV4,
    st.tuples(IPV4, st.integers(1, 3)).map(lambda pair: ".".join(pair[0].split(".")[: pair[1]]) + "."),
    st.tuples(IPV4, st.integers(0, 32)).map(lambda pair: network_of(*pair)),
    st.tuples(IPV6, st.sampled_from([0, 16, 31, 32, 33, 48, 49, 64, 127, 128])).map(lambda pair: network_of(*pair)),
    IPV6,
    st.sampled_from(["1.1-2.", "1-12.2.1.1", "1.2.1-12.", "2.2.2.0-255", "1.1.1.2-2"]),
    st.sampled_from(["=", "=.com", "=.example.com", "=.a.example.com"]),
    HOSTS.map(lambda host: f"={host}"),
    st.tuples(INFOS, IPV4).map("@".join),
    st.tuples(INFOS, IPV6).map("@".join),
    st.tuples(INFOS, HOSTS).map("@=".join),
)
LINES = st.lists(st.tuples(PLACES, st.sampled_from(["allow", "deny"])).map(":".join), max_size=12)
PEERS = st.builds(NaivePeer, st.one_of(IPV4, IPV6), st.none() | HOSTS, st.none() | INFOS)


@settings(max_examples=150)
@given(lines=LINES, end=st.sampled_from([":allow", ":deny"]), peers=st.lists(PEERS, min_size=1, max_size=10))
def test_text_and_cdb_decide_as_the_manual_says(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str, peers: list[NaivePeer]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    text, cdb = folder / "model", folder / "model.cdb"
    rules = [*lines, end]
    text.write_text("".join(f"{rule}\n" for rule in rules))
    compile_rules(str(text), str(cdb))
    readings = RulesAccess(str(text)), RulesAccess(str(cdb))
    for peer in peers:
        best = best_rule(rules, peer)
        assert best is not None
        for reading in readings:
            verdict = reading.decide(client(peer.ip, peer.host, peer.info))
            expected = (ALLOW if rules[best].endswith("allow") else DENY, f"{text}:{best + 1}")
            assert (verdict.outcome, str(verdict.cause or "")) == expected
