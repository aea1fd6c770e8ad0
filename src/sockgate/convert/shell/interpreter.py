"""The interpreter: what a script comes to start, and with which environment."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..source import Place, read_text
from .commands import BUILTINS
from .expansion import expand
from .state import State
from .tokens import NEWLINE, UNKNOWN, Piece, ScriptError, Token, Word, tokenize

KEYWORDS = frozenset(
    ("if", "then", "elif", "else", "fi", "case", "esac", "for", "while", "until", "do", "done", "{", "}")
)
SHELLS = frozenset(("sh", "bash", "dash", "ksh"))
SERVERS = frozenset(("tcpserver", "sslserver", "tcpsvd"))
DEEPEST = 8
LONGEST_VALUE = 1 << 16  # characters; a script can double a value at each of its lines
MOST_TEXTS = 50  # scripts and words of eval that are read for one script
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=", re.ASCII)


class Shell(State):
    """A script, with the state that it leaves."""

    __slots__ = ()

    def run_file(self, path: str) -> None:
        """Evaluate a script or a file that is sourced. Raises Unreadable and ScriptError."""
        self.run_text(read_text(path), path)

    def run_text(self, text: str, file: str, first_line: int = 1) -> None:
        if self.depth > DEEPEST or self.texts >= MOST_TEXTS:
            raise ScriptError(first_line, "scripts source each other without end")
        self.depth += 1
        self.texts += 1
        try:
            Interpreter(self, tokenize(text, first_line), file).run()
        except RecursionError:
            raise ScriptError(first_line, "commands are nested too deeply") from None
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
                self.and_or(live)

    def and_or(self, live: bool) -> None:
        """Pipelines joined by && and ||: each runs as far as the results before it are known."""
        result = self.pipeline(live)
        while self.peek() in ("&&", "||"):
            operator = self.peek()
            self.at += 1
            self.skip_newlines()
            goes_on = None if result is None else result == (operator == "&&")
            if goes_on is None and live:
                self.doubtful(lambda: self.pipeline(live=True))
            else:
                following = self.pipeline(live and bool(goes_on))
                result = following if goes_on else result

    def skip_newlines(self) -> None:
        while self.peek() == NEWLINE:
            self.at += 1

    def doubtful(self, step: Callable[[], bool | None]) -> None:
        """Read a part of which nobody knows whether it runs: what it assigns is unknown, what it starts is not run."""
        self.depth += 1
        before = dict(self.shell.variables)
        commands, done = list(self.shell.commands), self.shell.done
        limits, umask = dict(self.shell.limits), self.shell.umask
        step()
        for name, value in self.shell.variables.items():
            if before.get(name) != value:
                self.shell.variables[name] = UNKNOWN
        self.shell.uncertain += self.shell.commands[len(commands) :]
        self.shell.commands, self.shell.done = commands, done
        self.shell.limits, self.shell.umask = limits, umask
        self.depth -= 1

    def pipeline(self, live: bool) -> bool | None:
        """The result of one pipeline: True, False, or None if it cannot be known."""
        word = self.peek()
        if word == "if":
            return self.conditional(live)
        if word in KEYWORDS:
            return self.compound(word, live)
        start = self.at
        words = self.simple()
        if self.at == start:
            raise ScriptError(self.place().line, f"{word.strip() or 'the line end'!r} stands alone")
        piped = False
        while self.peek() == "|":
            self.at += 1
            self.skip_newlines()
            self.simple()
            piped = True
        if not live or self.shell.done:
            return None
        if piped and not starts_a_server(words):
            self.shell.doubt(self.place_at(start), words[0].text if words else "|", "a pipeline is not run")
            return None
        if piped:
            text = "what the server says is in the journal; the rest of the pipeline is left out"
            self.shell.doubt(self.place_at(start), "|", text)
        return self.execute(words, self.place_at(start)) if words else None

    def place_at(self, at: int) -> Place:
        return Place(self.file, self.tokens[min(at, len(self.tokens) - 1)].line)

    def simple(self) -> list[Word]:
        """The words of one simple command, without its redirections."""
        words: list[Word] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if isinstance(token, Word):
                words.append(token)
                self.at += 1
            elif token.is_redirection:
                self.at += 2 if self.at + 1 < len(self.tokens) and isinstance(self.tokens[self.at + 1], Word) else 1
            elif token.text in ("(", ")"):
                raise ScriptError(token.line, "subshells and functions are not understood")
            else:
                break
        return words

    def conditional(self, live: bool) -> bool | None:
        """if ... fi: the branch that runs, or all of them in doubt."""
        taken: bool | None = False  # whether a branch before this one ran
        self.at += 1
        while True:
            result = self.condition(live and taken is False)
            runs = None if taken is None or (taken is False and result is None) else not taken and result
            self.expect("then")
            self.branch(frozenset(("elif", "else", "fi")), runs, live)
            taken = taken or runs
            word = self.peek()
            self.at += 1
            if word == "else":
                self.branch(frozenset(("fi",)), None if taken is None else not taken, live)
                self.expect("fi")
                return None
            if word == "fi":
                return None

    def condition(self, live: bool) -> bool | None:
        """The commands between if and then; the last one's result decides."""
        result: bool | None = None
        while self.peek() not in ("then", "eof"):
            if self.peek() in (NEWLINE, ";"):
                self.at += 1
            else:
                result = self.pipeline(live)
                if self.peek() in ("&&", "||"):
                    self.at += 1
                    self.pipeline(live)
                    result = None
        return result

    def branch(self, until: frozenset[str], runs: bool | None, live: bool) -> None:
        if runs is None and live and not self.shell.done:
            place = self.place()

            def step() -> None:
                self.block(until, live=True)

            self.doubtful(step)
            self.shell.doubt(place, "if", "the condition cannot be known")
        else:
            self.depth += 1
            self.block(until, live=live and bool(runs))
            self.depth -= 1

    def expect(self, word: str) -> None:
        if self.peek() != word:
            raise ScriptError(self.place().line, f"{word!r} is missing")
        self.at += 1

    def compound(self, word: str, live: bool) -> bool | None:
        """Loops and case: read to their end, in doubt; `{ ...; }` runs."""
        ends = {"case": "esac", "for": "done", "while": "done", "until": "done", "{": "}"}
        if word not in ends:
            raise ScriptError(self.place().line, f"{word!r} stands alone")
        place = self.place()
        self.at += 1
        if word == "{":
            self.block(frozenset("}"), live)
            self.at += 1
            return None
        self.skip_compound(word, ends[word])
        if live and not self.shell.done:
            self.shell.doubt(place, word, f"'{word}' is not evaluated")
        return None

    def skip_compound(self, start: str, end: str) -> None:
        depth = 1
        while depth:
            word = self.peek()
            if word == "eof":
                raise ScriptError(self.place().line, f"{end!r} is missing")
            depth += (word == start) - (word == end)
            self.at += 1

    def execute(self, words: list[Word], place: Place) -> bool | None:
        """One simple command of which it is known that it runs."""
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
        value = "".join(self.expand_piece(piece, place) for piece in word.pieces)
        if len(value) > LONGEST_VALUE:
            raise ScriptError(place.line, "a value is too long")
        name, _, text = value.partition("=")
        if name.endswith("+"):
            name = name[:-1]
            text = self.shell.variables.get(name, "") + text
        return name, text

    def shell_command(self, words: list[str], assigned: dict[str, str], place: Place) -> bool | None:
        builtin = BUILTINS.get(words[0])
        if builtin:
            return builtin(self, words[1:], assigned, place)
        self.start(words, assigned, place)
        return None

    def start(self, words: list[str], assigned: dict[str, str], place: Place) -> None:
        """A program that the script starts; a shell with -c is read as well."""
        at = position_of_shell(words)
        if at is None:
            self.shell.commands.append(self.shell.command(words, assigned, place))
            return
        before = len(self.shell.commands)
        if "envdir" in words[:at]:
            self.shell.variables.update(self.shell.read_envdir(words[words.index("envdir") + 1]))
        self.shell.variables.update(dict(word.split("=", 1) for word in words[:at] if ASSIGNMENT.match(word)))
        self.shell.run_text(words[at + 2], self.file, place.line)
        for number, command in enumerate(self.shell.commands[before:], before):
            self.shell.commands[number] = replace(command, words=(*words[:at], *command.words))

    def expand(self, word: Word, place: Place) -> list[str]:
        """A word after expansion: unquoted parts are split at blanks, and may vanish."""
        fields = [""]
        present = False
        for piece in word.pieces:
            text = self.expand_piece(piece, place)
            if piece.is_quoted or not piece.is_expansion:
                fields[-1] += text
                present = present or piece.is_quoted or bool(text)
                continue
            parts = text.split()
            if text[:1].isspace() and fields[-1]:
                fields.append("")
            for number, part in enumerate(parts):
                if number:
                    fields.append("")
                fields[-1] += part
            if parts and text[-1:].isspace():
                fields.append("")
        if fields[-1] == "" and len(fields) > 1:
            fields.pop()
        return fields if present or fields != [""] else []

    def expand_piece(self, piece: Piece, place: Place) -> str:
        return expand(self, piece, place)


def position_of_shell(words: list[str]) -> int | None:
    """Where `sh -c TEXT` starts among these words."""
    for at in range(len(words) - 2):
        if words[at].rpartition("/")[2] in SHELLS and words[at + 1] == "-c":
            return at
    return None


def starts_a_server(words: list[Word]) -> bool:
    """Whether one of them is a server whose output a pipeline takes to a logger."""
    return any(word.text.rpartition("/")[2] in SERVERS for word in words)
