"""Unit files from values, and back through our reader, which the system tests hold against systemd's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.core import ConfigError
from sockgate.units import model
from sockgate.units.command import Variable as Value
from sockgate.units.command import parse_commands
from sockgate.units.model import (
    KINDS,
    TEXT,
    Command,
    Directive,
    Environment,
    File,
    Folder,
    Section,
    Specifier,
    UnitFile,
    Variable,
    Words,
    Written,
    section,
)
from sockgate.units.names import UnitName, expand
from sockgate.units.quoting import split_words
from sockgate.units.reader import Assignment, Place, parse
from sockgate.units.writer import format_directive, format_file, format_unit
from tests.units import strategies

NAME = UnitName.parse("mail@7.service")
text_keys = sorted(key for key, kinds in KINDS.items() if kinds == TEXT)


def read_back(key: str, value: model.Value) -> Assignment:
    """The one assignment that our reader finds in the unit. Behind it stands a line that must not be swallowed."""
    text = format_file([], [Section("Service", (Directive(key, value), Directive("User", "next")))])
    assignments, ignored = parse(text, "/etc/x.service")
    assert not ignored
    assert [(one.key, one.value) for one in assignments[1:]] == [("User", "next")]
    assert assignments[0].key == key
    return assignments[0]


def test_sections_directives_and_comments_stand_in_order() -> None:
    unit = UnitFile(
        "x.service",
        ("written by a test", "for a test"),
        (
            section("Unit", ("Description", "100% mail")),
            Section("Socket", ()),
            Section(
                "Service",
                (
                    Directive("User", "mail", "from /etc/xinetd.d/smtp:3"),
                    Directive("Environment", Environment("A", "b c")),
                ),
            ),
        ),
    )
    assert format_unit(unit) == (
        "# written by a test\n# for a test\n\n"
        "[Unit]\nDescription=100%% mail\n\n"
        '[Service]\n# from /etc/xinetd.d/smtp:3\nUser=mail\nEnvironment="A=b c"\n'
    )


@pytest.mark.parametrize("value", ["a\nb", "a\\", " a", "a ", "a\0", "\ta", "a\r", "", "a\x85", "\udcff", "a\\\\\\"])
def test_text_that_would_be_read_as_something_else_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="cannot stand in a unit file"):
        format_directive(Directive("Description", value))


def test_a_line_that_systemd_finds_too_long_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot stand in a unit file"):
        format_directive(Directive("Description", "a" * (1 << 20)))
    assert format_directive(Directive("Description", "a" * ((1 << 20) - len("Description=") - 1)))


def test_names_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="'a]b' is not the name of a section"):
        format_file([], [section("a]b", ("User", "1"))])
    with pytest.raises(ConfigError, match="'A=B' is not the name of a setting"):
        format_directive(Directive("A=B", Written("1")))


@pytest.mark.parametrize(
    "name",
    ["../q.socket", "a/b.socket", ".socket", "..socket", "x", "x.service\n", "a b.socket",
     "a@b@.service", "a@1.service", "é.socket", "a\\x2fb.service", "x" * 250 + ".socket", "%n.socket", "@.service"],
)  # fmt: skip
def test_a_file_with_another_name_than_that_of_a_unit_cannot_be_made(name: str) -> None:
    with pytest.raises(ConfigError, match="is not the name of a unit"):
        UnitFile(name, (), ())


def test_a_value_of_another_type_than_its_key_takes_is_a_fault_of_the_program() -> None:
    for key, value in (("ExecStart", "/bin/true"), ("User", Words(("a",))), ("Unknown", "x"), ("Environment", "A=b")):
        with pytest.raises(TypeError, match="does not take a"):
            format_directive(Directive(key, value))


@given(st.sampled_from(text_keys), strategies.plain.filter(lambda text: text.isprintable() and text))
def test_systemd_reads_literal_text_back_with_every_key(key: str, text: str) -> None:
    assert expand(read_back(key, text).value, NAME) == text


@given(strategies.text)
def test_a_folder_is_read_back_or_refused(path: str) -> None:
    try:
        value = read_back("WorkingDirectory", Folder(f"/srv/{path}", optional=True)).value
    except ConfigError:
        assert not path.isprintable()
        return
    assert value.startswith("-/")
    assert expand(value[1:], NAME).rstrip("/") == f"/srv/{path}".rstrip("/")


def test_a_folder_that_ends_in_a_backslash_does_not_continue_its_line() -> None:
    assert format_directive(Directive("WorkingDirectory", Folder("/srv/a\\", optional=True))) == (
        "WorkingDirectory=-/srv/a\\/\n"
    )


@pytest.mark.parametrize("path", ["a", "-/a", "/a*", "/a?", "/a[b]", "/a\\", "/a "])
def test_the_path_of_an_environment_file_is_no_pattern(path: str) -> None:
    with pytest.raises(ConfigError):
        format_directive(Directive("EnvironmentFile", File((path,))))


@given(st.lists(strategies.text), st.booleans(), strategies.text)
def test_a_command_is_read_back_as_exactly_these_words(words: list[str], ignores_failure: bool, argv0: str) -> None:
    command = Command(("/usr/bin/a b%", *words), argv0, ignores_failure)
    (found,) = parse_commands(read_back("ExecStart", command), NAME)
    assert found.program == "/usr/bin/a b%"
    assert ("-" in found.prefixes) is ignores_failure
    assert ("@" in found.prefixes) is bool(argv0)
    place = Place("x", 1)
    anything = dict.fromkeys(("A", "HOME", "b"), Value("no", place))
    assert [word.text for word in found.arguments(anything)] == words


def test_only_a_variable_and_a_specifier_are_expanded() -> None:
    words = ("/bin/x", "${A}", Variable("A"), "$A", Variable("A", splits=True), "%i", Specifier("i"), "$$", ";", "a\\")
    (found,) = parse_commands(read_back("ExecStart", Command(words)), NAME)
    arguments = found.arguments({"A": Value("1 2", Place("x", 1))})
    assert [word.text for word in arguments] == ["${A}", "1 2", "$A", "1", "2", "%i", "7", "$$", ";", "a\\"]


@pytest.mark.parametrize(
    "program", ["x", "/a$b", '/a"b', "/a\\b", "/a\nb", "-/bin/x", "", Variable("A"), Specifier("n")]
)
def test_a_program_that_no_unit_can_name_is_refused(program: model.Word) -> None:
    with pytest.raises(ConfigError, match=r"cannot be the program of a unit \(use an absolute path of plain char"):
        format_directive(Directive("ExecStart", Command((program,))))


def test_a_folder_is_no_program() -> None:
    with pytest.raises(ConfigError, match="'/bin/' is a folder, and no program"):
        format_directive(Directive("ExecStart", Command(("/bin/",))))


@given(strategies.names, strategies.text)
def test_a_variable_is_read_back_with_exactly_this_value(name: str, value: str) -> None:
    (word,) = split_words(read_back("Environment", Environment(name, value)).value)
    assert expand(word, NAME) == f"{name}={value}"


@pytest.mark.parametrize("name", ["", "1A", "A B", "A=B", "%n", "é"])
def test_a_name_that_no_variable_has_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is not the name of a variable"):
        format_directive(Directive("Environment", Environment(name, "1")))
    with pytest.raises(ConfigError, match="is not the name of a variable"):
        format_directive(Directive("ExecStart", Command(("/bin/x", Variable(name)))))


@given(st.lists(strategies.text, min_size=1))
def test_a_list_is_read_back_as_exactly_these_words(words: list[str]) -> None:
    assert [
        expand(word, NAME) for word in split_words(read_back("PassEnvironment", Words(tuple(words))).value)
    ] == words


@given(st.lists(strategies.text))
def test_a_comment_never_becomes_a_directive(lines: list[str]) -> None:
    text = format_file(lines, [Section("Service", (Directive("User", "x", "\n".join(lines)),))])
    assignments, ignored = parse(text, "x")
    assert ignored == []
    assert [(one.key, one.value) for one in assignments] == [("User", "x")]
