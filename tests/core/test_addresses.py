"""Address lists: what each form covers, what is refused and in which words, and a model to agree with."""

import contextlib
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.core import UsageError
from sockgate.core.addresses import NAMED, AddressList, parse_network
from sockgate.core.peer import pack
from tests.core.clients import steps

ANY_FORM = "write addresses, networks such as 192.168.0.0/24, or one of: any link-local localhost multicast"


def covers(text: str, address: str, *, dotted: bool = False) -> str | None:
    return AddressList(text, "--allow", dotted=dotted).find(pack(address))


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        (
            "192.0.2.7",
            ["192.0.2.7", "::ffff:192.0.2.7"],
            ["192.0.2.6", "192.0.2.8", "192.0.2.70", "::192.0.2.7"],
        ),
        ("192.0.2.0/24", ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.9"], ["192.0.1.255", "192.0.3.0"]),
        ("192.0.2.99/24", ["192.0.2.0", "192.0.2.255"], ["192.0.3.99"]),  # host bits are masked
        ("192.0.2.0/31", ["192.0.2.0", "192.0.2.1"], ["192.0.2.2"]),
        ("192.0.2.1/32", ["192.0.2.1"], ["192.0.2.0"]),
        ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"], ["::", "::1"]),
        ("0.0.0.0", ["0.0.0.0"], ["127.0.0.1"]),
        ("128.0.0.0/1", ["128.0.0.0", "255.0.0.0"], ["127.255.255.255", "8000::"]),
        ("2001:db8::1", ["2001:db8::1", "2001:DB8:0::1"], ["2001:db8::", "2001:db8::2", "1.2.3.4"]),
        ("2001:db8::/32", ["2001:db8::", "2001:db8:ffff::1"], ["2001:db7:ffff::", "2001:db9::"]),
        ("::/0", ["::", "ffff::"], ["1.2.3.4", "::ffff:1.2.3.4"]),
        ("::1/128", ["::1"], ["::", "127.0.0.1"]),
        ("::ffff:192.0.2.7", ["192.0.2.7", "::ffff:192.0.2.7"], ["192.0.2.8"]),
        ("::ffff:192.0.2.0/120", ["192.0.2.0", "::ffff:192.0.2.255"], ["192.0.3.0", "::ffff:192.0.3.0"]),
        ("::ffff:0:0/96", ["0.0.0.0", "255.255.255.255"], ["::1"]),
        ("any", ["1.2.3.4", "::1", "fd00::1"], []),
        ("localhost", ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"], ["128.0.0.1", "::2", "126.0.0.1"]),
        ("link-local", ["169.254.1.2", "fe80::1"], ["169.253.1.2", "fe80:0:0:1::1", "fec0::1"]),
        ("multicast", ["224.0.0.1", "239.255.255.255", "ff02::1"], ["240.0.0.1", "fe80::1"]),
    ],
)
def test_an_entry_covers_what_ipaddressallow_would_and_nothing_else(
    entry: str, inside: list[str], outside: list[str]
) -> None:
    for dotted in (False, True):
        assert [covers(entry, address, dotted=dotted) for address in inside] == [entry] * len(inside)
        assert [covers(entry, address, dotted=dotted) for address in outside] == [None] * len(outside)


@pytest.mark.parametrize(
    ("prefix", "inside", "outside"),
    [
        ("192.168.0.", ["192.168.0.0", "192.168.0.255", "::ffff:192.168.0.5"], ["192.168.1.0", "192.168.10.5"]),
        ("192.168.", ["192.168.0.0", "192.168.255.255"], ["192.169.0.0", "192.16.8.0"]),
        ("10.", ["10.0.0.0", "10.255.255.255"], ["100.0.0.1", "11.0.0.0", "a::"]),
        ("0.", ["0.1.2.3"], ["1.0.0.0"]),
    ],
)
def test_a_dotted_prefix_covers_whole_octets(prefix: str, inside: list[str], outside: list[str]) -> None:
    assert [covers(prefix, address, dotted=True) for address in inside] == [prefix] * len(inside)
    assert [covers(prefix, address, dotted=True) for address in outside] == [None] * len(outside)


def test_entries_stand_between_blanks_or_commas_and_the_first_that_covers_is_named() -> None:
    for text in ("10.0.0.1,10.0.0.0/8 any", " 10.0.0.1\t,, 10.0.0.0/8\nany,", "10.0.0.1 10.0.0.0/8,any"):
        assert [covers(text, address) for address in ("10.0.0.1", "10.0.0.2", "::1")] == [
            "10.0.0.1",
            "10.0.0.0/8",
            "any",
        ]


def test_a_peer_without_an_address_is_in_no_list() -> None:
    assert AddressList("any 0.0.0.0/0 ::/0", "--allow").find(b"") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--allow: the list is empty (name at least one address, or leave the option out)"),
        (" , ", "--allow: the list is empty (name at least one address, or leave the option out)"),
        ("192.168.0", "--allow: '192.168.0' is not an IP address (for the network write 192.168.0.0/24)"),
        ("10", "--allow: '10' is not an IP address (for the network write 10.0.0.0/8)"),
        ("300.1", f"--allow: '300.1' is not an IP address ({ANY_FORM})"),
        ("10.1", "--allow: '10.1' is not an IP address (for the network write 10.1.0.0/16)"),
        ("192.168.0.", "--allow: '192.168.0.' is not an IP address (for the network write 192.168.0.0/24)"),
        ("1.2.3.4/33", f"--allow: '1.2.3.4/33' has no valid prefix length (0 to 32) ({ANY_FORM})"),
        ("::/129", f"--allow: '::/129' has no valid prefix length (0 to 128) ({ANY_FORM})"),
        ("1.2.3.4/", f"--allow: '1.2.3.4/' has no valid prefix length (0 to 32) ({ANY_FORM})"),
        ("1.2.3.4/-1", f"--allow: '1.2.3.4/-1' has no valid prefix length (0 to 32) ({ANY_FORM})"),
        ("1.2.3.4/08", f"--allow: '1.2.3.4/08' has no valid prefix length (0 to 32) ({ANY_FORM})"),
        ("1.2.3.4/2_4", f"--allow: '1.2.3.4/2_4' has no valid prefix length (0 to 32) ({ANY_FORM})"),
        ("1.2.3.4/٢", f"--allow: '1.2.3.4/٢' has no valid prefix length (0 to 32) ({ANY_FORM})"),
        ("1.2.3.4/255.0.0.0", f"--allow: '1.2.3.4/255.0.0.0' has no valid prefix length (0 to 32) ({ANY_FORM})"),
        ("1.2.3.4/8/8", f"--allow: '1.2.3.4/8/8' has no valid prefix length (0 to 32) ({ANY_FORM})"),
        ("010.0.0.7", f"--allow: '010.0.0.7' is not an IP address ({ANY_FORM})"),
        ("0x7f.0.0.1", f"--allow: '0x7f.0.0.1' is not an IP address ({ANY_FORM})"),
        ("2130706433", f"--allow: '2130706433' is not an IP address ({ANY_FORM})"),
        ("1.2.3.256", f"--allow: '1.2.3.256' is not an IP address ({ANY_FORM})"),
        ("1.2.3.4.5", f"--allow: '1.2.3.4.5' is not an IP address ({ANY_FORM})"),
        ("fe80::1%eth0", f"--allow: 'fe80::1%eth0' is not an IP address ({ANY_FORM})"),
        ("[::1]", f"--allow: '[::1]' is not an IP address ({ANY_FORM})"),
        ("1.2.3.4:25", f"--allow: '1.2.3.4:25' is not an IP address ({ANY_FORM})"),
        ("example.test", f"--allow: 'example.test' is not an IP address ({ANY_FORM})"),
        ("Localhost", f"--allow: 'Localhost' is not an IP address ({ANY_FORM})"),
        ("any/8", f"--allow: 'any' is not an IP address ({ANY_FORM})"),
        ("1.2.3.4\0", f"--allow: '1.2.3.4\\x00' is not an IP address ({ANY_FORM})"),
        ("::ffff:0:0/95", f"--allow: '::ffff:0:0/95' covers more than the IPv4-mapped addresses ({ANY_FORM})"),
        ("10.0.0.1 bad", f"--allow: 'bad' is not an IP address ({ANY_FORM})"),
    ],
)
def test_what_is_not_understood_is_an_error_that_names_the_entry(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        AddressList(text, "--allow")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "entry", [".", "..", "1..", ".1.", "1.2.3.4.", "01.", "-1.", "1_0.", "a.", "::1.", "fe80.", "1.2./16"]
)
def test_only_one_to_three_octets_make_a_dotted_prefix(entry: str) -> None:
    with pytest.raises(UsageError, match=r"^--relay: '"):
        AddressList(entry, "--relay", dotted=True)
    for text, message in (
        ("::1.", "--relay: '::1.' is not a dotted prefix of one to three octets"),
        ("300.", "--relay: '300.0.0.0' is not an IP address"),
        ("192.168.0", "for the network write 192.168.0. or 192.168.0.0/24"),
    ):
        with pytest.raises(UsageError) as caught:
            AddressList(text, "--relay", dotted=True)
        assert message in str(caught.value)


IPV4, IPV6 = st.integers(0, 2**32 - 1), st.integers(0, 2**128 - 1)
ADDRESSES = st.one_of(
    IPV4.map(ipaddress.IPv4Address),
    IPV6.map(ipaddress.IPv6Address),
    IPV4.map(lambda number: ipaddress.IPv6Address(0xFFFF << 32 | number)),
)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@st.composite
def networks(draw: st.DrawFn) -> tuple[str, Network]:
    """A network as it may be written, with host bits, and what it means: an IPv4-mapped one is IPv4."""
    address = draw(ADDRESSES)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    bits = draw(st.integers(96 if mapped else 0, address.max_prefixlen))
    if mapped:
        return f"{address}/{bits}", ipaddress.ip_network(f"{mapped}/{bits - 96}", strict=False)
    return f"{address}/{bits}", ipaddress.ip_network(f"{address}/{bits}", strict=False)


@st.composite
def near(draw: st.DrawFn, network: Network) -> Address:
    """An address inside the network, at its edges or just beyond, or anywhere."""
    first, last = int(network.network_address), int(network.broadcast_address)
    number = draw(st.one_of(st.integers(first, last), st.sampled_from([first, last, first - 1, last + 1])))
    return type(network.network_address)(number % 2**network.max_prefixlen)


@given(st.data(), st.lists(networks(), min_size=1, max_size=6))
def test_a_list_agrees_with_the_ipaddress_module(data: st.DataObject, entries: list[tuple[str, Network]]) -> None:
    addresses = AddressList(" ".join(text for text, _ in entries), "--allow")
    address = data.draw(st.one_of(ADDRESSES, near(data.draw(st.sampled_from(entries))[1])))
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    expected = [text for text, network in entries if network.version == address.version and address in network]
    assert addresses.find(pack(str(address))) == (expected[0] if expected else None)


@given(st.text(max_size=20) | st.text("0123456789./:abcdef,-", max_size=20), st.booleans())
def test_no_text_does_anything_but_parse_or_be_refused(text: str, dotted: bool) -> None:
    with contextlib.suppress(UsageError):
        AddressList(text, "--relay", dotted=dotted).find(pack("::1"))


def test_the_names_are_those_of_systemd() -> None:
    assert {name: [str(ipaddress.ip_network(network)) for network in networks] for name, networks in NAMED.items()} == {
        "any": ["0.0.0.0/0", "::/0"],
        "localhost": ["127.0.0.0/8", "::1/128"],
        "link-local": ["169.254.0.0/16", "fe80::/64"],
        "multicast": ["224.0.0.0/4", "ff00::/8"],
    }
    assert parse_network("fe80::/64") == (16, 64, 0xFE80 << 48)


def test_a_list_of_thousands_costs_a_client_what_a_short_one_costs() -> None:
    addresses = [str(ipaddress.ip_address((203 << 24) + number)) for number in range(20000)]
    few, many = AddressList(" ".join(addresses[:20]), "--deny"), AddressList(" ".join(addresses), "--deny")
    stranger = pack("192.0.2.1")
    assert steps(lambda: many.find(stranger)) == steps(lambda: few.find(stranger))
    assert many.find(pack(addresses[-1])) == addresses[-1]
    assert len(many.text) < 1100


def test_the_first_of_the_entries_that_cover_an_address_is_named_and_not_the_smallest() -> None:
    text = "10.1.0.0/16 10.0.0.0/8 10.1.2.0/24 any ::1"
    assert covers(text, "10.1.2.3") == "10.1.0.0/16"
    assert covers(text, "10.2.0.0") == "10.0.0.0/8"
    assert covers(text, "::1") == "any"
    # A longer prefix was there first, but not with the network that has this client.
    assert covers("192.168.0.0/24 10.0.0.0/8 10.5.5.0/24", "10.5.5.1") == "10.0.0.0/8"
