"""Numbers in text that other people wrote."""


def natural(text: str, most_digits: int = 9) -> int | None:
    """The natural number, or 0, that these digits are. None for any other text, and for more digits.

    str.isdigit() alone also takes `²` and the digits of other scripts. int() raises ValueError for the first, and for
    more than 4,300 digits.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= most_digits else None
