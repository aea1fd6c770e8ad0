"""The interpreter: what a script comes to start, and with which environment."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..input_files import Place, read_text
from .commands import BUILTINS
from .compound import COMPOUNDS, definition
from .expansion import after_equals, expand, fields_of
from .starting import start, starts_a_server
from .state import State
from .tokens import ASSIGNMENT, NEWLINE, UNKNOWN, Operator, Piece, ScriptError, Token, Word, tokenize

KEYWORDS = frozenset(
    ("if", "then", "elif", "else", "fi", "case", "esac", "for", "while", "until", "do", "done", "{", "}", "function")
)
DEEPEST = 8
LONGEST_VALUE = 1 << 16  # characters; a script can double a value at each of its lines
MOST_TEXTS = 200  # scripts, words of eval and calls of functions that are read for one script


class Shell(State):
    """A script, with the state that it leaves."""

    __slots__ = ()

    def run_file(self, path: str) -> None:
        """Evaluate a script or a file that is sourced. Raises Unreadable and ScriptError."""
        self.run_text(read_text(path), path)

    def run_text(self, text: str, file: str, first_line: int = 1) -> None:
        with self.one_deeper(Place(file, first_line)):
            Interpreter(self, tokenize(text, first_line), file).run()

    @contextlib.contextmanager
    def one_deeper(self, place: Place) -> Iterator[None]:
        """Around a text or function that another one has run. Raises ScriptError."""
        if self.depth > DEEPEST or self.texts >= MOST_TEXTS:
            raise ScriptError(place.line, "scripts or functions run each other without end")
        self.depth += 1
        self.texts += 1
        try:
            yield
        except RecursionError:
            raise ScriptError(place.line, "commands are nested too deeply") from None
        finally:
            self.depth -= 1


@dataclass(slots=True)
class Interpreter:
    """One pass over the tokens of one file."""

    shell: Shell
    tokens: list[Token]
    file: str
    at: int = 0
    depth: int = 0  # of if and case around the command that is read

    def run(self) -> None:
        self.block(frozenset(), live=True)

    def place(self) -> Place:
        line = self.tokens[min(self.at, len(self.tokens) - 1)].line if self.tokens else 0
        return Place(self.file, line)

    def peek(self) -> str:
        """The keyword or operator that comes next; "" for an ordinary word, "eof" at the end."""
        if self.at >= len(self.tokens):
            return "eof"
        token = self.tokens[self.at]
        if isinstance(token, Word):
            return token.text if token.text in KEYWORDS and token.is_bare else ""
        return token.text

    def block(self, until: frozenset[str], live: bool) -> str:
        """Commands up to one of these keywords, which is returned and left in place."""
        while True:
            word = self.peek()
            if word == "eof" or word in until:
                if word == "eof" and until:
                    raise ScriptError(self.place().line, f"{' or '.join(sorted(until))} is missing")
                return word
            if word in (NEWLINE, ";", "&"):
                self.at += 1
            else:
                self.listed(live)

    def listed(self, live: bool) -> None:
        """Commands up to `;` or `&`. In the background it is a subshell: exec does not end the script there."""
        done = self.shell.done
        self.and_or(live)
        if self.peek() == "&":
            self.shell.done = done

    def and_or(self, live: bool) -> bool | None:
        """Pipelines joined by && and ||: each runs as far as the results before it are known. The last one's result."""
        result = self.pipeline(live)
        while self.peek() in ("&&", "||"):
            operator = self.peek()
            self.at += 1
            self.skip_newlines()
            goes_on = None if result is None else result == (operator == "&&")
            if goes_on is None and live and not self.shell.stopped:
                self.doubtful(lambda: self.pipeline(live=True))
            else:
                self.depth += 1
                following = self.pipeline(live and bool(goes_on))
                self.depth -= 1
                result = following if goes_on else result
        return result

    def skip_newlines(self) -> None:
        while self.peek() == NEWLINE:
            self.at += 1

    def doubtful(self, step: Callable[[], object]) -> None:
        """Read a part of which nobody knows whether it runs: what it assigns is unknown, what it starts is not run."""
        self.depth += 1
        self.shell.in_doubt += 1
        before = dict(self.shell.variables)
        commands, done = list(self.shell.commands), self.shell.done
        limits, umask, folder = dict(self.shell.limits), self.shell.umask, self.shell.folder
        step()
        for name, value in self.shell.variables.items():
            if before.get(name) != value:
                self.shell.variables[name] = UNKNOWN
        self.shell.uncertain += self.shell.commands[len(commands) :]
        self.shell.commands, self.shell.done, self.shell.returning = commands, done, False
        self.shell.limits, self.shell.umask, self.shell.folder = limits, umask, folder
        self.shell.in_doubt -= 1
        self.depth -= 1

    def pipeline(self, live: bool) -> bool | None:
        """The result of one pipeline: True, False, or None if it cannot be known."""
        negated = False
        while self.is_negation():
            self.at += 1
            negated = not negated
        live = live and not self.shell.stopped
        result = self.command(live)
        if live:
            result = result if result is None else result != negated
            self.shell.status = result
        return result

    def is_negation(self) -> bool:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        return isinstance(token, Word) and token.is_bare and token.text == "!"

    def command(self, live: bool) -> bool | None:
        """One command with what is piped behind it, which is read only."""
        word = self.peek()
        compound = COMPOUNDS.get(word) or (definition if self.defines() else None)
        if compound is not None:
            result = compound(self, live)
            self.simple_end()
            return None if self.skip_stages() else result
        if word in KEYWORDS:
            raise ScriptError(self.place().line, f"{word!r} stands alone")
        return self.simple_command(word, live)

    def simple_command(self, word: str, live: bool) -> bool | None:
        start = self.at
        words = self.simple()
        if self.at == start:
            raise ScriptError(self.place().line, f"{word.strip() or 'the line end'!r} stands alone")
        piped = self.skip_stages()
        if not live:
            return None
        if piped and not starts_a_server(words):
            self.shell.doubt(self.place_at(start), words[0].text if words else "|", "a pipeline is not run")
            return None
        if piped:
            text = "what the server says is in the journal; the rest of the pipeline is left out"
            self.shell.doubt(self.place_at(start), "|", text)
        done = self.shell.done
        result = self.execute(words, self.place_at(start)) if words else None
        self.shell.done = done if piped else self.shell.done
        return result

    def defines(self) -> bool:
        """NAME ()"""
        following = self.tokens[self.at : self.at + 3]
        return len(following) == 3 and isinstance(following[0], Word) and following[0].is_bare and (
            [token.text for token in following[1:] if isinstance(token, Operator)] == ["(", ")"]
        )  # fmt: skip

    def skip_stages(self) -> bool:
        """The commands behind `|`, which are read and not run."""
        piped = False
        while self.peek() == "|":
            self.at += 1
            self.skip_newlines()
            self.command(live=False)
            piped = True
        return piped

    def place_at(self, at: int) -> Place:
        return Place(self.file, self.tokens[min(at, len(self.tokens) - 1)].line)

    def condition(self, until: frozenset[str], live: bool) -> bool | None:
        """The commands between if and then; the last one's result decides."""
        result: bool | None = None
        while self.peek() not in until and self.peek() not in ("eof", "do", "done", "fi"):
            if self.peek() in (NEWLINE, ";", "&"):
                self.at += 1
            else:
                result = self.and_or(live)
        return result

    def simple(self) -> list[Word]:
        """The words of one simple command, without its redirections."""
        words: list[Word] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if isinstance(token, Word):
                words.append(token)
                self.at += 1
            elif token.is_redirection:
                self.redirection()
            elif token.text == "(":
                raise ScriptError(token.line, "'(' stands where no command begins")
            else:
                break
        return words

    def redirection(self) -> None:
        self.at += 2 if self.at + 1 < len(self.tokens) and isinstance(self.tokens[self.at + 1], Word) else 1

    def simple_end(self) -> None:
        """The redirections behind a compound command."""
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if isinstance(token, Word) or not token.is_redirection:
                return
            self.redirection()

    def expect(self, word: str) -> None:
        if self.peek() != word:
            raise ScriptError(self.place().line, f"{word!r} is missing")
        self.at += 1

    def execute(self, words: list[Word], place: Place) -> bool | None:
        """One simple command of which it is known that it runs."""
        self.shell.count(place)
        assignments: list[tuple[str, str]] = []
        at = 0
        while at < len(words) and ASSIGNMENT.match(words[at].text) and words[at].pieces and not words[at].quoted_start:
            assignments.append(self.assignment(words[at], place))
            at += 1
        expanded = [text for word in words[at:] for text in self.expand(word, place)]
        if not expanded:
            self.shell.variables.update(assignments)
            return True
        return self.shell_command(expanded, dict(assignments), place)

    def assignment(self, word: Word, place: Place) -> tuple[str, str]:
        value = "".join(self.expand_piece(piece, place) for piece in after_equals(word))
        if len(value) > LONGEST_VALUE:
            raise ScriptError(place.line, "a value is too long")
        name, _, text = value.partition("=")
        if name.endswith("+"):
            name = name[:-1]
            text = self.shell.variables.get(name, "") + text
        return name, text

    def shell_command(self, words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
        if words[0] in self.shell.functions:
            return self.call(words, assigned, place)
        builtin = BUILTINS.get(words[0])
        if builtin:
            return builtin(self, words[1:], assigned, place)
        start(self, words, assigned, place)
        return None

    def call(self, words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
        """A function of the script: its result is that of its last command."""
        shell = self.shell
        arguments, shell.arguments = shell.arguments, tuple(words[1:])
        shell.variables.update(assigned)
        function = shell.functions[words[0]]
        with shell.one_deeper(place):
            Interpreter(shell, list(function.tokens), function.file, depth=self.depth).run()
        shell.arguments, shell.returning = arguments, False
        return shell.status

    def expand(self, word: Word, place: Place) -> list[str]:
        return fields_of(word, self.shell.arguments, lambda piece: expand(self, piece, place))

    def expand_piece(self, piece: Piece, place: Place) -> str:
        return expand(self, piece, place)
