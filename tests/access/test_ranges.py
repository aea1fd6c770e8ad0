"""Ranges of octets in rules: the first rule of a key counts, and a range costs as much as an address."""

import resource
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sockgate.access.keys import FirstNumbers, OctetRange
from sockgate.access.tcprules import address_keys
from sockgate.access.tcprules_access import RulesAccess
from sockgate.core import ALLOW, DENY, NO_MATCH
from sockgate.rulefile.reader import dead_entries, read_rules
from tests.core.clients import client

SOURCE = Path(__file__).parents[2] / "src"
RANGES = 15_500  # 300 kB
MEMORY = 64 << 20  # a quarter of LimitAS= in the shipped units

few = st.integers(0, 6)
octets = few.map(str) | st.tuples(few, few).map(sorted).map("{0[0]}-{0[1]}".format)
ADDRESSES = st.one_of(
    st.tuples(octets, st.sampled_from(["1.", "1.2.", "1.2.3"])).map(".".join),
    st.tuples(st.sampled_from(["1", "1.2", "1.2.3"]), octets).map(".".join),
    st.tuples(st.sampled_from(["1", "1.2"]), octets).map(".".join).map("{}.".format),
    st.tuples(st.sampled_from(["1.2"]), octets, st.just("4")).map(".".join),
)


def keys_of(address: str) -> list[str] | OctetRange:
    try:
        return address_keys(address)
    except ValueError:
        return []


@given(st.lists(ADDRESSES, max_size=12), ADDRESSES)
def test_the_first_rule_of_each_key_is_found_as_if_all_keys_were_listed(addresses: list[str], other: str) -> None:
    found = FirstNumbers()
    listed: dict[str, int] = {}
    for number, address in enumerate(addresses, 1):
        keys = keys_of(address)
        assert found.has_all(keys) == all(key in listed for key in keys)
        found.add(number, keys)
        for key in keys:
            listed.setdefault(key, number)
    for key in [*listed, *keys_of(other), "", "=1.2", "j@1.2.3.4", "1.2.0.0/15", "2001:db8::1"]:
        assert found.find(key) == listed.get(key)


def test_a_range_stands_where_its_addresses_would(tmp_path: Path) -> None:
    path = tmp_path / "rules"
    path.write_text("10.0.0.5:allow\n10.0.0.1-9:deny\n10.0-3.:deny\n10.2.:allow\n10.0.0.7:allow\n")
    rules = RulesAccess(str(path))
    for ip, outcome, line in (
        ("10.0.0.5", ALLOW, 1), ("10.0.0.7", DENY, 2), ("10.0.0.1", DENY, 2), ("10.0.0.9", DENY, 2),
        ("10.0.0.10", DENY, 3), ("10.2.0.1", DENY, 3), ("10.4.0.1", NO_MATCH, 0),
    ):  # fmt: skip
        verdict = rules.decide(client(ip))
        assert (verdict.outcome, verdict.cause.line if verdict.cause else 0) == (outcome, line), ip
    assert rules.decide(client("10.0.0.7")).reason == f"{path}:2: 10.0.0.1-9:deny"
    assert [entry.text for entry in dead_entries(str(path))] == ["10.2.:allow", "10.0.0.7:allow"]


def big_text(folder: Path) -> Path:
    path = folder / "rules"
    path.write_text("".join(f"10.{n >> 8}.{n & 255}.0-255:deny\n" for n in range(RANGES)) + ":allow\n")
    return path


def test_a_text_of_300_kilobytes_of_ranges_is_read_within_the_memory_of_the_shipped_units(tmp_path: Path) -> None:
    path = big_text(tmp_path)
    assert path.stat().st_size > 300_000
    code = (
        f"import sys; sys.path[:0] = [{str(SOURCE)!r}]\n"
        "from sockgate.connection import Gate\n"
        "from sockgate.core.options import parse\n"
        "from sockgate.core.peer import internet_peer, pack\n"
        f"gate = Gate(parse(['--rules', {str(path)!r}, 'server']))\n"
        "for ip in ('10.0.0.1', '10.60.139.255', '11.0.0.1'):\n"
        "    print(gate.decide(internet_peer(pack(ip), 1, pack('192.0.2.1'), 25)).outcome)\n"
    )
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))  # noqa: E731
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, preexec_fn=limit)
    assert (done.stdout.split(), done.stderr) == (["deny", "deny", "allow"], "")


def test_what_looks_at_each_rule_of_a_file_does_not_list_the_keys_of_a_range(tmp_path: Path) -> None:
    path = str(big_text(tmp_path))
    assert sum(1 for _ in read_rules(path)) == RANGES + 1
    assert list(dead_entries(path)) == []
