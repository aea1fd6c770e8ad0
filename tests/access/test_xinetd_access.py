"""--only-from and --no-access: what each form means, what is an error, and who comes in."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.access.xinetd_access import Entry, EntryList, XinetdAccess, parse_entry
from sockgate.core import ALLOW, DENY, NO_MATCH, UsageError
from sockgate.core.host_names import CONFIRMED, HostName
from sockgate.core.peer import MAPPED_PREFIX, Peer, internet_peer, pack
from tests.core.clients import client, local_user, steps

SINGLE = "xinetd reads it as a single address"
NO_CLIENT = "no client (xinetd matches no client by it)"


def mapped_client(ip: str) -> Peer:
    """An IPv4 client on an IPv6 socket."""
    return internet_peer(MAPPED_PREFIX + pack(ip), 4711, MAPPED_PREFIX + pack("127.0.0.1"), 25)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("192.0.2.1", "192.0.2.1/32"),
        # Zero octets at the end mean any.
        ("192.168.1.0", "192.168.1.0/24"),
        ("192.168.0.0", "192.168.0.0/16"),
        ("10.0.0.0", "10.0.0.0/8"),
        ("0.0.0.0", "0.0.0.0/0"),
        ("10.0.0.1", "10.0.0.1/32"),
        # inet_aton(3)
        ("192.168.10", "192.168.0.10/32"),
        ("127.1", "127.0.0.1/32"),
        ("2130706433", "127.0.0.1/32"),
        ("0", "0.0.0.0/0"),
        ("010.0.0.7", "8.0.0.7/32"),
        ("0x7f.0.0.1", "127.0.0.1/32"),
        ("0X7F.1", "127.0.0.1/32"),
        ("10.256", "10.0.1.0/24"),
        # address/bits
        ("192.168.1.77/24", "192.168.1.0/24"),
        ("10.0.0.7/32", "10.0.0.7/32"),
        ("10.0.0.7/0", "0.0.0.0/0"),
        ("0/0", "0.0.0.0/0"),
        ("010.0.0.0/8", "8.0.0.0/8"),
        ("10.0.0.7/33", f"10.0.0.7/32 ({SINGLE})"),
        ("10.0.0.0/255.0.0.0", f"10.0.0.0/32 ({SINGLE})"),
        ("10.0.0.0/128", f"10.0.0.0/32 ({SINGLE})"),
        # Factorised: as long as the octets that are there.
        ("10.1.2.{3,4}", "10.1.2.3/32 10.1.2.4/32"),
        ("10.1.{2,3}", "10.1.2.0/24 10.1.3.0/24"),
        ("10.{1}", "10.1.0.0/16"),
        ("{10,11}", "10.0.0.0/8 11.0.0.0/8"),
        ("127.0.0.{0}", "127.0.0.0/32"),
        # IPv6
        ("2001:db8::1", "2001:db8::1/128"),
        ("2001:db8::77/32", "2001:db8::/32"),
        ("::/0", "::/0"),
        ("::", NO_CLIENT),
        ("2001:db8::1/128", NO_CLIENT),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1/128"),
        # Names
        ("Mail.Example.COM", "the client named mail.example.com"),
        (".Example.com", "clients whose name ends in .example.com"),
        ("3com", "the client named 3com"),
        ("my_host-1", "the client named my_host-1"),
    ],
)
def test_each_form_means_what_xinetd_makes_of_it(text: str, meaning: str) -> None:
    assert parse_entry(text).meaning() == meaning


def test_a_network_of_networks_5_is_its_own_address_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    file = f"{tmp_path}/networks"
    with open(file, "w") as networks:
        networks.write("# a comment\ndefault 0.0.0.0\nOffice 10.1 work bureau # ours\nodd 1.2.3.4.5\nshort\n")
    monkeypatch.setattr("sockgate.access.xinetd_access.NETWORKS_FILE", file)
    only = "xinetd compares with the network's own address alone"
    for name in ("office", "OFFICE", "bureau"):
        assert parse_entry(name).meaning() == f"10.1.0.0/32 ({only})"
    for name in ("default", "odd", "short"):
        assert parse_entry(name).meaning() == f"the client named {name}"
    monkeypatch.setattr("sockgate.access.xinetd_access.NETWORKS_FILE", "/no/such/file")
    assert parse_entry("office").meaning() == "the client named office"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.0.0.1,", "'10.0.0.1,' has a comma in it: separate entries with blanks"),
        ("10.0.0.1,10.0.0.2", "'10.0.0.1,10.0.0.2' has a comma in it: separate entries with blanks"),
        *(
            (f"10.0.0.0/{bits}", f"'10.0.0.0/{bits}' has no valid prefix length (0 to 32)")
            for bits in ("", "x", "8x", "0x8", "-1", "+8", "1000", "24.0.0.0", "255.0.0", "255.0.0.0.0", "255.0.0.x")
        ),
        *(
            (f"fd00::/{bits}", f"'fd00::/{bits}' has no valid prefix length (0 to 128)")
            for bits in ("", "129", "255.0.0.0", "ffff::", "8/8")
        ),
        ("10/8", "'10/8': write all four octets, since xinetd reads 10 as 0.0.0.10"),
        ("192.168/16", "'192.168/16': write all four octets, since xinetd reads 192.168 as 192.0.0.168"),
        ("host/24", "'host' is not an IPv4 address"),
        ("fe80::1%eth0", "'fe80::1%eth0' is not an IPv6 address"),
        ("fd00::g", "'fd00::g' is not an IPv6 address"),
        ("fd00::g/64", "'fd00::g' is not an IPv6 address"),
        *(
            (text, f"{text!r} is not a factorised address such as 10.1.{{2,3}}")
            for text in (
                "10.{1,}", "10.{}", "10.{1", "10.{1}.2", "10..{1}", ".1.{2}", "10.1{2}", "10.1.2.3.{4}", "10.{256}",
                "256.{1}", "10.{x}", "x.{1}", "{1}{2}", "10.{1,2}x", "10.{0x1}",
            )
        ),
        *(
            (text, f"{text!r} is neither an address nor a host name")
            for text in ("256.1.1.1", "08.1.1.1", "1.2.3.4.5", "1.2.3.4.", ".5", ".", "a..b", "a!", "é", "1_0.1", "a.1")
        ),
    ],
)  # fmt: skip
def test_what_xinetd_would_skip_or_read_for_more_is_an_error(text: str, message: str) -> None:
    for option, lists in (("--only-from", (text, "")), ("--no-access", ("", text))):
        with pytest.raises(UsageError) as caught:
            XinetdAccess(*lists)
        assert caught.value.message == f"{option}: {message}"
        assert caught.value.hint == "see sockgate-rules(5) for xinetd's forms of addresses"


@pytest.mark.parametrize("text", ["::", "fd00::1/128", "10.0.0.0/33", "10.0.0.0/255.0.0.0"])
def test_what_refuses_less_than_it_says_is_an_error_in_no_access_alone(text: str) -> None:
    XinetdAccess(text, "")
    with pytest.raises(UsageError, match=r"^--no-access: '.*' would refuse less than it says: xinetd "):
        XinetdAccess("", text)


def test_an_empty_only_from_lets_no_client_in_and_an_empty_no_access_is_an_error() -> None:
    verdict = XinetdAccess(" ", "").decide(client("192.0.2.1"))
    assert (verdict.outcome, str(verdict.cause or "")) == (DENY, "--only-from")
    assert verdict.reason == "--only-from is empty: no client may come in"
    with pytest.raises(UsageError, match=r"^--no-access: the list is empty \(name at least one address"):
        XinetdAccess("10.0.0.1", " ")


@pytest.mark.parametrize(
    ("only_from", "no_access", "address", "outcome", "reason"),
    [
        ("10.0.0.0", "", "10.1.2.3", ALLOW, "in --only-from 10.0.0.0, that is 10.0.0.0/8"),
        ("10.0.0.0", "", "192.0.2.1", DENY, "not in --only-from 10.0.0.0"),
        ("192.168.1.0 10.0.0.0/8", "", "10.1.2.3", ALLOW, "in --only-from 10.0.0.0/8"),
        ("", "10.0.0.0", "10.1.2.3", DENY, "in --no-access 10.0.0.0, that is 10.0.0.0/8"),
        ("", "10.0.0.0", "192.0.2.1", NO_MATCH, ""),
        (
            "10.1.2.3",
            "10.0.0.0",
            "10.1.2.3",
            DENY,
            "in --no-access 10.0.0.0, that is 10.0.0.0/8",
        ),  # both match, however narrow
        ("10.0.0.0", "10.1.2.3", "10.1.2.3", DENY, "in --no-access 10.1.2.3"),
        ("10.0.0.0", "10.1.2.3", "10.1.2.4", ALLOW, "in --only-from 10.0.0.0, that is 10.0.0.0/8"),
        ("10.0.0.0", "10.1.2.3", "192.0.2.1", DENY, "not in --only-from 10.0.0.0"),
        ("0.0.0.0", "", "fd00::1", DENY, "not in --only-from 0.0.0.0"),
        ("::/0", "", "10.1.2.3", DENY, "not in --only-from ::/0"),
        ("::/0", "", "fd00::1", ALLOW, "in --only-from ::/0"),
        ("2001:db8::1/128", "", "2001:db8::1", DENY, "not in --only-from 2001:db8::1/128"),
    ],
)
def test_both_lists_must_let_a_client_in(
    only_from: str, no_access: str, address: str, outcome: str, reason: str
) -> None:
    verdict = XinetdAccess(only_from, no_access).decide(client(address))
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert str(verdict.cause or "") == reason.removeprefix("not ").removeprefix("in ").partition(",")[0]


def test_ipv6_entries_cover_the_ipv4_clients_of_an_ipv6_socket_and_no_others() -> None:
    for text in ("::/0", "::ffff:10.0.0.1", "::ffff:10.0.0.0/104"):
        access = XinetdAccess(text, "")
        assert access.decide(mapped_client("10.0.0.1")).outcome == ALLOW
        assert access.decide(client("10.0.0.1")).outcome == DENY
    assert XinetdAccess("10.0.0.0", "").decide(mapped_client("10.0.0.1")).outcome == ALLOW
    assert XinetdAccess("", "::/0").decide(mapped_client("10.0.0.1")).outcome == DENY


def test_a_client_without_an_address_is_refused_by_either_list() -> None:
    for lists, option in ((("0.0.0.0", ""), "--only-from"), (("", "10.0.0.1"), "--no-access")):
        verdict = XinetdAccess(*lists).decide(local_user())
        assert (verdict.outcome, str(verdict.cause or "")) == (DENY, option)
        assert verdict.reason == f"the client has no address, and {option} is about addresses"


octets = st.integers(0, 255)
forms = st.one_of(
    st.builds("{}.{}.{}.{}".format, octets, octets, octets, octets),
    st.builds("{}.{}.{}.{}/{}".format, octets, octets, octets, octets, st.integers(0, 40)),
    st.builds("{}.{}".format, octets, st.integers(0, 2**24 - 1)),
    st.builds("{:#o}.{:#x}.{}".format, octets, octets, octets).map(lambda text: text.replace("0o", "0")),
    st.builds("{}.{}.{{{},{}}}".format, octets, octets, octets, octets),
    st.builds(lambda number, bits: f"{ip_address(number + 2**127)}/{bits}", st.integers(0, 2**64), st.integers(0, 127)),
)


def networks_of(entry: Entry) -> list[str]:
    return entry.meaning().partition(" (")[0].split()


@given(forms, st.integers(0, 2**32 - 1), st.integers(-1, 1))
def test_an_entry_covers_exactly_what_it_is_said_to_mean(text: str, anywhere: int, beside: int) -> None:
    entry = parse_entry(text)
    networks = [ip_network(network) for network in networks_of(entry)]
    edge = (int(networks[0][0]) + beside) % 2 ** networks[0].max_prefixlen
    for address in (ip_address(anywhere), type(networks[0][0])(edge)):
        found = EntryList("--only-from", [entry]).find(client(str(address)))
        assert (found is entry) == any(address in network for network in networks)


@given(st.lists(forms), st.lists(forms), st.integers(0, 2**32 - 1))
def test_the_verdict_is_that_of_the_two_sentences_of_the_manual(
    only_from: list[str], no_access: list[str], number: int
) -> None:
    no_access = [word for word in no_access if not parse_entry(word).caveat]
    address = ip_address(number)
    only, no = (
        any(address in ip_network(network) for word in words for network in networks_of(parse_entry(word)))
        for words in (only_from, no_access)
    )
    refused = no or not only
    verdict = XinetdAccess(" ".join(only_from) or " ", " ".join(no_access)).decide(client(str(address)))
    assert (verdict.outcome == DENY) == refused


@given(st.text(max_size=40))
def test_every_text_is_read_or_refused_with_one_line(text: str) -> None:
    try:
        XinetdAccess(text, "")
    except UsageError as error:
        message = str(error)
    else:
        message = ""
    assert message.isprintable()


@given(st.lists(forms, min_size=1), st.integers(0, 2**32 - 1))
def test_the_first_entry_that_covers_a_client_is_the_one_that_is_named(words: list[str], number: int) -> None:
    peer = client(str(ip_address(number)))
    entries = [parse_entry(word) for word in words]
    alone = [entry for entry in entries if EntryList("--only-from", [entry]).find(peer)]
    assert EntryList("--only-from", entries).find(peer) is (alone[0] if alone else None)


def test_a_list_of_thousands_costs_a_client_what_a_short_one_costs() -> None:
    addresses = [f"203.0.{high}.{low}" for high in range(1, 81) for low in range(1, 251)]
    stranger = client("192.0.2.1")
    for only_from in (True, False):

        def cost(listed: list[str], only_from: bool = only_from) -> int:
            access = XinetdAccess(" ".join(listed), "") if only_from else XinetdAccess("", " ".join(listed))
            return steps(lambda: access.decide(stranger))

        assert cost(addresses) == cost(addresses[:20])
    assert XinetdAccess("", " ".join(addresses)).decide(client(addresses[-1])).outcome == DENY
    assert len(XinetdAccess(" ".join(addresses), "").decide(stranger).reason) < 1100


def test_names_are_found_among_thousands_as_among_few() -> None:
    names = [f".d{number}.example" for number in range(20000)]
    one = EntryList("--no-access", [parse_entry(name) for name in (*names, "mail.d7.example", ".example")])

    def found(name: str) -> str | None:
        entry = one.find_name(HostName(CONFIRMED, name))
        return entry.text if entry else None

    assert found("mail.d7.example") == ".d7.example"
    assert found("d7.example") == ".example"
    assert found("d20000.example") == ".example"
    assert found("example") is None
    assert found("") is None
