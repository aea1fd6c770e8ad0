"""Scripts of every construct that is read: what they start under sh, and what they are said to start."""

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

from sockgate.convert.shell.evaluator import evaluate_text
from sockgate.convert.shell.state import UNKNOWN, State
from sockgate.convert.shell.syntax import ScriptError
from sockgate.host.host import Host

from .scale import SEED, amount

PRINTER = "/usr/bin/printf"  # a program, where printf alone is a builtin
FORMAT = "_%s_"
WORDS = (
    "a", "b", "'b c'", '"a b"', "$X", '"$X"', "${Y}", '"${Y:-d}"', "${Z-e f}", '"${Z:+g}"', "$X$Y", '"x${X}y"', '""',
    "''", "`echo e f`", '$(echo "$X")', "\\ h", "'*'", "${X%b*}", '"${X#a}"', "$#", '"$@"', "$@", '"$*"', "$1", '"$2"',
    "\\$X", "'$X'", "$?x", "${W=i j}", "'|'", "[a]", "a\\\nb", '"a\\"b"', "~root", "x=y",
    "`[ a = a ] && echo k`", "$((3 * 2))", "`echo e >/dev/null; echo f`", "$(echo e >&2)",
)  # fmt: skip
PATTERNS = ("a", "b", "'b c'", "[a-c]*", "*b", '"a b"', "a?b", "$X", '"$Y"', "''", "'*'", "a|b", "x*|*c")
CONDITIONS = (
    '[ "$X" = a ]', '[ -n "$Y" ]', '[ -z "$Z" ]', "[ $# -gt 1 ]", "test -d /", "[ ! -f /nonexistent ]", "true", "false",
    '[ "$X" = "$Y" -o -n "$Z" ]', "! true", '[ "$X" != b -a $# -lt 2 ]', "f0 a", "hash sh", "[ $? -eq 0 ]",
    "(exit 1)", "(exit 0)",
)  # fmt: skip


class Writer:
    """One script from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311

    def script(self) -> str:
        functions = [f"f{number}() {self.body(number)}" for number in (0, 1)]
        start = "X=a Y='b c'\nset -- a 'b c'"
        return "\n".join([start, *functions, self.block(3), f"exec {self.printing()}", "exec /nonexistent"]) + "\n"

    def body(self, number: int) -> str:
        inner = self.block(1, calls=number)
        if self.random.random() < 0.3:
            inner += f"\n{self.random.choice(CONDITIONS[:10])} && return {self.random.choice('01')}\n{self.printing()}"
        return f"{{\n{inner}\n}}" if self.random.random() < 0.8 else f"(\n{inner}\n)"

    def words(self, most: int = 4) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(0, most)))

    def printing(self) -> str:
        return f"{PRINTER} {FORMAT} - {self.words()}"

    def block(self, depth: int, calls: int = 2) -> str:
        return "\n".join(self.statement(depth, calls) for _ in range(self.random.randint(1, 4)))

    def statement(self, depth: int, calls: int) -> str:
        simple: list[Callable[[], str]] = [
            self.printing, self.printing, self.assignment, self.assignment,
            lambda: f"set -- {self.words()}", lambda: "[ $# -gt 0 ] && shift", lambda: f"eval {self.printing()}",
            lambda: f"{self.condition(calls)} {self.random.choice(('&&', '||'))} {self.printing()}",
            lambda: "eval 'X=$Y; Z=\"$1\"'", lambda: f"Z= {self.printing()}", lambda: ": ${V:=l}", lambda: "unset Z",
        ]  # fmt: skip
        if calls:
            simple += [lambda: f"f{self.random.randrange(calls)} {self.words(2)}"] * 2
        compound: list[Callable[[], str]] = [
            lambda: f"if {self.condition(calls)}; then\n{self.block(depth - 1, calls)}\nelse\n"
                    f"{self.block(depth - 1, calls)}\nfi",
            lambda: f"if {self.condition(calls)}; then {self.printing()}; elif {self.condition(calls)}; then "
                    f"{self.printing()}; fi",
            lambda: self.case(depth, calls),
            lambda: f"for I in {self.words()}; do\n{self.block(depth - 1, calls)}\n{PRINTER} {FORMAT} \"$I\"\ndone",
            lambda: f"for I\ndo {PRINTER} {FORMAT} \"$I\"; done",
            lambda: f"(\n{self.block(depth - 1, calls)}\n)",
            lambda: f"{{ {self.printing()}; {self.block(depth - 1, calls)}\n}}",
        ]  # fmt: skip
        return self.random.choice(compound if depth > 0 and self.random.random() < 0.4 else simple)()

    def assignment(self) -> str:
        return f"{self.random.choice('XYZW')}={self.random.choice([word for word in WORDS if word != '$@'])}"

    def condition(self, calls: int) -> str:
        return self.random.choice([text for text in CONDITIONS if calls or text != "f0 a"])

    def case(self, depth: int, calls: int) -> str:
        clauses = [
            f"{self.random.choice(('', '('))}{self.random.choice(PATTERNS)}) {self.block(depth - 1, calls)};;"
            for _ in range(self.random.randint(1, 3))
        ]
        return f"case {self.random.choice(WORDS[:9])} in\n{chr(10).join(clauses)}\n*) {self.printing()};;\nesac"


def said(script: str, folder: Path) -> str | None:
    """What all commands would print; None if it is said that something cannot be known."""
    shell = State(Host(asks_services=False), str(folder), variables={"PATH": "/usr/bin:/bin"})
    try:
        evaluate_text(shell, script, "run")
    except ScriptError:  # eval of a part that is no script
        return None
    words = [command.words for command in shell.commands]
    if shell.doubts or shell.uncertain or any(UNKNOWN in word for command in words for word in command):
        return None
    assert all(command[:2] == (PRINTER, FORMAT) for command in words), words
    return "".join(f"_{word}_" for command in words for word in command[2:])


def compare(seed: int, folder: Path) -> bool:
    """Whether everything in the script of this seed is known; then both must start the same."""
    script = Writer(seed).script()
    shown = said(script, folder)
    if shown is None:
        return False
    run = subprocess.run(["/bin/sh", "-c", script, "run"], cwd=folder, capture_output=True, text=True, check=False)
    assert shown == run.stdout, f"seed {seed}:\n{script}\n{run.stderr}"
    return True


def test_what_is_said_to_start_is_what_sh_starts(tmp_path: Path) -> None:
    count = amount(120, 4000)
    known = sum(compare(SEED + number, tmp_path) for number in range(count))
    assert known > count / 2
