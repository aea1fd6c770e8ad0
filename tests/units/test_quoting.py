"""Words: split as systemd splits them, and written so that they come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.core import ConfigError
from sockgate.units.quoting import lenient_escape, quote_word, quote_words, split, split_variable, split_words
from tests.units import strategies

# A raw backslash below is one backslash in the unit file.
SPLIT = [
    ("one two", ["one", "two"]),
    ("  one \t two  ", ["one", "two"]),
    ("", []),
    ('""', [""]),
    ("'one two' three", ["one two", "three"]),
    ('A="b c"d', ["A=b cd"]),
    ("'it''s'", ["its"]),
    ('"it\'s"', ["it's"]),
    (r"a\sb\tc", ["a b\tc"]),
    (r"\x41\101\u00e9\U0001f600", ["AAé\U0001f600"]),
    (r"\xc3\xa9", ["é"]),
    (r"\xff", ["\udcff"]),
    (r"'a\'b'", ["a'b"]),
    ("a;b #c", ["a;b", "#c"]),
]

INVALID = [
    ("'one", "the quote ' is not closed"),
    ('a "b', 'the quote " is not closed'),
    (r"\q", r"the escape '\q' is not known"),
    ("a\\", "the escape '\\' is not known"),
    (r"\x4", r"the escape '\x4' is not valid"),
    (r"\x00", r"the escape '\x00' is not valid"),
    (r"\ud800", r"the escape '\ud800' is not valid"),
    (r"\400", r"the escape '\400' is not valid"),
]


@pytest.mark.parametrize(("value", "words"), SPLIT)
def test_a_list_is_split_at_blanks_outside_quotes(value: str, words: list[str]) -> None:
    assert split_words(value) == words


@pytest.mark.parametrize(("value", "message"), INVALID)
def test_a_list_with_a_broken_quote_or_escape_is_refused(value: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the text is compared below
        split_words(value)
    assert str(caught.value) == message


def test_a_command_line_keeps_an_escape_that_is_not_valid() -> None:
    assert split(r"\q \x4z a\ ", lenient_escape) == [r"\q", r"\x4z", "a\\ "]


def test_a_variable_is_split_with_quotes_but_without_escapes() -> None:
    assert split_variable(r"""a 'b c' "d" e\ f \n""") == ["a", "b c", "d", "e f", "n"]
    assert split_variable("a 'b c") == ["a", "b c"]
    assert split_variable("") == split_variable("  ") == []


def test_plain_words_are_written_without_quotes() -> None:
    assert quote_words(["/usr/sbin/x", "--port=25", "a@b", ""]) == '/usr/sbin/x --port=25 a@b ""'


def test_what_has_a_meaning_to_systemd_is_quoted() -> None:
    assert quote_word("50% of $x") == '"50%% of $x"'
    assert quote_word('a"b\\c\nd') == r'"a\"b\\c\nd"'
    assert quote_word("\x01\udcff") == r'"\x01\xff"'
    assert quote_word(";") == '";"'


def test_a_nul_byte_cannot_be_written() -> None:
    with pytest.raises(ConfigError, match=r"'a.x00b' contains a NUL byte, which no unit file can hold"):
        quote_word("a\0b")


@given(st.lists(strategies.text))
def test_written_words_are_read_back_unchanged(words: list[str]) -> None:
    written = quote_words(words)
    assert "\n" not in written
    assert [word.replace("%%", "%") for word in split_words(written)] == words


@given(st.binary(max_size=8).filter(lambda data: b"\0" not in data))
def test_bytes_that_are_no_text_are_read_back_unchanged(data: bytes) -> None:
    word = data.decode("utf-8", "surrogateescape")
    assert [word.replace("%%", "%") for word in split_words(quote_word(word))] == [word]


@given(strategies.text)
def test_splitting_never_fails_otherwise(value: str) -> None:
    split_variable(value)
    try:
        split_words(value)
    except ValueError:
        return
