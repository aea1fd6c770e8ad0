"""Environment files, read as systemd reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.core import ConfigError
from sockgate.units.envfile import format_assignment, is_name, parse
from tests.units import strategies

READ = [
    ("A=1\nB=2\n", [("A", "1", 1), ("B", "2", 2)]),
    ("# A=1\n; B=2\n  C=3", [("C", "3", 3)]),
    ("A = b c  \n", [("A", "b c", 1)]),
    ("A=\nB=", [("A", "", 1), ("B", "", 2)]),
    ("A=it's\n", [("A", "it's", 1)]),
    ("A='x y' \"z\" w'v\n", [("A", "x yzw'v", 1)]),
    ("A='x\ny'\nB=2\n", [("A", "x\ny", 1), ("B", "2", 3)]),
    (r'A="\$ \" \\ \` \n"', [("A", '$ " \\ ` \\n', 1)]),
    (r"A='\$'", [("A", r"\$", 1)]),
    (r"A=\$x\ny", [("A", "$xny", 1)]),
    ("A=one \\\n two\n", [("A", "one  two", 1)]),
    ('A="one \\\ntwo"\n', [("A", "one two", 1)]),
    ("A=one\\  \n", [("A", "one ", 1)]),
    ("A=$B\n", [("A", "$B", 1)]),
    ("A=x # y\n", [("A", "x # y", 1)]),
    ("novalue\nB=2\n", [("B", "2", 2)]),
    ("A='open\nB=2\n", [("A", "open\nB=2\n", 1)]),
    ("A=1\\", [("A", "1", 1)]),
    ("A=\\", [("A", "", 1)]),
    ("export A=1\n", [("export A", "1", 1)]),
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_a_file_is_read_as_systemd_reads_it(text: str, expected: list[tuple[str, str, int]]) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("name", "taken"),
    [("IMAP_TLS", True), ("_x1", True), ("export A", False), ("1a", False), ("", False), ("A\n", False)],
)
def test_only_the_names_that_a_shell_takes_are_names(name: str, taken: bool) -> None:
    assert is_name(name) is taken


def test_a_value_is_written_in_double_quotes() -> None:
    assert format_assignment("A", 'a "b" $c `d` \\e') == 'A="a \\"b\\" \\$c \\`d\\` \\\\e"\n'


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a.b", "", "'a.b' is not a variable's name in an environment file"),
        ("A", "x\0y", "the value of A contains a NUL byte"),
        ("A", "\udcff", r"the value of A is not UTF-8: '\udcff' (systemd ignores an environment file that is not)"),
    ],
)
def test_what_no_file_can_hold_is_refused(name: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        format_assignment(name, value)
    assert str(caught.value) == message


@given(st.lists(st.tuples(strategies.names, strategies.text)))
def test_written_variables_are_read_back_unchanged(variables: list[tuple[str, str]]) -> None:
    text = "".join(format_assignment(name, value) for name, value in variables)
    assert [(name, value) for name, value, _ in parse(text)] == variables


@given(strategies.text)
def test_reading_never_fails(text: str) -> None:
    parse(text)
