"""The evaluator walks the tree of a script: what the script comes to start, and with which environment.

What is known to run is run. What may run or not is run in doubt: afterwards what it assigns is unknown, and what it
starts is kept apart.
"""

from ..input_files import UNKNOWN, Place, read_text
from .builtins import SPECIAL, builtin_named, does_not_matter
from .conditions import bash_test
from .expander import Expander, opens_a_file, silenced
from .expansion import matches
from .findings import NO_KEYS, Question
from .interpreters import dialect_of_script, options_of
from .parser import parse
from .runner import Call
from .starting import start, starts_a_server
from .state import Function, State
from .syntax import (
    BashTest,
    Block,
    Case,
    Command,
    Definition,
    Dialect,
    For,
    Group,
    If,
    Loop,
    Pipeline,
    Redirected,
    Redirection,
    ScriptError,
    Simple,
    Statement,
)

CHANGE_WHAT_IS_INHERITED = frozenset(("ulimit", "umask", "cd"))
MOST_WORDS = 100  # of a `for` that is run for each


def evaluate_script(state: State, path: str) -> None:
    """Evaluate a script as the kernel would start it. Raises Unreadable and ScriptError."""
    text = read_text(path)
    state.dialect = dialect_of_script(text, state.host)
    state.set_options(options_of(text), given=True)
    evaluate_text(state, text, path)


def evaluate_text(state: State, text: str, file: str) -> None:
    """Evaluate a text as a script of this name. Raises ScriptError."""
    Evaluator(state, file).run_text(text, 1, state.dialect)


def evaluate_file(state: State, path: str) -> None:
    """Evaluate a file as `.` does. Raises Unreadable and ScriptError."""
    Evaluator(state, path).run_file(path)


def ends_with_failure(command: Command) -> bool:
    """Whether set -e looks at its status. In other compound commands it has looked at the commands in them."""
    if isinstance(command, Redirected):
        command = command.command
    return isinstance(command, Simple | BashTest) or (isinstance(command, Group) and command.is_subshell)


def line_of(pipeline: Pipeline) -> int:
    return pipeline.commands[0].line


class Evaluator(Expander):
    """The evaluation of one text: see runner.Runner."""

    # --- texts

    def run_text(self, text: str, line: int, dialect: Dialect) -> None:
        state = self.state
        with state.one_deeper(Place(self.file, line)):
            tree = state.trees.get((text, line, dialect))
            if tree is None:
                tree = state.trees[text, line, dialect] = parse(text, line, dialect)
            before, state.dialect = state.dialect, dialect
            self.block(tree)
            state.dialect = before

    # --- lists of commands

    def block(self, block: Block) -> None:
        for statement in block:
            if self.state.stopped:
                return
            self.statement(statement)

    def statement(self, statement: Statement) -> int | None:
        """In the background it is a subshell: exec does not end the script there, and the script waits for nothing."""
        kept, waits_for = self.state.kept(), self.state.waits_for
        status = self.member(statement.first, is_last=not statement.rest)
        for number, (operator, pipeline) in enumerate(statement.rest, 1):
            if self.state.stopped:
                break
            goes_on = None if status is None else (status == 0) == (operator == "&&")
            if goes_on is None:
                self.in_doubt((Statement(pipeline, (), False),))
                continue
            self.depth += 1
            status = self.member(pipeline, is_last=number == len(statement.rest)) if goes_on else status
            self.depth -= 1
        if statement.is_background:
            kept.restore(self.state)
            self.state.waits_for = waits_for
        return status

    def member(self, pipeline: Pipeline, *, is_last: bool) -> int | None:
        """One pipeline between && and ||. With set -e a failure of the last one ends the script."""
        state = self.state
        is_tested = not is_last or pipeline.is_negated or not ends_with_failure(pipeline.commands[-1])
        state.tested += not is_last or pipeline.is_negated
        status = self.pipeline(pipeline)
        state.tested -= not is_last or pipeline.is_negated
        if status and state.stops_at_failure and not (is_tested or state.tested or state.stopped):
            if not state.world:
                state.doubt(self.place(line_of(pipeline)), "set -e", "the script ends here: this fails on this machine")
            state.done = True
        return status

    def pipeline(self, pipeline: Pipeline) -> int | None:
        """The status of one pipeline; None if it cannot be known."""
        status = self.piped(pipeline) if len(pipeline.commands) > 1 else self.command(pipeline.commands[0])
        if pipeline.is_negated and status is not None:
            status = int(not status)
        self.state.status = status
        return status

    def piped(self, pipeline: Pipeline) -> int | None:
        """The first command; what is piped behind it is not run."""
        command, state = pipeline.commands[0], self.state
        if not isinstance(command, Simple):
            self.command(command)
            return None
        place = self.place(command.line)
        if not starts_a_server(command.words):
            state.doubt(place, command.words[0].text if command.words else "|", "a pipeline is not run")
            return None
        text = "what the server says is in the journal; the rest of the pipeline is left out"
        state.doubt(place, "|", text)
        done = state.done
        self.command(command)
        state.done = done
        return None

    def command(self, command: Command) -> int | None:
        match command:
            case Simple():
                return self.simple(command)
            case If():
                self.conditional(command)
            case Case():
                self.case(command)
            case For():
                self.loop(command)
            case Loop():
                self.repetition(command)
            case Group():
                return self.subshell(command.body) if command.is_subshell else self.group(command.body)
            case Redirected():
                return self.redirected(command)
            case Definition():
                return self.define(command)
            case BashTest():
                return bash_test(self, command, self.place(command.line))
        return self.state.status

    def define(self, command: Definition) -> int:
        if command.name in SPECIAL and self.state.dialect is Dialect.DASH:
            raise ScriptError(command.line, f"{command.name!r} is no name of a function for dash")
        self.state.functions[command.name] = Function(command.body, self.file)
        return 0

    # --- compound commands

    def condition(self, block: Block) -> int | None:
        """The commands between if and then; the last one's status decides."""
        status: int | None = 0
        self.state.tested += 1
        for statement in block:
            if self.state.stopped:
                status = None
                break
            status = self.statement(statement)
        self.state.tested -= 1
        return status

    def conditional(self, command: If) -> None:
        """The branch that runs, or all of those that may run, in doubt."""
        for number, (condition, body) in enumerate(command.clauses):
            status = self.condition(condition)
            if self.state.stopped:
                return
            if status is None:
                for _, branch in command.clauses[number:]:
                    self.in_doubt(branch)
                self.in_doubt(command.otherwise)
                self.state.doubt(self.place(command.line), "if", "the condition cannot be known")
                return
            if status == 0:
                self.nested(body)
                return
        if command.otherwise:
            self.nested(command.otherwise)
        else:
            self.state.status = 0

    def nested(self, block: Block) -> None:
        self.depth += 1
        self.block(block)
        self.depth -= 1

    def case(self, command: Case) -> None:
        """The first clause that matches, or all of them in doubt."""
        place = self.place(command.line)
        value, keys = self.watched(lambda: self.text(command.subject.pieces, place))
        number = self.clause(command, value, place)
        if number is None:
            for _, body in command.clauses:
                self.in_doubt(body)
            self.state.doubt(place, "case", "which of its branches runs cannot be known")
            return
        if self.state.may_be_otherwise(keys):
            others = [at for at in range(len(command.clauses) + 1) if at != number]
            shown = f"case {self.state.told([value], [keys])} in"
            question = Question(f"case {place}", place, shown, "this branch runs", len(others))
            number = self.state.ask(question, number, *others)
        if number < len(command.clauses) and command.clauses[number][1]:
            self.nested(command.clauses[number][1])
        else:
            self.state.status = 0

    def clause(self, command: Case, value: str, place: Place) -> int | None:
        """The number of the clause that runs, one too many for none, None if it cannot be known."""
        for number, (patterns, _) in enumerate(command.clauses):
            for pattern in patterns:
                text = self.pattern(pattern, place)
                if text == "*":
                    return number
                found = matches(value, text)
                if found is None:
                    return None
                if found:
                    return number
        return len(command.clauses)

    def loop(self, command: For) -> None:
        """for: once for each word."""
        state, place = self.state, self.place(command.line)
        words, keys = self.watched(lambda: self.loop_words(command, place))
        state.status = state.status if words else 0
        if len(words) > MOST_WORDS or any(UNKNOWN in word for word in words):
            state.assign(command.name, UNKNOWN, keys, place)
            self.in_doubt(command.body)
            state.doubt(place, "for", "for which words it runs cannot be known")
            return
        for word in words:
            state.count(place)
            state.assign(command.name, word, keys, place)
            if not self.rounds(command.body):
                return

    def loop_words(self, command: For, place: Place) -> list[str]:
        if command.words is None:
            self.state.touched |= self.state.argument_keys
            return list(self.state.arguments)
        return [text for word in command.words for text in self.fields(word, place)]

    def rounds(self, body: Block) -> bool:
        """One round of a loop; whether there may be another one."""
        state = self.state
        state.loops += 1
        self.nested(body)
        state.loops -= 1
        if state.leaving == -1:
            state.leaving = 0
            return not state.stopped
        if state.leaving:
            state.leaving -= 1 if state.leaving > 0 else -1
            return False
        return not state.stopped

    def repetition(self, command: Loop) -> None:
        """while and until: in doubt, since what changes between two rounds is not known."""
        self.in_doubt((*command.condition, *command.body))
        self.state.doubt(self.place(command.line), command.keyword, f"'{command.keyword}' is not evaluated")

    def group(self, body: Block) -> int | None:
        self.block(body)
        return self.state.status

    def subshell(self, body: Block) -> int | None:
        """What it starts is started, and nothing else is left of it."""
        kept, depth = self.state.kept(), self.depth
        self.depth = 0
        self.block(body)
        self.depth = depth
        kept.restore(self.state)
        return self.state.status

    def redirected(self, command: Redirected) -> int | None:
        """It is not run if one of its files cannot be opened. What is said to its descriptors goes where they lead."""
        state, place = self.state, self.place(command.line)
        name = self.unopened(command.redirections, place)
        if name is not None:
            text = f"{name!r} cannot be opened here: the shell does not run what is in it then"
            state.doubt(place, command.word, text)
        silent, state.silent = state.silent, silenced(state.silent, command.redirections)
        status = self.command(command.command)
        state.silent = silent
        return None if opens_a_file(command.redirections) else status

    def in_doubt(self, block: Block) -> None:
        """Run a part that may run or not: what it assigns is unknown, what it starts is kept apart."""
        state = self.state
        kept, commands, waits_for = state.kept(), len(state.commands), state.waits_for
        self.depth += 1
        state.in_doubt += 1
        state.loops += 1  # a `break` in it ends it, and no more can be known
        self.block(block)
        state.in_doubt -= 1
        self.depth -= 1
        after = state.kept()
        kept.restore(state)
        state.variables = {
            name: value if kept.variables.get(name) == value == after.variables.get(name) else UNKNOWN
            for name, value in (kept.variables | after.variables).items()
        }
        state.exported, state.functions, state.arguments = after.exported, after.functions, after.arguments
        state.constant, state.options = after.constant, after.options
        state.argument_keys |= after.argument_keys
        state.waits_for = waits_for
        state.uncertain += state.commands[commands:]
        del state.commands[commands:]

    # --- simple commands

    def simple(self, command: Simple) -> int | None:
        place = self.place(command.line)
        self.state.count(place)
        if command.words:
            call = self.expanded(command)
            if call.words:
                self.doubt_files(command.redirections, call)
                status = self.run_words(call)
                return None if opens_a_file(command.redirections) else status
        self.state.printed = 0
        for assignment in command.assignments:
            self.assign(assignment, place)
        return None if opens_a_file(command.redirections) else self.state.printed

    def doubt_files(self, redirections: tuple[Redirection, ...], call: Call) -> None:
        """A command is not run if one of its files cannot be opened. At one of dash's special commands, dash ends."""
        state = self.state
        ends = state.dialect is Dialect.DASH and call.name in SPECIAL
        does_nothing = not ends and call.name not in state.functions and does_not_matter(call.name)
        name = None if does_nothing else self.unopened(redirections, call.place)
        if name is not None:
            text = f"{name!r} cannot be opened here: the shell {'ends' if ends else 'does not run this command'} then"
            state.doubt(call.place, " ".join(call.words), text)

    def run_words(self, call: Call) -> int | None:
        if call.name in self.state.functions:
            return self.call_function(call)
        builtin = builtin_named(call.name, self.state.dialect)
        if builtin:
            if call.name in CHANGE_WHAT_IS_INHERITED:
                self.state.other_keys |= call.all_keys
            if call.name in SPECIAL:  # the assignment in front lasts, in dash
                for name, value in call.assigned.items():
                    value = value if self.state.dialect is Dialect.DASH else UNKNOWN
                    self.state.assign(name, value, call.assigned_keys[name], call.place)
            return builtin(self, call)
        start(self, call)
        return None

    def call_function(self, call: Call) -> int | None:
        """Its status is that of its last command."""
        state = self.state
        arguments, state.arguments = state.arguments, tuple(call.arguments)
        argument_keys, state.argument_keys = state.argument_keys, call.all_keys | state.sourcing
        loops, state.loops = state.loops, 0
        for name, value in call.assigned.items():
            state.assign(name, value, call.assigned_keys[name], call.place)
        function = state.functions[call.name]
        local_names, state.local_names = state.local_names, {}
        state.functions_around += 1
        with state.one_deeper(call.place):
            state.status = Evaluator(state, function.file, self.depth).command(function.body)
        state.functions_around -= 1
        state.restore_locals()
        state.arguments, state.argument_keys = arguments, argument_keys
        state.loops, state.returning, state.local_names = loops, False, local_names
        for name in call.assigned:  # some shells take it back, others do not
            state.assign(name, UNKNOWN, NO_KEYS, call.place)
        return state.status
