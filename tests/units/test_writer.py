"""Unit files from the model, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.core.errors import ConfigError
from sockgate.units.reader import parse
from sockgate.units.writer import Section, Setting, assignment, format_unit, literal
from tests.units import strategies

keys = st.from_regex(r"[A-Z][A-Za-z]{0,8}", fullmatch=True)
settings = st.builds(Setting, keys, strategies.plain.map(literal), strategies.text)
sections = st.builds(Section, keys, st.lists(settings, min_size=1, max_size=4))


def test_sections_settings_and_comments_stand_in_order() -> None:
    unit = [
        Section("Unit", [Setting("Description", literal("100% mail"))]),
        Section("Socket", []),
        Section(
            "Service",
            [Setting("User", "mail", "from /etc/xinetd.d/smtp:3"), Setting("Environment", assignment("A", "b c"))],
        ),
    ]
    assert format_unit(unit, "written by a test\n\nfor a test") == (
        "# written by a test\n# for a test\n\n"
        "[Unit]\nDescription=100%% mail\n\n"
        '[Service]\n# from /etc/xinetd.d/smtp:3\nUser=mail\nEnvironment="A=b c"\n'
    )


@pytest.mark.parametrize("value", ["a\nb", "a\\", " a", "a ", "a\0", "\ta", "a\r"])
def test_a_value_that_would_be_read_as_something_else_is_refused(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        format_unit([Section("Unit", [Setting("Description", value)])])
    assert str(caught.value) == f"Description={value!r} cannot stand in a unit file"


def test_names_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="'a]b' is not the name of a section"):
        format_unit([Section("a]b", [Setting("A", "1")])])
    with pytest.raises(ConfigError, match="'A=B' is not the name of a setting"):
        format_unit([Section("Unit", [Setting("A=B", "1")])])


@given(st.lists(sections, max_size=3), strategies.text)
def test_a_written_unit_is_read_back_unchanged(unit: list[Section], header: str) -> None:
    assignments, ignored = parse(format_unit(unit, header), "x")
    assert ignored == []
    written = [(section.name, setting.key, setting.value) for section in unit for setting in section.settings]
    assert [(a.section, a.key, a.value) for a in assignments] == written
