"""The text of an address of socat, taken apart as socat does (nestlex.c of socat 1.7 and 1.8)."""

from ..chain.peeling import BadLink

NESTS = {"(": ")", "[": "]", "{": "}"}
ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
LONGEST = 511  # bytes of one token


def token(text: str, at: int, ends: str, *, is_inner: bool = False, quotes: str = "'\"") -> tuple[str, int]:
    """The text from here to one of these ends, and where that is. Raises BadLink.

    The outermost quotes are dropped. What stands between quotes or brackets within others keeps its own.
    """
    found = []
    while at < len(text) and text[at] not in ends:
        letter = text[at]
        if letter == "\\":
            if at + 1 == len(text):
                break
            found.append(ESCAPES.get(text[at + 1], text[at + 1]))
            at += 2
        elif letter in quotes or (letter in NESTS and quotes):
            end = NESTS.get(letter, letter)
            inner, at = token(text, at + 1, end, is_inner=True, quotes="" if letter == "'" else quotes)
            if at == len(text):
                raise BadLink(f"{letter} has no partner")
            found.append(f"{letter}{inner}{end}" if is_inner or letter in NESTS else inner)
            at += 1
        else:
            found.append(letter)
            at += 1
    piece = "".join(found)
    if "\0" in piece:
        raise BadLink("a NUL in an address")
    if len(piece.encode(errors="surrogateescape")) > LONGEST:
        raise BadLink(f"more than {LONGEST} bytes in one part of an address")
    return piece, at


def address(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """([kind, parameter...], [(option, value)...]) of one address."""
    first, at = token(text, 0, ":,")
    parameters = [first]
    while at < len(text) and text[at] == ":":
        parameter, at = token(text, at + 1, ":,")
        parameters.append(parameter)
    options = []
    while at < len(text):
        name, at = token(text, at + 1, ",=")
        value = ""
        if at < len(text) and text[at] == "=":
            value, at = token(text, at + 1, ",")
        if name:
            options.append((name.lower(), value))
    return parameters, options


def command(text: str) -> list[str]:
    """The words of EXEC: blanks separate them, and quotes that the address left."""
    first, at = token(text, 0, " ")
    words = [first]
    while at < len(text):
        while at < len(text) and text[at] == " ":
            at += 1
        word, at = token(text, at, " ")
        words.append(word)
    return words
