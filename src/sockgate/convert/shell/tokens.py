"""The tokens of a shell script: words in raw pieces, operators, line ends. What a piece holds is parsed later."""

import re
from dataclasses import dataclass

from .syntax import Dialect, ScriptError

NEWLINE = "\n"
OPERATORS = ("&&", "||", ";;", ">>", "<<", ">&", "<&", "<>", ">|", ";", "&", "|", "(", ")", "<", ">")
BASH_OPERATORS = ("&>>", "<<<", "&>", "|&", *OPERATORS)
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
LITERAL, PARAMETER, SUBSTITUTION = "literal", "parameter", "substitution"
# $'...' of bash
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
ESCAPED = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
ESCAPED_IN_BACKTICKS, ESCAPED_IN_QUOTES = re.compile(r"\\([`$\\])"), re.compile(r"\\([`$\\\"])")


@dataclass(frozen=True, slots=True)
class RawPiece:
    """A part of a word: literal text, ${...} without its braces, or the text of a command substitution."""

    kind: str
    text: str
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class RawWord:
    """One word; `text` is its literal parts, for keywords and the names of assignments."""

    pieces: tuple[RawPiece, ...]
    line: int

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces if piece.kind == LITERAL)

    @property
    def is_bare(self) -> bool:
        return all(piece.kind == LITERAL and not piece.is_quoted for piece in self.pieces)

    @property
    def quoted_start(self) -> bool:
        return self.pieces[0].is_quoted or self.pieces[0].kind != LITERAL


@dataclass(frozen=True, slots=True)
class Operator:
    """descriptor  the number in front of a redirection, "" for none
    is_glued       no blank stands in front of it
    """

    text: str
    line: int
    descriptor: str = ""
    is_glued: bool = False

    @property
    def is_redirection(self) -> bool:
        return self.text[-1] in "<>" or self.text in (">&", "<&", ">|")


Token = RawWord | Operator


def tokenize(text: str, first_line: int, dialect: Dialect) -> list[Token]:
    """Raises ScriptError."""
    if "\0" in text:
        raise ScriptError(first_line + text[: text.index("\0")].count("\n"), "there is a NUL byte")
    return Tokenizer(text, first_line, dialect).run()


def pieces_of(text: str, line: int, dialect: Dialect) -> tuple[RawPiece, ...]:
    """The pieces of a text that is expanded as between double quotes. Raises ScriptError."""
    return Tokenizer(text, line, dialect).run_quoted()


def joined(pieces: list[RawPiece]) -> tuple[RawPiece, ...]:
    """With literal neighbours of the same kind in one piece."""
    result: list[RawPiece] = []
    for piece in pieces:
        last = result[-1] if result else None
        if last and last.kind == piece.kind == LITERAL and last.is_quoted == piece.is_quoted:
            result[-1] = RawPiece(LITERAL, last.text + piece.text, piece.is_quoted)
        else:
            result.append(piece)
    return tuple(result)


class Tokenizer:
    """One pass over the text."""

    def __init__(self, text: str, line: int, dialect: Dialect) -> None:
        self.text = text
        self.at = 0
        self.line = line
        self.is_bash = dialect is Dialect.BASH
        self.operators = BASH_OPERATORS if self.is_bash else OPERATORS
        self.tokens: list[Token] = []
        self.delimiters: list[str] = []

    def run(self) -> list[Token]:
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == "\n":
                self.tokens.append(Operator(NEWLINE, self.line))
                self.at += 1
                self.line += 1
                self.here_document()
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
                self.line += 1
            elif character in " \t":
                self.at += 1
            elif character == "#":
                self.at = self.find("\n")
            elif operator := self.operator_here():
                self.operator(operator)
            else:
                self.word()
        return self.tokens

    def run_quoted(self) -> tuple[RawPiece, ...]:
        pieces: list[RawPiece] = []
        while self.at < len(self.text):
            pieces += self.pieces(quoted=True)
        return joined(pieces)

    def operator_here(self) -> str:
        return next((operator for operator in self.operators if self.text.startswith(operator, self.at)), "")

    def find(self, what: str) -> int:
        found = self.text.find(what, self.at)
        return len(self.text) if found < 0 else found

    def here_document(self) -> None:
        """The lines up to the delimiter of `<<` hold no commands."""
        while self.delimiters:
            line = self.text[self.at : self.find("\n")]
            self.at = min(self.at + len(line) + 1, len(self.text))
            self.line += 1
            if line.strip("\t") == self.delimiters[0]:
                self.delimiters.pop(0)
            elif self.at >= len(self.text):
                raise ScriptError(self.line, f"the line {self.delimiters[0]!r} is missing")

    def operator(self, text: str) -> None:
        """An operator; the number of a descriptor in front of a redirection is part of it."""
        last = self.tokens[-1] if self.tokens else None
        before = self.text[self.at - 1] if self.at else " "
        descriptor = ""
        if text[0] in "<>" and before.isdigit() and isinstance(last, RawWord) and last.text.isdigit() and last.is_bare:
            self.tokens.pop()
            descriptor = last.text
        self.tokens.append(Operator(text, self.line, descriptor, before not in " \t\n"))
        self.at += len(text)

    def word(self) -> None:
        pieces: list[RawPiece] = []
        line = self.line
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in " \t\n" or self.operator_here():
                break
            pieces += self.pieces(quoted=False)
        last = self.tokens[-1] if self.tokens else None
        self.tokens.append(RawWord(joined(pieces), line))
        if isinstance(last, Operator) and last.text == "<<":
            self.delimiters.append("".join(piece.text for piece in pieces).removeprefix("-"))

    def pieces(self, *, quoted: bool) -> list[RawPiece]:
        """What starts here: a quoted part, an expansion, or one literal character."""
        character = self.text[self.at]
        if character == "\\":
            return self.escaped(quoted=quoted)
        if character == "'" and not quoted:
            return [RawPiece(LITERAL, self.enclosed("'", self.at + 1), True)]
        if character == '"' and not quoted:
            return self.double_quoted()
        if character == "`":
            escaped = ESCAPED_IN_QUOTES if quoted else ESCAPED_IN_BACKTICKS
            body = escaped.sub(r"\1", self.enclosed("`", self.at + 1))
            return [RawPiece(SUBSTITUTION, body, quoted)]
        if character == "$":
            return [self.dollar(quoted=quoted)]
        self.advance(self.at + 1)
        return [RawPiece(LITERAL, character, quoted)]

    def enclosed(self, mark: str, start: int) -> str:
        """The text up to the closing mark, which is passed."""
        end = self.closing(mark, start)
        text = self.text[start:end]
        self.advance(end + 1)
        return text

    def advance(self, to: int) -> None:
        self.line += self.text.count("\n", self.at, to)
        self.at = to

    def closing(self, mark: str, start: int) -> int:
        at = start
        while at < len(self.text) and self.text[at] != mark:
            at += 2 if self.text[at] == "\\" and mark != "'" else 1
        if at >= len(self.text):
            raise ScriptError(self.line, f"the closing {mark} is missing")
        return at

    def escaped(self, *, quoted: bool) -> list[RawPiece]:
        following = self.text[self.at + 1 : self.at + 2]
        self.advance(min(self.at + 2, len(self.text)))
        if following == "\n":
            return []
        if quoted and following not in '$`"\\':
            return [RawPiece(LITERAL, "\\" + following, True)]
        return [RawPiece(LITERAL, following, True)]

    def double_quoted(self) -> list[RawPiece]:
        start = self.line
        self.advance(self.at + 1)
        pieces = [RawPiece(LITERAL, "", True)]
        while self.at < len(self.text) and self.text[self.at] != '"':
            pieces += self.pieces(quoted=True)
        if self.at >= len(self.text):
            raise ScriptError(start, 'the closing " is missing')
        self.advance(self.at + 1)
        return pieces

    def dollar(self, *, quoted: bool) -> RawPiece:
        following = self.text[self.at + 1 : self.at + 2]
        if following == "(":
            return RawPiece(SUBSTITUTION, self.balanced("(", ")"), quoted)
        if following == "{":
            return RawPiece(PARAMETER, self.balanced("{", "}"), quoted)
        if following == "'" and self.is_bash and not quoted:
            return self.ansi_quoted()
        if following == '"' and self.is_bash and not quoted:  # translated by the locale
            self.advance(self.at + 1)
            return RawPiece(LITERAL, "", False)
        end = self.at + 1
        if following in tuple("0123456789") or following in tuple("@*#?$!-"):
            end += 1
        else:
            while end < len(self.text) and self.text[end] in NAME_CHARACTERS:
                end += 1
        name = self.text[self.at + 1 : end]
        self.advance(max(end, self.at + 1))
        return RawPiece(PARAMETER, name, quoted) if name else RawPiece(LITERAL, "$", quoted)

    def ansi_quoted(self) -> RawPiece:
        """$'...' of bash."""
        at = self.at + 2
        while at < len(self.text) and self.text[at] != "'":
            at += 2 if self.text[at] == "\\" else 1
        if at >= len(self.text):
            raise ScriptError(self.line, "the closing ' is missing")
        text = ESCAPED.sub(unescaped, self.text[self.at + 2 : at]).partition("\0")[0]
        self.advance(at + 1)
        return RawPiece(LITERAL, text, True)

    def balanced(self, opening: str, closing: str) -> str:
        """What stands between these, with nested pairs and quoted parts."""
        depth = 0
        at = self.at + 1
        while at < len(self.text):
            character = self.text[at]
            if character == "\\":
                at += 1
            elif character in "'\"" and not (character == "'" and opening == "{"):
                at = self.closing(character, at + 1)
            elif character == opening:
                depth += 1
            elif character == closing:
                depth -= 1
                if not depth:
                    body = self.text[self.at + 2 : at]
                    self.advance(at + 1)
                    return body
            at += 1
        raise ScriptError(self.line, f"the closing {closing} is missing")


def unescaped(match: re.Match[str]) -> str:
    if match[1] or match[2]:
        return chr(int(match[1], 16) if match[1] else int(match[2], 8) & 255)
    return ESCAPES.get(match[3], match[3] if match[3] in "\\'\"?" else match[0])
