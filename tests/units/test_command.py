"""Command lines, split and expanded as systemd does it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.units.command import Command, Variable, parse_commands
from sockgate.units.names import UnitName
from sockgate.units.quoting import quote_variable
from sockgate.units.reader import Assignment, Place
from tests.units import strategies

NAME = UnitName("mail", "7", "service")
PLACE = Place("/etc/x.service", 7)


def parse(value: str) -> list[Command]:
    return parse_commands(Assignment("Service", "ExecStart", value, PLACE), NAME)


def arguments(value: str, **variables: str) -> list[str]:
    (command,) = parse(value)
    environment = {name: Variable(text, Place("/etc/default/x", 1)) for name, text in variables.items()}
    return [word.text for word in command.arguments(environment)]


def test_prefixes_are_not_part_of_the_program() -> None:
    (command,) = parse("-@/bin/x name arg")
    assert (command.prefixes, command.program, command.words) == ("-@", "/bin/x", ("name", "arg"))
    assert [word.text for word in command.arguments({})] == ["arg"]


def test_a_semicolon_alone_separates_commands_and_an_escaped_one_is_a_word() -> None:
    assert [(c.program, c.words) for c in parse(r"/bin/a \; x;y ; /bin/b ';' ;")] == [
        ("/bin/a", (";", "x;y")),
        ("/bin/b", (";",)),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [("/bin/x 'a", "the quote ' is not closed"), ("- x", "there is no program"), ("/x %z", "the specifier '%z'")],
)
def test_a_line_that_systemd_rejects_is_refused(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(line)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/x $A", ["one", "two three"]),
        ("/x ${A}", ["one 'two three'"]),
        ("/x a${A}b", ["aone 'two three'b"]),
        ("/x a$A", ["a$A"]),
        ("/x $UNSET ${UNSET} a${UNSET}", ["", "a"]),
        ("/x $EMPTY ${EMPTY}", [""]),
        ("/x $$A $$ a$$", ["$A", "$", "a$"]),
        ("/x ${A:-b}", ["${A:-b}"]),
        ("/x ${A ${A$$ ${A$$:$$", ["${A", "${A$$", "${A$$:$"]),
        ("/x $", []),
        ("/x $A-b", []),
        ("/x '$A'", ["one", "two three"]),
        ("/x %i-%p", ["7-mail"]),
        ("/x %%i", ["%i"]),
    ],
)
def test_variables_are_expanded_as_systemd_does_it(line: str, expected: list[str]) -> None:
    assert arguments(line, A="one 'two three'", EMPTY="") == expected


def test_a_colon_keeps_variables_from_being_expanded() -> None:
    assert arguments(":/x $A ${A} $$", A="1") == ["$A", "${A}", "$$"]


def test_a_word_knows_the_file_that_its_variable_comes_from() -> None:
    (command,) = parse("/x a $A b${A}")
    words = command.arguments({"A": Variable("1 2", Place("/etc/default/x", 3))})
    assert [(word.text, str(word.place)) for word in words] == [
        ("a", "/etc/x.service:7"),
        ("1", "/etc/default/x:3"),
        ("2", "/etc/default/x:3"),
        ("b1 2", "/etc/default/x:3"),
    ]


@given(st.lists(strategies.text))
def test_a_written_variable_is_split_into_exactly_these_words(words: list[str]) -> None:
    assert arguments("/x $A", A=quote_variable(words)) == words
