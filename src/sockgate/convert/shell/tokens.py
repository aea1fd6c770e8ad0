"""The tokens of a shell script: words in pieces, operators, line ends."""

import re
from dataclasses import dataclass

UNKNOWN = "\ufdd0"  # stands in a value for what cannot be known; a Unicode noncharacter, in no real text
# `id -u NAME` and `id -g NAME` stay what they say, since User= takes names: mark, u or g, name, mark.
ACCOUNT_MARK = "\ufdd1"
NEWLINE = "\n"
OPERATORS = ("&&", "||", ";;", ">>", "<<", ">&", "<&", "&>", ";", "&", "|", "(", ")", "<", ">")
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=", re.ASCII)
LITERAL, PARAMETER, SUBSTITUTION = "literal", "parameter", "substitution"


class ScriptError(Exception):
    """The script is not in the part of sh that is understood; the text is the reason."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a word: literal text, ${...} without its braces, or the text of a command substitution."""

    kind: str
    text: str
    is_quoted: bool

    @property
    def is_expansion(self) -> bool:
        return self.kind != LITERAL


@dataclass(frozen=True, slots=True)
class Word:
    """One word; `text` is its literal parts, for keywords and the names of assignments."""

    pieces: tuple[Piece, ...]
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
    """descriptor  the number in front of a redirection, "" for none"""

    text: str
    line: int
    descriptor: str = ""

    @property
    def is_redirection(self) -> bool:
        return self.text[-1] in "<>" or self.text in (">&", "<&", "&>")


Token = Word | Operator


def tokenize(text: str, first_line: int = 1) -> list[Token]:
    """Raises ScriptError."""
    if "\0" in text:
        raise ScriptError(first_line + text[: text.index("\0")].count("\n"), "there is a NUL byte")
    return Tokenizer(text, first_line).run()


def joined(pieces: list[Piece]) -> list[Piece]:
    """With literal neighbours of the same kind in one piece."""
    result: list[Piece] = []
    for piece in pieces:
        last = result[-1] if result else None
        if last and last.kind == piece.kind == LITERAL and last.is_quoted == piece.is_quoted:
            result[-1] = Piece(LITERAL, last.text + piece.text, piece.is_quoted)
        else:
            result.append(piece)
    return result


class Tokenizer:
    """One pass over the text."""

    def __init__(self, text: str, line: int) -> None:
        self.text = text
        self.at = 0
        self.line = line
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
            elif character in " \t\r":
                self.at += 1
            elif character == "#":
                self.at = self.find("\n")
            elif operator := next((op for op in OPERATORS if self.text.startswith(op, self.at)), ""):
                self.operator(operator)
            else:
                self.word()
        return self.tokens

    def find(self, what: str) -> int:
        found = self.text.find(what, self.at)
        return len(self.text) if found < 0 else found

    def here_document(self) -> None:
        """The lines up to the delimiter of `<<` are nobody's commands."""
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
        glued = self.at > 0 and self.text[self.at - 1].isdigit()
        descriptor = ""
        if text[0] in "<>" and glued and isinstance(last, Word) and last.text.isdigit() and last.is_bare:
            self.tokens.pop()
            descriptor = last.text
        self.tokens.append(Operator(text, self.line, descriptor))
        self.at += len(text)

    def word(self) -> None:
        pieces: list[Piece] = []
        line = self.line
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in " \t\r\n" or any(self.text.startswith(op, self.at) for op in OPERATORS):
                break
            pieces += self.pieces(quoted=False)
        last = self.tokens[-1] if self.tokens else None
        self.tokens.append(Word(tuple(joined(pieces)), line))
        if isinstance(last, Operator) and last.text == "<<":
            self.delimiters.append("".join(piece.text for piece in pieces).removeprefix("-"))

    def pieces(self, *, quoted: bool) -> list[Piece]:
        """What starts here: a quoted part, an expansion, or one literal character."""
        character = self.text[self.at]
        if character == "\\":
            return self.escaped(quoted=quoted)
        if character == "'" and not quoted:
            end = self.closing("'", self.at + 1)
            literal = self.text[self.at + 1 : end]
            self.advance(end + 1)
            return [Piece(LITERAL, literal, True)]
        if character == '"' and not quoted:
            return self.double_quoted()
        if character == "`":
            end = self.closing("`", self.at + 1)
            body = self.text[self.at + 1 : end].replace("\\`", "`").replace("\\$", "$").replace("\\\\", "\\")
            self.advance(end + 1)
            return [Piece(SUBSTITUTION, body, quoted)]
        if character == "$":
            return [self.dollar(quoted=quoted)]
        self.advance(self.at + 1)
        return [Piece(LITERAL, character, quoted)]

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

    def escaped(self, *, quoted: bool) -> list[Piece]:
        following = self.text[self.at + 1 : self.at + 2]
        self.advance(min(self.at + 2, len(self.text)))
        if following == "\n":
            return []
        if quoted and following not in '$`"\\':
            return [Piece(LITERAL, "\\" + following, True)]
        return [Piece(LITERAL, following, True)]

    def double_quoted(self) -> list[Piece]:
        start = self.line
        self.advance(self.at + 1)
        pieces = [Piece(LITERAL, "", True)]
        while self.at < len(self.text) and self.text[self.at] != '"':
            pieces += self.pieces(quoted=True)
        if self.at >= len(self.text):
            raise ScriptError(start, 'the closing " is missing')
        self.advance(self.at + 1)
        return pieces

    def dollar(self, *, quoted: bool) -> Piece:
        following = self.text[self.at + 1 : self.at + 2]
        if following == "(":
            body = self.balanced("(", ")")
            return Piece(SUBSTITUTION, body, quoted)
        if following == "{":
            return Piece(PARAMETER, self.balanced("{", "}"), quoted)
        end = self.at + 1
        if following in tuple("0123456789") or following in tuple("@*#?$!-"):
            end += 1
        else:
            while end < len(self.text) and self.text[end] in NAME_CHARACTERS:
                end += 1
        name = self.text[self.at + 1 : end]
        self.advance(max(end, self.at + 1))
        return Piece(PARAMETER, name, quoted) if name else Piece(LITERAL, "$", quoted)

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
