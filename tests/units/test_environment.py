"""A service's variables: Environment= and environment files, in systemd's order."""

import pytest

from sockgate.units.environment import load_environment
from sockgate.units.search import UnitSearch
from tests.units.conftest import MakeRoot

UNIT = "/etc/systemd/system/mail@.service"


def variables(search: UnitSearch) -> dict[str, str]:
    unit = search.load("mail@.service")
    assert unit is not None
    return {name: variable.value for name, variable in load_environment(unit, search)[0].items()}


def troubles(search: UnitSearch) -> list[tuple[str, str, bool]]:
    unit = search.load("mail@.service")
    assert unit is not None
    return [(trouble.text, str(trouble.place), trouble.fatal) for trouble in load_environment(unit, search)[1]]


def test_a_file_is_stronger_than_the_unit_and_the_last_file_than_the_first(make_root: MakeRoot) -> None:
    search = make_root(
        {
            UNIT: "[Service]\nEnvironmentFile=/a\nEnvironmentFile=-/b-%p\nEnvironmentFile=-/none\n"
            "Environment=A=unit B=unit 'C=x y' D=%p\n",
            "/a": "B=a\nE=a\n",
            "/b-mail": "E=b\nbad name=1\n",
        }
    )
    assert variables(search) == {"A": "unit", "B": "a", "C": "x y", "D": "mail", "E": "b"}
    assert troubles(search) == []


def test_an_empty_assignment_resets_variables_and_files(make_root: MakeRoot) -> None:
    text = "[Service]\nEnvironment=A=1\nEnvironment=\nEnvironment=B=2\nEnvironmentFile=/none\nEnvironmentFile=\n"
    search = make_root({UNIT: text})
    assert variables(search) == {"B": "2"}
    assert troubles(search) == []


def test_a_pattern_names_several_files(make_root: MakeRoot) -> None:
    search = make_root(
        {UNIT: "[Service]\nEnvironmentFile=/etc/d/*.env\n", "/etc/d/1.env": "A=1", "/etc/d/2.env": "A=2"}
    )
    assert variables(search) == {"A": "2"}


def test_a_missing_file_is_fatal_unless_it_is_optional(make_root: MakeRoot) -> None:
    search = make_root({UNIT: "[Service]\nEnvironmentFile=/none\nEnvironmentFile=/no*.env\nEnvironmentFile=-/no\n"})
    assert troubles(search) == [
        ("unable to read '/none': No such file or directory", f"{UNIT}:2", True),
        ("unable to read '/no*.env': No such file or directory", f"{UNIT}:3", True),
    ]


def test_what_systemd_ignores_of_a_line_is_reported_and_the_rest_counts(make_root: MakeRoot) -> None:
    search = make_root({UNIT: "[Service]\nEnvironment=A=1 B C=%z D=2\nEnvironment=E=3 'F=1\n"})
    assert variables(search) == {"A": "1", "D": "2", "E": "3"}
    assert troubles(search) == [
        ("systemd ignores a part of it: 'B' is not NAME=VALUE", f"{UNIT}:2", False),
        (
            "systemd ignores a part of it: the specifier '%z' is not known (a plain percent sign is written %%)",
            f"{UNIT}:2",
            False,
        ),
        ("systemd ignores a part of it: the quote ' is not closed", f"{UNIT}:3", False),
    ]


def test_a_path_that_systemd_ignores_is_reported(make_root: MakeRoot) -> None:
    search = make_root({UNIT: "[Service]\nEnvironmentFile=-relative\nEnvironmentFile=/%z\n"})
    assert troubles(search) == [
        ("systemd ignores it: '-relative' is not absolute", f"{UNIT}:2", False),
        (
            "systemd ignores it: the specifier '%z' is not known (a plain percent sign is written %%)",
            f"{UNIT}:3",
            False,
        ),
    ]


@pytest.mark.parametrize(("content", "what"), [(b"A=\xff\n", "is not UTF-8"), (b"A=1\0\n", "contains a NUL byte")])
def test_a_file_that_is_no_text_is_fatal(make_root: MakeRoot, content: bytes, what: str) -> None:
    search = make_root({UNIT: "[Service]\nEnvironmentFile=/a\n"})
    with open(search.host_path("/a"), "wb") as file:
        file.write(content)
    assert troubles(search) == [(f"systemd cannot read '/a': it {what}", f"{UNIT}:2", True)]


@pytest.mark.parametrize(
    ("setting", "kept"),
    [
        ("UnsetEnvironment=A C=1", {"B": "2", "C": "3"}),
        ('UnsetEnvironment=%p "B=2"', {"A": "1", "C": "3"}),
        ("UnsetEnvironment=A\nUnsetEnvironment=\nUnsetEnvironment=C=3", {"A": "1", "B": "2"}),
        ('UnsetEnvironment=%z B "A', {"A": "1", "C": "3"}),
    ],
)
def test_before_262_what_is_unset_is_not_in_the_command_line_either(
    make_root: MakeRoot, setting: str, kept: dict[str, str]
) -> None:
    search = make_root({UNIT: f"[Service]\nEnvironment=A=1 B=2\n{setting}\nEnvironmentFile=/c\n", "/c": "C=3\n"})
    for version, expected in ((252, kept), (261, kept), (262, {"A": "1", "B": "2", "C": "3"})):
        assert variables(UnitSearch(search.root, version)) == expected
