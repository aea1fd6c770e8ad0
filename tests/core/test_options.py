"""The command line of a gate."""

import ast
import inspect

import pytest

from sockgate.core import UsageError
from sockgate.core.options import FLAG, GATE_OPTIONS, LIST, MANY, ONCE, OPTIONAL, Option, Settings, parse

TABLE = (
    Option("--flag", FLAG, "g", "", default=False),
    Option("--once X", ONCE, "g", "", default=""),
    Option("--list LIST", LIST, "g", "", default=""),
    Option("--many Y", MANY, "g", "", default=()),
    Option("--maybe N", OPTIONAL, "g", ""),
)


def value(settings: Settings, field: str) -> object:
    found: object = getattr(settings, field)
    return found


def annotations_of(kind: type) -> set[str]:
    """The fields that a type checker knows: those of the block that only a type checker reads."""
    tree = ast.parse(inspect.getsource(kind))
    return {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


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
        (["--once", "--many", "prog"], "--many", "", ["prog"]),  # any word can be a value
        (["--list", "a,b", "--list=c", "prog"], "", "a,b c", ["prog"]),
        (["--list=", "prog"], "", " ", ["prog"]),
        (["--list=", "--list=a", "prog"], "", " a", ["prog"]),
        (["--once", "a", "--", "--once"], "a", "", ["--once"]),
        (["--", "--", "x"], "", "", ["--", "x"]),
        (["--"], "", "", []),
        ([], "", "", []),
        (["", "x"], "", "", ["", "x"]),
    ],
)
def test_options_end_where_the_server_begins(words: list[str], once: str, many: str, command: list[str]) -> None:
    settings = parse(words, TABLE)
    assert value(settings, "once") == once
    assert value(settings, "list") == many
    assert settings.command == command


def test_given_and_given_empty_are_not_the_same_as_left_out() -> None:
    settings = parse(["--flag", "--once=", "--many=", "x"], TABLE)
    assert "--flag" in settings
    assert "--once" in settings
    assert "--list" not in settings
    assert [value(settings, name) for name in ("flag", "once", "list", "many", "maybe")] == [True, "", "", [""], None]
    assert value(parse(["x"], TABLE), "flag") is False


def test_a_field_that_no_option_has_is_none_of_the_settings() -> None:
    with pytest.raises(AttributeError):
        value(parse(["x"], TABLE), "other")


def test_each_option_has_a_field_whose_default_and_value_are_of_its_type() -> None:
    for option in GATE_OPTIONS:
        field = option.name.removeprefix("--").replace("-", "_")
        assert field in annotations_of(Settings), option.name
        assert value(parse(["x"]), field) == option.default


GIVEN = {
    "--log": "accepted", "--log-address": "none",
    "--access-times": "8:00-17:00", "--allow": "any", "--deny": "any", "--only-from": "::1", "--no-access": "::1",
    "--relay": "10.", "--proxy-protocol": "10.0.0.0/8", "--local-name": "mx", "--ssl-variables": "SSL",
    "--ident": "2", "--dnsbl-fail": "open", "--timeout": "2", "--greet-delay": "2,no", "--env": "A=1",
    "--client-env": "A=1",
    "--rlimit": "nofile=10", "--stderr": "socket",
}  # fmt: skip


def test_each_parser_of_the_table_reads_what_its_option_takes() -> None:
    for option in GATE_OPTIONS:
        field = option.name.removeprefix("--").replace("-", "_")
        word = option.name if option.arity == FLAG else f"{option.name}={GIVEN.get(option.name, 'a')}"
        assert value(parse([word, "x"]), field) != option.default, option.name


def test_what_is_wrong_with_one_option_does_not_hide_another() -> None:
    settings = parse(["--timeout", "soon", "--name", "smtp", "x"])
    assert settings.name == "smtp"
    with pytest.raises(UsageError):
        _ = settings.timeout


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
        (["--many"], "--many needs a value: --many Y"),
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
    for words, text in ((["--maybe=7", "prog"], "7"), (["--maybe", "--flag", "prog"], "")):
        settings = parse(words, TABLE)
        assert (value(settings, "maybe"), settings.command) == (text, ["prog"])
    assert "--maybe" not in parse(["prog"], TABLE)


def test_each_option_shows_how_it_is_written() -> None:
    assert [option.usage for option in TABLE] == ["--flag", "--once X", "--list LIST", "--many Y", "--maybe[=N]"]


def test_the_table_is_in_order() -> None:
    names = [option.name for option in GATE_OPTIONS]
    assert len(set(names)) == len(names)
    groups = [option.group for option in GATE_OPTIONS]
    assert groups == sorted(groups, key=("access", "peer", "exec").index)
    for option in GATE_OPTIONS:
        assert option.name.startswith("--")
        assert option.arity in (FLAG, ONCE, LIST, MANY, OPTIONAL)
        assert bool(option.metavar) == (option.arity != FLAG)
        assert option.summary
        assert not option.summary.endswith(".")
