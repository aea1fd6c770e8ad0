"""The keys and actions of Courier's access files."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.access.courier_access import EntryError, cidr, parse_action, parse_key

FORMS = "write 192.0.2.1, 192.0.2, 192.0.2.0/24, 192.0.2.1-192.0.2.9, :2001:0db8, 2001:db8::/32 or *"


@pytest.mark.parametrize(
    ("action", "variables"),
    [
        ("allow", {}),
        ("allow,", {}),
        ("allow,RELAYCLIENT", {b"RELAYCLIENT": b""}),
        ("allow,RELAYCLIENT,SIZELIMIT=1000000", {b"RELAYCLIENT": b"", b"SIZELIMIT": b"1000000"}),
        ('allow,A="x,y",B=\'it"s\'', {b"A": b"x,y", b"B": b'it"s'}),
        ("allow, A=1 ,\tB= 2\t", {b"A": b"1", b"B": b" 2"}),
        ('allow,A="x "', {b"A": b"x"}),  # blanks at the end go, even from inside quotes
        ("allow,A=x=y", {b"A": b"x=y"}),
        ("allow,A=1,A=2", {b"A": b"2"}),
        ('allow,"A"=1', {b"A": b"1"}),
        ("allow,A=\xe4", {b"A": b"\xe4"}),
        ("deny", None),
        ("denyed", None),
        ("deny,RELAYCLIENT", None),
    ],
)
def test_an_action_is_deny_or_a_list_of_variables(action: str, variables: dict[bytes, bytes] | None) -> None:
    assert parse_action(action) == variables


@pytest.mark.parametrize(
    ("action", "message"),
    [
        *(
            (action, f"the action {action!r} is neither 'deny' nor 'allow'")
            for action in ("Deny", "DENY", "dny", "RELAYCLIENT", "Allow", "allowed", "allow RELAYCLIENT", "1", "reject")
        ),
        ("allow,,A", "'' is not VAR or VAR=VALUE"),
        ("allow,=x", "'=x' is not VAR or VAR=VALUE"),
        ("allow,1A=x", "'1A=x' is not VAR or VAR=VALUE"),
        ("allow,A B=x", "'A B=x' is not VAR or VAR=VALUE"),
        ("allow,A =x", "'A =x' is not VAR or VAR=VALUE"),
        ("allow,Ä", "'Ä' is not VAR or VAR=VALUE"),
        ('allow,A="x', "'A=\"x' has no closing \""),
        ("allow,A='x\"", "'A=\\'x\"' has no closing '"),
    ],
)
def test_an_action_that_couriertcpd_would_take_for_an_unwanted_allow_is_an_error(action: str, message: str) -> None:
    with pytest.raises(EntryError) as caught:
        parse_action(action)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("key", "networks"),
    [
        ("*", []),
        ("192.0.2.1", ["192.0.2.1/32"]),
        ("192.0.2", ["192.0.2.0/24"]),
        ("192", ["192.0.0.0/8"]),
        ("0", ["0.0.0.0/8"]),
        ("192.0.2.77/24", ["192.0.2.0/24"]),
        ("10/8", ["10.0.0.0/8"]),
        ("192.168/15", ["192.168.0.0/15"]),
        ("0.0.0.0/0", ["0.0.0.0/0"]),
        ("192.0.2.5-192.0.2.8", ["192.0.2.5/32", "192.0.2.6/31", "192.0.2.8/32"]),
        ("10-11", ["10.0.0.0/7"]),
        ("10.1-10.2", ["10.1.0.0/16", "10.2.0.0/16"]),
        ("10.0.0.0-10.0.255.255", ["10.0.0.0/16"]),
        ("0.0.0.0-255.255.255.255", ["0.0.0.0/0"]),
        ("10.0.0.1-10.0.0.1", ["10.0.0.1/32"]),
        (":2001:0db8", ["2001:db8::/32"]),
        (":2001:0db8:0000:0000:0000:0000:0000:0001", ["2001:db8::1/128"]),
        ("2001:db8::/33", ["2001:db8::/33"]),
        ("2001:db8::1-2001:db8::2", ["2001:db8::1/128", "2001:db8::2/128"]),
    ],
)
def test_a_key_stands_for_networks(key: str, networks: list[str]) -> None:
    assert [cidr(network) for network in parse_key(key)] == networks


@pytest.mark.parametrize(
    ("key", "message"),
    [
        *(
            (key, f"no client has the key {key!r}")
            for key in (
                "192.0.2.", "192.0.2.1.25", "*.25", "256", "010.0.0.1", "1.2.3.04", "host.example.com", "2001:db8::1",
                ":2001:DB8", ":2001:db8", ":2001:0db8:", ":", ":g000", "**", "1.2.3.4x", "", "fd00::g/64", "::1::/64",
                "::ffff:10.0.0.1/128", ":0:0:0:0:0:0:0:0:0",
            )
        ),
        ("10.0.0.0/33", "'10.0.0.0/33' has no valid prefix length (0 to 32)"),
        ("10.0.0.0/x", "'10.0.0.0/x' has no valid prefix length (0 to 32)"),
        ("10.0.0.0/08", "'10.0.0.0/08' has no valid prefix length (0 to 32)"),
        ("10.0.0.0/255.0.0.0", "'10.0.0.0/255.0.0.0' has no valid prefix length (0 to 32)"),
        ("2001:db8::/129", "'2001:db8::/129' has no valid prefix length (0 to 128)"),
        ("10.0.0.9-10.0.0.1", "'10.0.0.9-10.0.0.1' is a reversed range"),
        ("10.0.0.1-10.1", "'10.0.0.1-10.1': both ends must be of one kind"),
        ("10.0.0.1-2001:db8::1", "'10.0.0.1-2001:db8::1': both ends must be of one kind"),
    ],
)  # fmt: skip
def test_a_key_that_no_client_has_is_an_error(key: str, message: str) -> None:
    with pytest.raises(EntryError) as caught:
        parse_key(key)
    assert str(caught.value).replace("'::ffff:10.0.0.1/128'", repr(key)) == message


octet = st.integers(0, 255).map(str)
keys = st.one_of(
    st.lists(octet, min_size=1, max_size=4).map(".".join),
    st.builds("{}.{}.{}.{}/{}".format, octet, octet, octet, octet, st.integers(0, 32)),
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)).map(
        lambda ends: f"{ip_address(min(ends))}-{ip_address(max(ends))}"
    ),
    st.builds(
        lambda number, bits: f"{ip_address(number | 1 << 127)}/{bits}", st.integers(0, 2**127 - 1), st.integers(1, 128)
    ),
)


@given(keys)
def test_a_key_covers_exactly_what_it_says(key: str) -> None:
    networks = [ip_network(cidr(network)) for network in parse_key(key)]
    if "-" in key:
        first, last = map(ip_address, key.split("-"))
    else:
        said = ip_network(key, strict=False) if "/" in key else ip_network(padded(key))
        first, last = said[0], said[-1]
    assert (networks[0][0], networks[-1][-1]) == (first, last)
    assert sum(network.num_addresses for network in networks) == int(last) - int(first) + 1


def padded(key: str) -> str:
    octets = key.split(".")
    return ".".join(octets + ["0"] * (4 - len(octets))) + f"/{8 * len(octets)}"
