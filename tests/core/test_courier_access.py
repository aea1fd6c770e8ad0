"""--courier-access: what an entry says, which one decides, and what is an error."""

import os
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.core.access import ALLOW, DENY, NO_MATCH
from sockgate.core.courier_access import CourierAccess, EntryError, cidr, parse_action, parse_key
from sockgate.core.errors import ConfigError

from .clients import client, local_user

FORMS = "write 192.0.2.1, 192.0.2, 192.0.2.0/24, 192.0.2.1-192.0.2.9, :2001:0db8, 2001:db8::/32 or *"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "smtpaccess"


def read(file: Path, text: str | bytes) -> CourierAccess:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return CourierAccess(str(file))


def error_of(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        CourierAccess(str(path))
    return str(caught.value)


TEXT = """# who may send mail

*\tdeny
10\tallow,RELAYCLIENT
10.1.2\tdeny, not you
10.1.2.3\tallow
192.168.0.0/22\tallow,RELAYCLIENT=@here,SIZE=1
192.0.2.5-192.0.2.9  allow
:2001:0db8\tallow
2001:db8:1::/48\tdeny
"""


@pytest.mark.parametrize(
    ("address", "outcome", "line", "variables"),
    [
        ("10.9.9.9", ALLOW, 4, {b"RELAYCLIENT": b""}),
        ("10.1.2.4", DENY, 5, {}),
        ("10.1.2.3", ALLOW, 6, {}),  # one entry only: RELAYCLIENT of line 4 does not count
        ("192.168.3.255", ALLOW, 7, {b"RELAYCLIENT": b"@here", b"SIZE": b"1"}),
        ("192.168.4.0", DENY, 3, {}),
        ("192.0.2.5", ALLOW, 8, {}),
        ("192.0.2.9", ALLOW, 8, {}),
        ("192.0.2.10", DENY, 3, {}),
        ("::ffff:10.9.9.9", ALLOW, 4, {b"RELAYCLIENT": b""}),
        ("2001:db8::1", ALLOW, 9, {}),
        ("2001:db8:1::1", DENY, 10, {}),
        ("fd00::1", DENY, 3, {}),
    ],
)
def test_the_one_most_specific_entry_decides(
    file: Path, address: str, outcome: str, line: int, variables: dict[bytes, bytes]
) -> None:
    verdict = read(file, TEXT).decide(client(address))
    text = TEXT.splitlines()[line - 1]
    assert (verdict.outcome, verdict.rule, verdict.text) == (outcome, f"{file}:{line}", text)
    assert verdict.reason == f"{file}:{line}: {text}".replace("\t", " ")
    assert verdict.variables == variables


def test_who_is_in_no_entry_is_let_in_unless_everybody_else_has_one(file: Path) -> None:
    access = read(file, "10.1\tdeny\n")
    assert access.decide(client("10.2.0.1")).outcome == NO_MATCH
    assert access.decide(local_user()).outcome == NO_MATCH
    assert read(file, "*\tdeny\n").decide(local_user()).outcome == DENY
    assert not access.needs_process


def test_the_order_of_lines_means_nothing(file: Path) -> None:
    lines = TEXT.splitlines(keepends=True)
    access = read(file, "".join(reversed(lines)))
    assert access.decide(client("10.1.2.3")).text == "10.1.2.3\tallow"


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("*\tdeny\n10.0.0.1 deny\n", ":2: '10.0.0.1 deny' is not KEY, one TAB, and 'allow' or 'deny'"),
        ("10.0.0.1\n", ":1: '10.0.0.1' is not KEY, one TAB, and 'allow' or 'deny'"),
        ("10.0.0.1\t\n", r":1: '10.0.0.1\t' is not KEY, one TAB, and 'allow' or 'deny'"),
        ("10.0.0.1\t\tdeny\n", r":1: '10.0.0.1\t\tdeny' is not KEY, one TAB, and 'allow' or 'deny'"),
        ("10.0.0.1\t deny\n", r":1: '10.0.0.1\t deny' is not KEY, one TAB, and 'allow' or 'deny'"),
        ("10.0.0.0/8\n", ":1: '10.0.0.0/8' is not KEY, one TAB, and 'allow' or 'deny'"),
        (".\n*\tdeny\n", ":1: '.' is not KEY, one TAB, and 'allow' or 'deny'"),
        (" 10\tdeny\n", r":1: ' 10\tdeny' is not KEY, one TAB, and 'allow' or 'deny'"),
        (" \n", "' \\n' is empty"),
        ("10\tdeny\r\n", ":1: the line holds a control character (end lines with LF alone)"),
        ("10.\tdeny\n", f":1: no client has the key '10.' ({FORMS})"),
        ("10\tDeny\n", ":1: the action 'Deny' is neither 'deny' nor 'allow' (couriertcpd would let the client in)"),
        ("10\tdeny\n11\tdeny\n10\tallow\n", ":3: 10.0.0.0/8 already has an entry at {file}:1"),
        ("*\tdeny\n*\tallow\n", ":2: '*' already has an entry at {file}:1"),
        (
            "10.0.0.0/12\tdeny\n10.1\tallow\n",
            ":2: overlaps {file}:1: 10.1.0.0/16 and 10.0.0.0/12 expand to the same keys",
        ),
        (
            "2001:db8::/33\tdeny\n2001:db8::/40\tallow\n",
            ":2: overlaps {file}:1: 2001:db8::/40 and 2001:db8::/33 expand to the same keys",
        ),
        ("1\tallow\n0.0.0.0/0\tdeny\n", ":1: overlaps {file}:2: 1.0.0.0/8 and 0.0.0.0/0 expand to the same keys"),
        ("10\tallow", ":1: the last line has no end (the file may have been cut short)"),
    ],
)
def test_each_error_names_its_line(file: Path, text: str, message: str) -> None:
    file.write_bytes(text.encode())
    said = error_of(file)
    if message.startswith(":"):
        assert said == f"{file}{message.replace('{file}', str(file))}"
    else:
        assert said == f"{str(file)!r} is empty (no rules would let everybody in)"


def test_a_file_that_holds_nothing_or_cannot_be_read_refuses(file: Path, tmp_path: Path) -> None:
    for data, message in (
        (b"", f"{str(file)!r} is empty (no rules would let everybody in)"),
        (b"# nobody\n", f"{str(file)!r} holds no entries (no entries would let everybody in)"),
        (b"10\tdeny\n\0", f"{str(file)!r} is neither text nor a complete cdb: it holds a NUL byte"),
    ):
        file.write_bytes(data)
        assert error_of(file) == message
    assert error_of(tmp_path / "x") == f"unable to read {str(tmp_path / 'x')!r}: No such file or directory"
    os.mkfifo(tmp_path / "fifo")
    assert error_of(tmp_path / "fifo") == f"unable to read {str(tmp_path / 'fifo')!r}: not a regular file"
    with pytest.raises(ConfigError, match=r"^unable to read 'a\\x00b': embedded null byte$"):
        CourierAccess("a\0b")


def test_a_directory_is_the_union_of_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "smtpaccess"
    (folder / "folder").mkdir(parents=True)
    (folder / "default").write_text("*\tdeny\n")
    (folder / "local").write_text("10\tallow,A\n")
    (folder / ".hidden").write_text("11\tallow\n")
    for name in ("old~", "sample.dist"):
        (folder / name).write_text("x")
    access = CourierAccess(str(folder))
    assert access.decide(client("10.0.0.1")).rule == f"{folder}/local:1"
    assert access.decide(client("11.0.0.1")).rule == f"{folder}/.hidden:1"
    assert access.decide(client("12.0.0.1")).rule == f"{folder}/default:1"
    assert access.files == (f"{folder}/.hidden", f"{folder}/default", f"{folder}/local", str(folder))


def test_a_directory_with_leftovers_of_an_upgrade_or_without_files_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "smtpaccess"
    folder.mkdir()
    assert error_of(folder) == f"{str(folder)!r} has no files (no entries would let everybody in)"
    (folder / "default").write_text("*\tdeny\n")
    for name in ("default.dpkg-new", "default.rpmnew", "default.rpmsave"):
        (folder / name).touch()
        assert error_of(folder) == (
            f"{folder}/{name}: left over from an upgrade (take over what it changes, then remove it)"
        )
        (folder / name).unlink()
    (folder / "again").write_text("*\tallow\n")
    assert error_of(folder) == f"{folder}/default:1: '*' already has an entry at {folder}/again:1"
    (folder / "again").unlink()
    (folder / "gone").symlink_to("nowhere")
    assert error_of(folder) == f"unable to read '{folder}/gone': No such file or directory"


def test_a_file_cut_inside_a_line_refuses_and_one_cut_between_lines_never_makes_up_an_entry(file: Path) -> None:
    text = TEXT.encode() + b"".join(b"10.200.0.%d\tallow,RELAYCLIENT\n" % number for number in range(30))
    entries = set(TEXT.splitlines())
    for size in range(len(text)):
        file.write_bytes(text[:size])
        try:
            access = CourierAccess(str(file))
        except ConfigError as error:
            assert str(error).startswith((f"{file}:", repr(str(file))))  # noqa: PT017
        else:
            assert text[:size].endswith(b"\n")
            verdict = access.decide(client("10.1.2.3"))
            assert verdict.outcome == NO_MATCH or verdict.text in entries


def test_what_has_no_entry_is_told(file: Path) -> None:
    considered: list[str] = []
    read(file, "10.1.2\tdeny\n10.0.0.0/12\tdeny\n*\tdeny\n").decide(client("10.100.1.1"), considered)
    assert considered == [f"{file}: no entry for 10.100.1.0/24", f"{file}: no entry for 10.96.0.0/12"]
    considered.clear()
    read(file, "10.1\tdeny\n").decide(client("fd00::1"), considered)
    assert considered == [f"{file}: no entry for *"]


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


@given(st.dictionaries(st.integers(0, 255), st.booleans(), min_size=1), st.integers(0, 255), st.integers(0, 255))
def test_the_verdict_is_that_of_a_search_from_the_longest_key_down(
    tmp_path_factory: pytest.TempPathFactory, nets: dict[int, bool], first: int, second: int
) -> None:
    texts = {f"10.{number}" if number % 2 else f"10.{number}.{number}": denies for number, denies in nets.items()}
    file = tmp_path_factory.getbasetemp() / "access"
    file.write_text("".join(f"{key}\t{'deny' if denies else 'allow'}\n" for key, denies in texts.items()))
    address = f"10.{first}.{second}.1"
    parts = address.split(".")
    found = next((texts[key] for size in (4, 3, 2, 1) if (key := ".".join(parts[:size])) in texts), None)
    expected = NO_MATCH if found is None else DENY if found else ALLOW
    assert CourierAccess(str(file)).decide(client(address)).outcome == expected


@given(st.binary(max_size=60), st.sampled_from((b"", b"10\tallow,", b"10.0.0.0/", b"*\t", b"1-")))
def test_every_file_is_read_or_refused_with_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "noise"
    file.write_bytes(start + data + b"\n")
    try:
        CourierAccess(str(file))
    except ConfigError as error:
        message = str(error)
    else:
        message = ""
    assert "\n" not in message
