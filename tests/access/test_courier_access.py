"""--courier-access: which entry decides, and which files refuse."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.access.courier_access import CourierAccess
from sockgate.core import ALLOW, DENY, NO_MATCH, ConfigError
from tests.core.clients import client, local_user

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
    assert verdict.cause
    assert (verdict.outcome, str(verdict.cause), verdict.cause.text) == (outcome, f"{file}:{line}", text)
    assert verdict.reason == f"{file}:{line}: {text}".replace("\t", " ")
    assert verdict.variables == variables


def test_a_client_in_no_entry_is_let_in_unless_all_others_have_an_entry(file: Path) -> None:
    access = read(file, "10.1\tdeny\n")
    assert access.decide(client("10.2.0.1")).outcome == NO_MATCH
    assert access.decide(local_user()).outcome == NO_MATCH
    assert read(file, "*\tdeny\n").decide(local_user()).outcome == DENY
    assert not access.needs_process


def test_the_order_of_lines_means_nothing(file: Path) -> None:
    lines = TEXT.splitlines(keepends=True)
    access = read(file, "".join(reversed(lines)))
    cause = access.decide(client("10.1.2.3")).cause
    assert cause
    assert cause.text == "10.1.2.3\tallow"


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
        assert said == f"{str(file)!r} is empty (without an entry every client would be let in)"


def test_a_file_that_holds_nothing_or_cannot_be_read_refuses(file: Path, tmp_path: Path) -> None:
    for data, message in (
        (b"", f"{str(file)!r} is empty (without an entry every client would be let in)"),
        (b"# no entry\n", f"{str(file)!r} holds no entries (without an entry every client would be let in)"),
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
    assert str(access.decide(client("10.0.0.1")).cause) == f"{folder}/local:1"
    assert str(access.decide(client("11.0.0.1")).cause) == f"{folder}/.hidden:1"
    assert str(access.decide(client("12.0.0.1")).cause) == f"{folder}/default:1"


def test_a_directory_with_leftovers_of_an_upgrade_or_without_files_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "smtpaccess"
    folder.mkdir()
    assert error_of(folder) == f"{str(folder)!r} has no files (without an entry every client would be let in)"
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


@pytest.mark.parametrize("name", ["x\ny", "\x1b[2J", "x\r"])
def test_a_file_with_a_control_character_in_its_name_is_an_error_of_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "default").write_text("*\tallow\n")
    (tmp_path / name).write_text("10.0.0.1\tdeny\n")
    assert error_of(tmp_path) == (f"{str(tmp_path)!r} has a file with a control character in its name: {name!r}")


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
            assert verdict.cause is None or verdict.cause.text in entries


def test_what_has_no_entry_is_told(file: Path) -> None:
    considered: list[str] = []
    read(file, "10.1.2\tdeny\n10.0.0.0/12\tdeny\n*\tdeny\n").decide(client("10.100.1.1"), considered)
    assert considered == [f"{file}: no entry for 10.100.1.0/24", f"{file}: no entry for 10.96.0.0/12"]
    considered.clear()
    read(file, "10.1\tdeny\n").decide(client("fd00::1"), considered)
    assert considered == [f"{file}: no entry for *"]


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
