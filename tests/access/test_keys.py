"""What a peer is looked up by."""

from sockgate.access.keys import host_suffixes, network_key, network_keys, tcprules_keys, textual_prefixes
from sockgate.core.peer import Peer, pack
from tests.core.clients import client, local_user


def prefixes(peer: Peer) -> list[str]:
    return textual_prefixes(peer.remote_ip or "")


def test_the_order_is_that_of_tcpserver() -> None:
    assert tcprules_keys(client("10.1.2.3", "mail.example.com", "joe"), prefixes) == [
        "joe@10.1.2.3", "joe@=mail.example.com", "10.1.2.3", "=mail.example.com", "10.1.2.", "10.1.", "10.",
        "=.example.com", "=.com", "=", "",
    ]  # fmt: skip


def test_what_is_unknown_is_not_looked_up() -> None:
    assert tcprules_keys(client("10.1.2.3"), prefixes) == ["10.1.2.3", "10.1.2.", "10.1.", "10.", ""]
    assert tcprules_keys(client("10.1.2.3", host="a"), prefixes)[:2] == ["10.1.2.3", "=a"]
    assert tcprules_keys(client("10.1.2.3", info="joe"), prefixes)[:2] == ["joe@10.1.2.3", "10.1.2.3"]


def test_an_empty_info_is_known() -> None:
    assert tcprules_keys(client("10.1.2.3", info=""), prefixes)[:2] == ["@10.1.2.3", "10.1.2.3"]


def test_a_peer_without_an_address_has_only_the_catch_all_key() -> None:
    assert tcprules_keys(local_user(), prefixes) == [""]


def test_a_network_has_one_key_for_each_of_its_addresses() -> None:
    for ip, length, key in (
        ("10.1.2.3", 32, "10.1.2.3"), ("10.1.2.3", 31, "10.1.2.2/31"), ("10.1.2.3", 24, "10.1.2."),
        ("10.1.2.3", 16, "10.1."), ("10.1.2.3", 8, "10."), ("10.129.2.3", 9, "10.128.0.0/9"),
        ("10.1.2.3", 0, "0.0.0.0/0"), ("2001:db8::1", 128, "2001:db8::1"), ("2001:db8::1", 32, "2001:db8::/32"),
        ("2001:db8::1", 24, "2001:d00::/24"), ("2001:db8::1", 0, "::/0"),
    ):  # fmt: skip
        assert network_key(pack(ip), length) == key


def test_the_longest_prefix_comes_first() -> None:
    assert network_keys(pack("10.1.2.3"), {0, 24, 8, 17}) == ["10.1.2.", "10.1.0.0/17", "10.", "0.0.0.0/0"]


def test_suffixes_and_prefixes_are_cut_at_each_dot_and_colon() -> None:
    assert host_suffixes("a.b.c") == [".b.c", ".c"]
    assert host_suffixes("localhost") == []
    assert textual_prefixes("2001:db8::1") == ["2001:db8::", "2001:db8:", "2001:"]
    assert textual_prefixes("") == []
