"""`sockgatectl check --network`: DNS lists that are no longer run."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.differential.namespace import Namespace, require
from tests.resolve.nameserver import NXDOMAIN, SERVFAIL, SILENT, Zone, listed, serving
from tests.units.tree import write_tree

from .good_units import GOOD, TEMPLATE, TEMPLATE_UNIT, check, edit

ZONE: Zone = (
    listed("127.0.0.2", "good", "127.0.0.2") | listed("127.0.0.2", "allowing", "127.0.1.1")
    | {("*.everybody", "A"): [("*.everybody", "A", b"\x7f\0\0\2")]}
    | {("*.parked", "A"): [("*.parked", "A", b"\xc6\x33\x64\1")]}
    | {("*.broken", "A"): SERVFAIL, ("*.silent", "A"): SILENT, ("*.gone", "A"): NXDOMAIN}
)  # fmt: skip
OPTIONS = "--timeout 0.3 --dnsbl-allow allowing --dnsbl " + " --dnsbl ".join((
    "good", "good,BLOCK", "everybody", "parked", "broken", "silent", "gone"
))  # fmt: skip


@pytest.fixture(scope="module")
def network() -> Iterator[Namespace]:
    require("ip")
    with Namespace({"resolv.conf": "nameserver 127.0.0.1\n"}) as network, serving(network, ZONE):
        yield network


def test_a_list_that_is_no_longer_run_is_found(network: Namespace, tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {TEMPLATE: edit(TEMPLATE_UNIT, "--allow localhost", OPTIONS)})
    code, findings = network.run(partial(check, tmp_path, "--systemd", "252", "--network"))
    assert (code, findings) == (1, [
        f"{TEMPLATE}:5: warning: {message} (ask its owner, or remove --dnsbl {zone})"
        for zone, message in (
            ("everybody", "the DNS list 'everybody' lists every client: it has 127.0.0.1, which a working list"
             " never has"),
            ("parked", "no answer from the DNS list 'parked': it answers 198.51.100.1, which is no listing"),
            ("broken", "no answer from the DNS list 'broken': SERVFAIL"),
            ("silent", "no answer from the DNS list 'silent': no answer in time"),
            ("gone", "the DNS list 'gone' does not list 127.0.0.2, as every list does"),
        )
    ])  # fmt: skip


def test_without_network_no_list_is_asked(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {TEMPLATE: edit(TEMPLATE_UNIT, "--allow localhost", OPTIONS)})
    assert check(tmp_path, "--systemd", "252") == (0, [])
