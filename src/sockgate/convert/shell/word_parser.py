"""The pieces of words become parts of the syntax tree: literal text, parameters, calculations, substitutions."""

import re
from dataclasses import dataclass

from .syntax import Arithmetic, Block, Dialect, Literal, Parameter, Piece, ScriptError, Substitution, Word
from .tokens import LITERAL, PARAMETER, RawPiece, RawWord, Token, pieces_of, tokenize

EXPANSION = re.compile(
    r"(#?)([A-Za-z_][A-Za-z0-9_]*|\d+|[@*#?$!-])(?:\[([0-9]+|[@*])\])?(:?[-=+?]|%%?|##?)?(.*)", re.DOTALL | re.ASCII
)
TOO_DEEP = "commands are nested too deeply"
DEEPEST = 40  # texts within texts: substitutions, and words behind the operator of ${...}


@dataclass(slots=True)
class WordParser:
    """A place among the tokens of one text, and the words there. depth: of texts around it."""

    tokens: list[Token]
    first_line: int
    dialect: Dialect
    depth: int = 0
    at: int = 0

    @property
    def line(self) -> int:
        return self.tokens[min(self.at, len(self.tokens) - 1)].line if self.tokens else self.first_line

    def token(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def is_word(self, text: str) -> bool:
        token = self.token()
        return isinstance(token, RawWord) and token.is_bare and token.text == text

    def body_of(self, text: str, line: int) -> Block:
        """The commands of a substitution, which the parser of commands knows. Raises ScriptError."""
        raise NotImplementedError

    def next_word(self) -> Word:
        token = self.token()
        if not isinstance(token, RawWord):
            raise ScriptError(self.line, "a word is missing")
        self.at += 1
        return self.word(token)

    def word(self, token: RawWord) -> Word:
        return Word(tuple(self.piece(piece, token.line) for piece in token.pieces), token.line)

    def piece(self, raw: RawPiece, line: int) -> Piece:
        if raw.kind == LITERAL:
            return Literal(raw.text, raw.is_quoted)
        if raw.kind == PARAMETER:
            return self.parameter(raw, line)
        if raw.text.startswith("(") and raw.text.endswith(")"):
            return self.arithmetic(raw, line)
        try:
            body = self.body_of(raw.text.strip(), line)
        except ScriptError as error:
            if str(error) == TOO_DEEP:
                raise
            return Substitution((), raw.text, raw.is_quoted, str(error))
        return Substitution(body, raw.text, raw.is_quoted)

    def arithmetic(self, raw: RawPiece, line: int) -> Arithmetic:
        pieces = pieces_of(raw.text[1:-1], line, self.dialect)
        below = type(self)([], line, self.dialect, self.deeper(line))
        return Arithmetic(tuple(below.piece(piece, line) for piece in pieces), raw.text, raw.is_quoted)

    def parameter(self, raw: RawPiece, line: int) -> Parameter:
        not_understood = Parameter("", "", (), "", raw.text, raw.is_quoted)
        match = EXPANSION.fullmatch(raw.text)
        if match is None:
            return not_understood
        length, name, subscript, operator, rest = (match[number] or "" for number in range(1, 6))
        if (length and (operator or rest)) or (subscript and self.dialect is Dialect.DASH):
            return not_understood
        if length:
            return Parameter(name, "length", (), subscript, raw.text, raw.is_quoted)
        if rest and not operator:
            return not_understood
        if raw.is_quoted and operator[-1:] in ("-", "=", "+") and "'" in rest and '"' not in rest:
            below = type(self)([], line, self.dialect, self.deeper(line))  # there, ' stands for itself
            quoted = Word(tuple(below.piece(piece, line) for piece in pieces_of(rest, line, self.dialect)), line)
            return Parameter(name, operator, (quoted,), subscript, raw.text, raw.is_quoted)
        words = self.argument(rest, line)
        return not_understood if words is None else Parameter(name, operator, words, subscript, raw.text, raw.is_quoted)

    def argument(self, text: str, line: int) -> tuple[Word, ...] | None:
        """The words behind an operator; None if their quotes do not match."""
        below = type(self)([], line, self.dialect, self.deeper(line))
        try:
            tokens = tokenize(text, line, self.dialect)
        except ScriptError:
            return None
        return tuple(below.word(token) for token in tokens if isinstance(token, RawWord))

    def deeper(self, line: int) -> int:
        if self.depth >= DEEPEST:
            raise ScriptError(line, TOO_DEEP)
        return self.depth + 1
