"""The command line of a gate."""

import pytest

from sockgate.core.errors import UsageError
from sockgate.core.options import FLAG, GATE_OPTIONS, MANY, ONCE, OPTIONAL, Option, parse

TABLE = (
    Option("--flag", "", FLAG, "g", ""),
    Option("--once", "X", ONCE, "g", ""),
    Option("--many", "LIST", MANY, "g", ""),
    Option("--maybe", "N", OPTIONAL, "g", ""),
)


@pytest.mark.parametrize(
    ("words", "once", "many", "command"),
    [
        (["prog"], "", "", ["prog"]),
        (["--once", "a", "prog", "--once", "b"], "a", "", ["prog", "--once", "b"]),
        (["--once=a", "prog"], "a", "", ["prog"]),
        (["--once=a=b", "prog"], "a=b", "", ["prog"]),
        (["--once=", "prog"], "", "", ["prog"]),
        (["--once", "", "prog"], "", "", ["prog"]),
        (["--once", "-", "prog"], "-", "", ["prog"]),
        (["--once", "--many", "prog"], "--many", "", ["prog"]),  # a value is a value, whatever it looks like
        (["--many", "a,b", "--many=c", "prog"], "", "a,b c", ["prog"]),
        (["--many=", "prog"], "", " ", ["prog"]),
        (["--many=", "--many=a", "prog"], "", " a", ["prog"]),
        (["--once", "a", "--", "--once"], "a", "", ["--once"]),
        (["--", "--", "x"], "", "", ["--", "x"]),
        (["--"], "", "", []),
        ([], "", "", []),
        (["", "x"], "", "", ["", "x"]),
    ],
)
def test_options_end_where_the_server_begins(words: list[str], once: str, many: str, command: list[str]) -> None:
    settings = parse(words, TABLE)
    assert (settings.one("--once"), settings.joined("--many"), settings.command) == (once, many, command)


def test_given_and_given_empty_are_not_the_same_as_left_out() -> None:
    settings = parse(["--flag", "--once=", "x"], TABLE)
    assert "--flag" in settings
    assert "--once" in settings
    assert "--many" not in settings
    assert settings.one("--once", "default") == ""
    assert settings.one("--many", "default") == "default"
    assert settings.many("--once") == [""]
    assert settings.many("--many") == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--onc", "a"], "unknown option '--onc' (see sockgate(8))"),
        (["--oncé=a"], "unknown option '--oncé' (see sockgate(8))"),
        (["-"], "unknown option '-' (see sockgate(8))"),
        (["-o"], "unknown option '-o' (see sockgate(8))"),
        (["---once"], "unknown option '---once' (see sockgate(8))"),
        (["--=x"], "unknown option '--' (see sockgate(8))"),
        (["--once", "a", "--once=b"], "--once is given twice"),
        (["--flag", "--flag"], "--flag is given twice"),
        (["--flag=yes"], "--flag takes no value"),
        (["--flag="], "--flag takes no value"),
        (["--once"], "--once needs a value: --once X"),
        (["--once", "--", "prog"], "--once needs a value: --once X"),
        (["--many"], "--many needs a value: --many LIST"),
        (["--maybe="], "--maybe= needs a value, or no equals sign: --maybe[=N]"),
        (["--maybe", "--maybe=2"], "--maybe is given twice"),
    ],
)
def test_what_is_wrong_is_named(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(words, TABLE)
    assert str(caught.value) == message


def test_an_optional_value_never_takes_the_next_word() -> None:
    assert parse(["--maybe", "prog"], TABLE).command == ["prog"]
    for words, value in ((["--maybe=7", "prog"], "7"), (["--maybe", "--flag", "prog"], "")):
        settings = parse(words, TABLE)
        assert (settings.many("--maybe"), settings.command) == ([value], ["prog"])
    assert "--maybe" not in parse(["prog"], TABLE)


def test_each_option_shows_how_it_is_written() -> None:
    assert [option.usage for option in TABLE] == ["--flag", "--once X", "--many LIST", "--maybe[=N]"]


def test_the_table_is_in_order() -> None:
    names = [option.name for option in GATE_OPTIONS]
    assert len(set(names)) == len(names)
    groups = [option.group for option in GATE_OPTIONS]
    assert groups == sorted(groups, key=("access", "peer", "exec").index)
    for option in GATE_OPTIONS:
        assert option.name.startswith("--")
        assert option.arity in (FLAG, ONCE, MANY, OPTIONAL)
        assert bool(option.metavar) == (option.arity != FLAG)
        assert option.summary
        assert not option.summary.endswith(".")
