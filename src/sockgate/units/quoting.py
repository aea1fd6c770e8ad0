"""Words of unit files: how systemd splits a value into words, and how to write words so that it gets them back.

See systemd.syntax(7), "Quoting". Where that page says nothing, the code follows systemd's extract_first_word().
"""

from collections.abc import Callable, Iterable

from ..core import ConfigError

BLANKS = " \t\n\r"
QUOTES = "'\""
SIMPLE_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", '"': '"', "'": "'", "s": " ",
}  # fmt: skip
# Escapes by number: how many digits, their base, and whether the number is a byte (True) or a character (False).
NUMBER_ESCAPES = {"x": (2, 16, True), "u": (4, 16, False), "U": (8, 16, False)} | {c: (3, 8, True) for c in "01234567"}
WRITTEN_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
# A word that consists of these characters never needs quotes.
BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.:,=@+-")

# A function that reads an escape. Arguments: the text, the position behind the backslash. Result: the meaning of the
# escape, the position behind it.
Escape = Callable[[str, int], tuple[str, int]]


def split_words(text: str) -> list[str]:
    """The words of Environment= and other quoted lists. Raises ValueError if systemd ignores the line."""
    return split(text, strict_escape)


def split_variable(value: str) -> list[str]:
    """The words of a variable that is a word of a command line by itself, as $NAME.

    Quotes group. A backslash takes the next character as it is. No text is an error.
    """
    return split(value, plain_escape, unbalanced=True)


def split(text: str, escape: Escape, *, unbalanced: bool = False) -> list[str]:
    words = []
    at = skip_blanks(text, 0)
    while at < len(text):
        word, at = take_word(text, at, escape, unbalanced=unbalanced)
        words.append(word)
        at = skip_blanks(text, at)
    return words


def skip_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in BLANKS:
        at += 1
    return at


def take_word(text: str, at: int, escape: Escape, *, unbalanced: bool = False) -> tuple[str, int]:
    """The word that starts here, without its quotes, and the position behind it. Raises ValueError."""
    pieces: list[str] = []
    quote = ""
    while at < len(text) and (quote or text[at] not in BLANKS):
        character = text[at]
        at += 1
        if character == "\\":
            piece, at = escape(text, at)
            pieces.append(piece)
        elif character == quote:
            quote = ""
        elif not quote and character in QUOTES:
            quote = character
        else:
            pieces.append(character)
    if quote and not unbalanced:
        raise ValueError(f"the quote {quote} is not closed")
    return join_bytes("".join(pieces)), at


def join_bytes(text: str) -> str:
    """Join bytes that were written one by one (\\xc3\\xa9) to the characters that they form."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def strict_escape(text: str, at: int) -> tuple[str, int]:
    character = text[at : at + 1]
    if character in SIMPLE_ESCAPES:
        return SIMPLE_ESCAPES[character], at + 1
    if character in NUMBER_ESCAPES:
        return number_escape(text, at, *NUMBER_ESCAPES[character])
    raise ValueError(f"the escape '\\{character}' is not known")


def number_escape(text: str, at: int, length: int, base: int, byte: bool) -> tuple[str, int]:
    start = at if base == 8 else at + 1
    digits = text[start : start + length]
    try:
        number = int(digits, base) if len(digits) == length and digits.isalnum() else 0
        if not 0 < number < (0x100 if byte else 0x110000) or 0xD800 <= number < 0xE000:
            raise ValueError
    except ValueError:
        raise ValueError(f"the escape '\\{text[at : start + length]}' is not valid") from None
    return chr(number + 0xDC00 if byte and number >= 0x80 else number), start + length


def lenient_escape(text: str, at: int) -> tuple[str, int]:
    """The escapes of command lines. There an escape that is not valid stays as it is written."""
    try:
        return strict_escape(text, at)
    except ValueError:
        return "\\" + text[at : at + 1], at + 1


def plain_escape(text: str, at: int) -> tuple[str, int]:
    return text[at : at + 1], at + 1


def quote_word(word: str) -> str:
    """One word of a quoted list. `%` is doubled, else it would start a specifier. Raises ConfigError for a NUL."""
    if "\0" in word:
        raise ConfigError(f"{word!r} contains a NUL byte, which no unit file can hold")
    if word and BARE.issuperset(word):
        return word
    return '"' + "".join(map(escape_character, word)).replace("%", "%%") + '"'


def escape_character(character: str) -> str:
    if character in WRITTEN_ESCAPES:
        return WRITTEN_ESCAPES[character]
    if 0xDC80 <= ord(character) <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character if character.isprintable() else "".join(f"\\x{byte:02x}" for byte in character.encode())


def quote_words(words: Iterable[str]) -> str:
    return " ".join(map(quote_word, words))


def quote_variable(words: Iterable[str]) -> str:
    """The value of a variable. systemd splits it into these words where $NAME is a word of a command line."""
    return " ".join(word if word and BARE.issuperset(word) else f'"{escape_plainly(word)}"' for word in words)


def escape_plainly(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"')
