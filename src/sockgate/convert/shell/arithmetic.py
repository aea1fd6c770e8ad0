"""$(( ... )) as sh calculates it: whole numbers of 64 bits, with C's operators."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

TOKEN = re.compile(
    r"\s*(?:(0[xX][0-9a-fA-F]+|[0-9]+)|([A-Za-z_][A-Za-z0-9_]*)|(<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%<>&|^!~?:()]))",
    re.ASCII,
)
LONGEST = 400  # characters of an expression
NOT_UNDERSTOOD = "this calculation is not understood"
MASK = (1 << 64) - 1


class NotCalculated(Exception):
    """The value cannot be known; the text is the reason."""


def quotient(left: int, right: int) -> int:
    if not right:
        raise NotCalculated("this calculation divides by nothing")
    size = abs(left) // abs(right)
    return size if (left < 0) == (right < 0) else -size


# Operators of two numbers, the ones that bind least first; each row is one level.
LEVELS: tuple[dict[str, Callable[[int, int], int]], ...] = (
    {"||": lambda left, right: int(bool(left or right))},
    {"&&": lambda left, right: int(bool(left and right))},
    {"|": operator.or_},
    {"^": operator.xor},
    {"&": operator.and_},
    {"==": operator.eq, "!=": operator.ne},
    {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt},
    {"<<": lambda left, right: left << (right & 63), ">>": lambda left, right: left >> (right & 63)},
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": quotient, "%": lambda left, right: left - quotient(left, right) * right},
)


def wrapped(number: int) -> int:
    """Within 64 bits, as a C program has it."""
    number &= MASK
    return number - (1 << 64) if number >> 63 else number


def calculate(text: str, value_of: Callable[[str], str]) -> int:
    """value_of: the value of a variable by name. Raises NotCalculated."""
    if len(text) > LONGEST:
        raise NotCalculated(NOT_UNDERSTOOD)
    words: list[str] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise NotCalculated(NOT_UNDERSTOOD)
        words.append(match[0].strip())
        at = match.end()
    calculation = Calculation(words, value_of)
    number = calculation.choice() if words else 0
    if calculation.at < len(words):
        raise NotCalculated(NOT_UNDERSTOOD)
    return number


@dataclass(slots=True)
class Calculation:
    """One pass over the words of an expression."""

    words: list[str]
    value_of: Callable[[str], str]
    at: int = 0

    def next(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def takes(self, word: str) -> bool:
        found = self.next() == word
        self.at += found
        return found

    def choice(self) -> int:
        """A ? B : C"""
        number = self.level(0)
        if not self.takes("?"):
            return number
        first = self.choice()
        if not self.takes(":"):
            raise NotCalculated(NOT_UNDERSTOOD)
        second = self.choice()
        return first if number else second

    def level(self, row: int) -> int:
        if row == len(LEVELS):
            return self.unary()
        number = self.level(row + 1)
        while self.next() in LEVELS[row]:
            calculated = LEVELS[row][self.next()]
            self.at += 1
            number = wrapped(int(calculated(number, self.level(row + 1))))
        return number

    def unary(self) -> int:
        word = self.next()
        self.at += 1
        match word:
            case "-":
                return wrapped(-self.unary())
            case "+":
                return self.unary()
            case "!":
                return int(not self.unary())
            case "~":
                return ~self.unary()
            case "(":
                number = self.choice()
                if not self.takes(")"):
                    raise NotCalculated(NOT_UNDERSTOOD)
                return number
        return constant(word if word[:1].isdigit() else self.value_of(word).strip() or "0" if word else "")


def constant(text: str) -> int:
    """A number as C writes it, with its sign: 010 is eight."""
    digits = text.lstrip("+-")
    sign = -1 if text.startswith("-") else 1
    if re.fullmatch("0[xX][0-9a-fA-F]{1,16}", digits):
        return wrapped(sign * int(digits, 16))
    if re.fullmatch("0[0-7]{1,21}", digits):
        return wrapped(sign * int(digits, 8))
    if re.fullmatch(r"0|[1-9][0-9]{0,18}", digits, re.ASCII) and len(text) - len(digits) <= 1:
        return wrapped(sign * int(digits))
    raise NotCalculated(NOT_UNDERSTOOD)
