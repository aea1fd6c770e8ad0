"""Unit files: sections, assignments, continued lines, and what is ignored."""

from hypothesis import given

from sockgate.units.reader import Assignment, Place, parse
from tests.units import strategies

TEXT = """\
# a comment
[Unit]
Description = A = b
; another

[Service]
ExecStart=/bin/one \\
# in between
  two \\
  three
Environment=
Key=ends in an escaped backslash \\\\
Last=1\\
"""


def assigned(text: str) -> list[tuple[str, str, str, int]]:
    return [(a.section, a.key, a.value, a.place.line) for a in parse(text, "f")[0]]


def test_assignments_come_with_section_and_line() -> None:
    assert assigned(TEXT) == [
        ("Unit", "Description", "A = b", 3),
        ("Service", "ExecStart", "/bin/one    two    three", 7),
        ("Service", "Environment", "", 11),
        ("Service", "Key", "ends in an escaped backslash \\\\", 12),
        ("Service", "Last", "1", 13),
    ]
    assert parse(TEXT, "f")[1] == []


def test_an_empty_line_ends_a_continued_one() -> None:
    assert assigned("[A]\nk=1 \\\n\nl=2\n") == [("A", "k", "1", 2), ("A", "l", "2", 4)]


def test_every_line_end_counts() -> None:
    assert assigned("\ufeff[A]\r\nk=1\rl=2\n") == [("A", "k", "1", 2), ("A", "l", "2", 3)]


def test_lines_that_systemd_ignores_are_reported_with_their_place() -> None:
    assignments, ignored = parse("stray=1\n[A]\nnot an assignment\n=1\n[B\nk=1\n", "f")
    assert assignments == []
    assert [(str(line.place), line.text) for line in ignored] == [
        ("f:1", "'stray=1' stands outside of any section"),
        ("f:3", "'not an assignment' is not KEY=VALUE"),
        ("f:4", "'=1' is not KEY=VALUE"),
        ("f:5", "'[B' is not a section header"),
        ("f:6", "'k=1' stands outside of any section"),
    ]


@given(strategies.text)
def test_reading_never_fails_and_never_invents_a_line(text: str) -> None:
    assignments, ignored = parse(text, "f")
    lines = text.count("\n") + text.count("\r") + 1
    places = [entry.place for entry in assignments] + [entry.place for entry in ignored]
    assert all(0 < place.line <= lines for place in places)


def test_a_place_reads_as_file_and_line() -> None:
    assert str(Assignment("A", "k", "v", Place("/etc/x", 3)).place) == "/etc/x:3"
