"""Names of units and their specifiers."""

import pytest
from hypothesis import given

from sockgate.units.names import UnitName, expand, unescape
from tests.units import strategies

INSTANCE = UnitName("mail-smtp", r"0-a\x2db", "service")


def test_a_name_has_a_prefix_an_instance_and_a_type() -> None:
    assert UnitName.parse("a-b.socket") == ("a-b", None, "socket")
    assert UnitName.parse("a@.service") == ("a", "", "service")
    assert UnitName.parse("a@1.2@3.service") == ("a", "1.2@3", "service")
    assert [str(UnitName.parse(name)) for name in ("a.socket", "a@.service", "a@b.service")] == [
        "a.socket", "a@.service", "a@b.service",
    ]  # fmt: skip
    assert UnitName.parse("a@b.service").template == "a@.service"
    assert UnitName.parse("a.service").template is None


@pytest.mark.parametrize("name", ["", "smtp", ".socket", "@.service", "a/b.service", "smtp."])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a unit"):
        UnitName.parse(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%p", "mail-smtp"), ("%P", "mail/smtp"), ("%i", r"0-a\x2db"), ("%I", "0/a-b"), ("%j", "smtp"), ("%J", "smtp"),
        ("%n", r"mail-smtp@0-a\x2db.service"), ("%N", r"mail-smtp@0-a\x2db"), ("%f", "/0/a-b"), ("%t/x", "/run/x"),
        ("100%%", "100%"), ("100%", "100%"), ("% 5", "% 5"), ("%%p", "%p"), ("%u%S", "root/var/lib"),
    ],
)  # fmt: skip
def test_specifiers_are_those_of_a_system_service(text: str, expected: str) -> None:
    assert expand(text, INSTANCE) == expected


def test_an_unknown_specifier_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the specifier '%z' is not known \(a plain percent sign is written %%\)"):
        expand("%z", INSTANCE)


def test_escaped_names_are_unescaped() -> None:
    assert unescape(r"var-lib\x2dx") == "var/lib-x"


@given(strategies.text)
def test_doubled_percent_signs_are_no_specifiers(text: str) -> None:
    assert expand(text.replace("%", "%%"), INSTANCE) == text
