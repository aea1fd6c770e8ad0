"""Numbers in text that other people wrote."""

import pytest

from sockgate.core.numbers import natural


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("123456789", 123456789)])
def test_digits_are_a_number(text: str, number: int) -> None:
    assert natural(text) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1 ", "1_0", "0x1", "1.0", "²", "٣", "1234567890"])
def test_other_text_and_too_many_digits_are_no_number(text: str) -> None:
    assert natural(text) is None
