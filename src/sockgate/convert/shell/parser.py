"""Tokens become a syntax tree. What is no script raises ScriptError with its line; nothing is evaluated here."""

from collections.abc import Callable

from .assignment import ASSIGNMENT
from .syntax import (
    Assignment,
    BashTest,
    Block,
    Case,
    Command,
    Definition,
    Dialect,
    For,
    Group,
    If,
    Joined,
    Literal,
    Loop,
    Negation,
    Pipeline,
    Primary,
    Redirected,
    Redirection,
    ScriptError,
    Simple,
    Statement,
    Test,
    Word,
)
from .tokens import LITERAL, NEWLINE, Operator, RawPiece, RawWord, tokenize
from .word_parser import DEEPEST, TOO_DEEP, WordParser

KEYWORDS = frozenset(
    ("if", "then", "elif", "else", "fi", "case", "esac", "for", "while", "until", "do", "done", "{", "}")
)


def parse(text: str, first_line: int, dialect: Dialect, depth: int = 0) -> Block:
    """The commands of a text. Raises ScriptError."""
    if depth > DEEPEST:
        raise ScriptError(first_line, TOO_DEEP)
    try:
        return Parser(tokenize(text, first_line, dialect), first_line, dialect, depth).whole()
    except RecursionError:
        raise ScriptError(first_line, TOO_DEEP) from None


class Parser(WordParser):
    """One pass over the tokens of one text."""

    # --- looking at tokens

    def peek(self) -> str:
        """The keyword or operator that comes next; "" for an ordinary word, "eof" at the end."""
        token = self.token()
        if token is None:
            return "eof"
        if isinstance(token, RawWord):
            return token.text if token.is_bare and self.is_keyword(token.text) else ""
        return token.text

    def is_keyword(self, text: str) -> bool:
        return text in KEYWORDS or (self.dialect is Dialect.BASH and text in ("function", "[["))

    def expect(self, word: str) -> None:
        if self.peek() != word:
            raise ScriptError(self.line, f"{word!r} is missing")
        self.at += 1

    def skip(self, *texts: str) -> None:
        while self.peek() in texts:
            self.at += 1

    # --- lists of commands

    def body_of(self, text: str, line: int) -> Block:
        return parse(text, line, self.dialect, self.depth + 1)

    def whole(self) -> Block:
        block = self.block(frozenset())
        if self.peek() != "eof":
            raise ScriptError(self.line, f"{self.peek()!r} stands alone")
        return block

    def block(self, until: frozenset[str]) -> Block:
        """Commands up to one of these keywords, which is left in place."""
        statements: list[Statement] = []
        while True:
            word = self.peek()
            if word == "eof" and until:
                raise ScriptError(self.line, f"{' or '.join(sorted(until))} is missing")
            if word == "eof" or word in until:
                return tuple(statements)
            if word in (NEWLINE, ";", "&"):
                self.at += 1
            else:
                statements.append(self.statement())

    def condition(self, until: str) -> Block:
        """The commands between `if` and `then`, or `while` and `do`."""
        statements: list[Statement] = []
        while self.peek() not in (until, "eof", "do", "done", "fi"):
            if self.peek() in (NEWLINE, ";", "&"):
                self.at += 1
            else:
                statements.append(self.statement())
        self.expect(until)
        return tuple(statements)

    def statement(self) -> Statement:
        first = self.pipeline()
        rest = []
        while (operator := self.peek()) in ("&&", "||"):
            self.at += 1
            self.skip(NEWLINE)
            rest.append((operator, self.pipeline()))
        return Statement(first, tuple(rest), self.peek() == "&")

    def pipeline(self) -> Pipeline:
        is_negated = False
        while self.is_word("!"):
            self.at += 1
            is_negated = not is_negated
        commands = [self.command()]
        while self.peek() in ("|", "|&"):
            self.at += 1
            self.skip(NEWLINE)
            commands.append(self.command())
        return Pipeline(tuple(commands), is_negated)

    def command(self) -> Command:
        word, line = self.peek(), self.line
        if self.defines():
            return self.definition(line)
        if word not in COMPOUNDS:
            if self.is_keyword(word):
                raise ScriptError(line, f"{word!r} stands alone")
            return self.simple(word, line)
        self.at += 1
        command = COMPOUNDS[word](self, line)
        redirections = []
        while isinstance(token := self.token(), Operator) and token.is_redirection:
            redirections.append(self.redirection(token))
        return Redirected(command, word, tuple(redirections), line) if redirections else command

    # --- compound commands

    def conditional(self, line: int) -> If:
        clauses = []
        otherwise: Block = ()
        while True:
            condition = self.condition("then")
            clauses.append((condition, self.block(frozenset(("elif", "else", "fi")))))
            word = self.peek()
            self.at += 1
            if word == "else":
                otherwise = self.block(frozenset(("fi",)))
                self.expect("fi")
            if word != "elif":
                return If(tuple(clauses), otherwise, line)

    def case(self, line: int) -> Case:
        subject = self.next_word()
        self.skip(NEWLINE)
        if self.next_word().text != "in":
            raise ScriptError(line, "'in' is missing")
        clauses: list[tuple[tuple[Word, ...], Block]] = []
        while True:
            self.skip(NEWLINE, ";", ";;")
            if self.peek() == "esac":
                self.at += 1
                return Case(subject, tuple(clauses), line)
            patterns = self.patterns()
            clauses.append((patterns, self.block(frozenset((";;", "esac")))))

    def patterns(self) -> tuple[Word, ...]:
        """(PATTERN | PATTERN), with or without the first parenthesis."""
        if self.peek() == "(":
            self.at += 1
        patterns = [self.next_word()]
        while self.peek() == "|":
            self.at += 1
            patterns.append(self.next_word())
        self.expect(")")
        return tuple(patterns)

    def loop_over_words(self, line: int) -> For:
        name = self.next_word().text
        self.skip(NEWLINE)
        words: list[Word] | None = None
        if self.is_word("in"):
            self.at += 1
            words = []
            while isinstance(self.token(), RawWord):
                words.append(self.next_word())
        self.skip(NEWLINE, ";", ";;")
        return For(name, None if words is None else tuple(words), self.loop_body(), line)

    def loop_body(self) -> Block:
        self.expect("do")
        body = self.block(frozenset(("done",)))
        self.expect("done")
        return body

    def while_loop(self, line: int) -> Loop:
        return self.repetition("while", line)

    def until_loop(self, line: int) -> Loop:
        return self.repetition("until", line)

    def repetition(self, keyword: str, line: int) -> Loop:
        condition = self.condition("do")
        body = self.block(frozenset(("done",)))
        self.expect("done")
        return Loop(keyword, condition, body, line)

    def group(self, line: int) -> Group:
        body = self.block(frozenset("}"))
        self.at += 1
        return Group(body, False, line)

    def subshell(self, line: int) -> Group:
        token = self.token()
        if self.dialect is Dialect.BASH and isinstance(token, Operator) and token.text == "(" and token.is_glued:
            raise ScriptError(line, "'((' is not understood")
        body = self.block(frozenset(")"))
        self.at += 1
        return Group(body, True, line)

    def defines(self) -> bool:
        """NAME ()"""
        following = self.tokens[self.at : self.at + 3]
        return len(following) == 3 and isinstance(following[0], RawWord) and following[0].is_bare and (
            [token.text for token in following[1:] if isinstance(token, Operator)] == ["(", ")"]
        )  # fmt: skip

    def definition(self, line: int) -> Definition:
        """NAME () COMMAND, and bash's `function NAME COMMAND` behind that keyword."""
        name = self.next_word().text
        if self.peek() == "(":
            self.at += 1
            self.expect(")")
        self.skip(NEWLINE)
        if self.peek() not in COMPOUNDS:
            raise ScriptError(self.line, f"the body of {name!r} is missing")
        return Definition(name, self.command(), line)

    # --- [[ ]]

    def bash_test(self, line: int) -> BashTest:
        test = self.either()
        if not self.is_word("]]"):
            raise ScriptError(self.line, "']]' is missing")
        self.at += 1
        return BashTest(test, line)

    def either(self) -> Test:
        test = self.both()
        while self.peek() == "||":
            self.at += 1
            test = Joined("||", test, self.both())
        return test

    def both(self) -> Test:
        test = self.primary()
        while self.peek() == "&&":
            self.at += 1
            test = Joined("&&", test, self.primary())
        return test

    def primary(self) -> Test:
        self.skip(NEWLINE)
        if self.is_word("!"):
            self.at += 1
            return Negation(self.primary())
        if self.peek() == "(":
            self.at += 1
            test = self.either()
            self.expect(")")
            return test
        words: list[Word] = []
        while self.peek() not in ("&&", "||", NEWLINE, "eof", ")") and not self.is_word("]]"):
            words.append(self.operand())
        self.skip(NEWLINE)
        if not words:
            raise ScriptError(self.line, "a test is missing")
        return Primary(tuple(words))

    def operand(self) -> Word:
        """A word, or one of the operators that mean something else between [[ and ]]."""
        token = self.token()
        if isinstance(token, RawWord):
            return self.next_word()
        self.at += 1
        text = token.text if token is not None else ""
        return Word((Literal(text, False),), self.line)

    # --- simple commands

    def simple(self, word: str, line: int) -> Simple:
        start = self.at
        assignments: list[Assignment] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        while (token := self.token()) is not None:
            if isinstance(token, RawWord):
                assignment = None if words else self.assignment(token)
                if assignment:
                    assignments.append(assignment)
                else:
                    words.append(self.word(token))
                    self.at += 1
            elif token.is_redirection:
                redirections.append(self.redirection(token))
            elif token.text == "(":
                raise ScriptError(token.line, "'(' stands where no command begins")
            else:
                break
        if self.at == start:
            raise ScriptError(line, f"{word.strip() or 'the line end'!r} stands alone")
        return Simple(tuple(assignments), tuple(words), tuple(redirections), line)

    def assignment(self, token: RawWord) -> Assignment | None:
        """NAME=VALUE at the start of a command; None for another word."""
        match = ASSIGNMENT.match(token.text)
        if match is None or not token.pieces or token.quoted_start or len(token.pieces[0].text) < match.end():
            return None
        if match[2] and self.dialect is Dialect.DASH:
            return None  # a command of that name
        self.at += 1
        following = self.token()
        if self.dialect is Dialect.BASH and isinstance(following, Operator) and following.text == "(" and (
            following.is_glued and len(token.text) == match.end()
        ):  # fmt: skip
            return Assignment(match[1], bool(match[2]), self.array())
        first = RawPiece(LITERAL, token.pieces[0].text[match.end() :], False)
        return Assignment(match[1], bool(match[2]), self.word(RawWord((first, *token.pieces[1:]), token.line)))

    def array(self) -> tuple[Word, ...]:
        """( WORD WORD ) behind NAME="""
        self.at += 1
        words: list[Word] = []
        while self.peek() != ")":
            self.skip(NEWLINE)
            if isinstance(self.token(), RawWord):
                words.append(self.next_word())
            elif self.peek() != ")":
                raise ScriptError(self.line, "')' is missing")
        self.at += 1
        return tuple(words)

    def redirection(self, operator: Operator) -> Redirection:
        self.at += 1
        return Redirection(operator.descriptor + operator.text, self.next_word())


COMPOUNDS: dict[str, Callable[[Parser, int], Command]] = {
    "if": Parser.conditional,
    "case": Parser.case,
    "for": Parser.loop_over_words,
    "while": Parser.while_loop,
    "until": Parser.until_loop,
    "{": Parser.group,
    "(": Parser.subshell,
    "function": Parser.definition,
    "[[": Parser.bash_test,
}
