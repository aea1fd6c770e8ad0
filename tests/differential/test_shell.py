"""Scripts of every construct that is read: what they start under sh, and what they are said to start."""

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sockgate.convert.input_files import UNKNOWN
from sockgate.convert.shell.evaluator import evaluate_text
from sockgate.convert.shell.state import State
from sockgate.convert.shell.syntax import Dialect, ScriptError
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


# What dash and bash read in two ways: the script goes on in both, or ends in dash.
FOREIGN_WORDS = ("$'a\\tb'", "${A[@]}", '"${A[@]}"', "${A[1]}", "${#A[@]}", "$A", "{a", "a}", "$UID", "${EUID}")
FOREIGN_CONDITIONS = (
    '[ "$X" == a ]', "[[ $X == a ]]", '[[ "$X" = a* && -n $Y ]]', "[[ $X == b || $# -gt 1 ]]", "[[ ! -d / ]]",
    "[[ -z $Z ]]", '[[ ( "$X" < b ) && $X != c ]]', "[[ $# -eq 2 ]]",
)  # fmt: skip


class Writer:
    """One script from one seed. is_foreign: with what dash and bash read in two ways."""

    def __init__(self, seed: int, is_foreign: bool = False) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.all_words = WORDS + FOREIGN_WORDS if is_foreign else WORDS
        self.is_foreign = is_foreign

    def script(self) -> str:
        functions = [f"f{number}() {self.body(number)}" for number in (0, 1)]
        start = "X=a Y='b c'\nset -- a 'b c'" + self.random.choice(("", "", "", "\nset -e", "\nset -eu"))
        return "\n".join([start, *functions, self.block(3), f"exec {self.printing()}", "exec /nonexistent"]) + "\n"

    def body(self, number: int) -> str:
        inner = self.block(1, calls=number)
        if self.random.random() < 0.3:
            inner += f"\n{self.random.choice(CONDITIONS[:10])} && return {self.random.choice('01')}\n{self.printing()}"
        return f"{{\n{inner}\n}}" if self.random.random() < 0.8 else f"(\n{inner}\n)"

    def words(self, most: int = 4) -> str:
        return " ".join(self.random.choices(self.all_words, k=self.random.randint(0, most)))

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
        if self.is_foreign:
            simple += [lambda: "X+=c", lambda: "Y+=$X", lambda: "let X=1", lambda: "declare Z=q", lambda: "A=$X"]
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
        if self.is_foreign and self.random.random() < 0.5:
            return self.random.choice(FOREIGN_CONDITIONS)
        return self.random.choice([text for text in CONDITIONS if calls or text != "f0 a"])

    def case(self, depth: int, calls: int) -> str:
        clauses = [
            f"{self.random.choice(('', '('))}{self.random.choice(PATTERNS)}) {self.block(depth - 1, calls)};;"
            for _ in range(self.random.randint(1, 3))
        ]
        return f"case {self.random.choice(WORDS[:9])} in\n{chr(10).join(clauses)}\n*) {self.printing()};;\nesac"


def said(script: str, folder: Path, dialect: Dialect = Dialect.DASH, *, may_start_others: bool = False) -> str | None:
    """What all commands would print; None if it is said that something cannot be known.

    may_start_others: what is an operand to one shell is a program to the other, which is not there
    """
    shell = State(Host(asks_services=False), str(folder), dialect, variables={"PATH": "/usr/bin:/bin"})
    try:
        evaluate_text(shell, script, "run")
    except ScriptError:  # eval of a part that is no script
        return None
    shell.doubts = [doubt for doubt in shell.doubts if not doubt.text.endswith(GOES_ON)]
    words = [command.words for command in shell.commands]
    if shell.doubts or shell.uncertain or any(UNKNOWN in word for command in words for word in command):
        return None
    if not all(command[:2] == (PRINTER, FORMAT) for command in words):
        assert may_start_others, words
        return None
    return "".join(f"_{word}_" for command in words for word in command[2:])


GOES_ON = ("does not find it and goes on", "takes this for no test: it fails", "this fails on this machine")


def compare_dialect(script: str, dialect: Dialect, folder: Path) -> bool:
    """Whether everything in it is known; then this shell must start the same."""
    shown = said(script, folder, dialect, may_start_others=True)
    if shown is None:
        return False
    command = [f"/bin/{dialect}", "-c", script, "run"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert shown == run.stdout, f"{dialect}:\n{script}\n{run.stderr}"
    return True


@pytest.mark.parametrize("dialect", list(Dialect))
def test_each_shell_starts_what_is_said_of_scripts_that_both_read_in_their_own_way(
    dialect: Dialect, tmp_path: Path
) -> None:
    count = amount(150, 4000)
    scripts = [Writer(SEED + number, is_foreign=True).script() for number in range(count)]
    known = sum(compare_dialect(script, dialect, tmp_path) for script in scripts)
    assert known > count / 4


P = f"{PRINTER} {FORMAT}"
ONE_OF_TWO = [
    f'A=x; A+=b; exec {P} "$A"', f'A=x; [ "$A" == x ] && exec {P} y; exec {P} n', f"[[ a = a ]] && {P} y; exec {P} n",
    f"[[ -d / && -d /nonexistent ]] || {P} or; exec {P} end",
    f"source /dev/null && {P} sourced; exec {P} end", f'declare X=1; exec {P} "$X"', f'typeset X=1; exec {P} "$X."',
    f"exec {P} $'a\\tb'", f'exec {P} "$UID" "$EUID"', f'shopt -s checkwinsize; exec {P} "$?"',
    f'[ "" == "" ]; exec {P} $?', f'f() {{ local A=2; A+=3; {P} "$A"; }}; A=1; f; {P} $A',
    f'B="a b"; [[ -n $B ]] && {P} one; exec {P} end',
    f"X='*'; [[ ab = $X ]] && {P} y; [[ ab = \"$X\" ]] || exec {P} n",
    f'exec {P} "$((0x10 + 010))" "$((1 ? 2 : 3))" $((8*1000*1000)) $(( -7 % 3 )) $((5 > 3 && !0)) $((1 << 3 | 1))',
    f"I=0; for x in a b c d; do [ $x = b ] && continue; [ $x = d ] && break; I=$((I + 1)); done; exec {P} $I",
    f"IFS=:; X=a:b::c:; exec {P} $X", f"IFS=' :'; X=' a : b  c:: d'; exec {P} $X",
    f'IFS=,; set -- a b; exec {P} "$*"', f"cd /; exec {P} et[c] no[n]e '*' \"et*\" \\et*",
    f"X=`false` || exec {P} failed; exec {P} $?", f"(exit 7); exec {P} $?", f"f() {{ return 300; }}; f; exec {P} $?",
    f"(exit 300); exec {P} $?", f"f() {{ X=2; [ a = b ]; }}; f; exec {P} $? $X", f"A=~root/x:~:y; exec {P} $A a~root",
    f'X="a b"; export A=$X B=~root:~; f() {{ local C=$X; {P} "$C"; }}; f; readonly D=*; exec {P} "$A" $B "$D"',
    f"set -e; {{ false && :; }}; if false; then :; fi; for i in a; do false && :; done; ! true; exec {P} on",
    f"set -e; f() {{ [ a = b ] && :; }}; {P} a; f; exec {P} on", f"set -e; (false); exec {P} on",
    f"set -e; f() {{ false; X=1; }}; if f; then :; fi; f || :; f && :; X=`false` || exec {P} on",
    f"set -e; {P} a; X=`false`; exec {P} on", f'set -u; {P} a; exec {P} "$NONE"',
    f'set -u; exec {P} "${{NONE-x}}" "$@"',
    f"cd /nonexistent; [ $? -eq 0 ] || {P} stays; exec {P} on", f"cd /nonexistent || {P} stays; exec {P} on",
    f"set -e; set +e; false; exec {P} on", f"set -o errexit; {P} a; false; exec {P} on",
    f"(set -e); false; exec {P} on", f"(set -f); exec {P} /et[c]", f'(set -u); exec {P} "a$NONE"',
    f"set -e & false; exec {P} on",
    f'(readonly A=1); A=2; exec {P} "$A"', f"set -e; (set +e; false; {P} a); false; exec {P} on",
    f"trap '' HUP; {P} $?; trap - HUP 0; {P} $?; trap 0; exec {P} $?", f": < /etc/passwd; exec {P} on",
    f"exec 3< /dev/null; exec {P} on", f"exec 2> here; exec {P} on", f"(set -a; A=1); exec {P} on",
    f"for x in a b; do for y in c d; do break 2; done; done; exec {P} $x$y",
]  # fmt: skip
ENDS = [
    "export A+=b; {P} on", "function f() { :; }; {P} on", "A=(a b); {P} on", "set -o pipefail; {P} on",
    "function f {\n:\n}\n{P} on", "readonly A+=1; {P} on", "cat <<< a; {P} on", "set -euo pipefail; {P} on",
    "for ((i=0;i<2;i++)); do :; done; {P} on", "X=a; echo ${X/a/b}; {P} on", "echo ${X:0:1}; {P} on", "shift 2; {P} on",
]  # fmt: skip

# What was once taken for something else than each shell makes of it, and led to another branch or to other words.
SAID_WRONGLY = [
    'X=no\r\n[ "$X" = no ] && {P} open', "case 5 in [[:digit:]]) {P} d;; *) {P} n;; esac",
    "case 5 in [^a]) {P} d;; *) {P} n;; esac", "X='[[:alpha:]]*'; case ab in $X) {P} d;; *) {P} n;; esac",
    'X=abc; {P} "${X#[[:alpha:]]}" "${X#[^b]}"', "X='\\*'; case '*' in $X) {P} d;; *) {P} n;; esac",
    "[[ 5 == [[:digit:]] ]] && {P} y", 'O=x; f() { local O; {P} "$O"; }; f',
    'f() { local A=1 B; {P} "$A$B"; A=2; }; A=0; B=9; f; {P} $A $B', 'f() { local A=1; local A; {P} "$A"; }; f',
    'readonly O=x; O=; {P} "$O"', 'readonly O=x; O= true; {P} "$O"', 'readonly O=x; export O=; {P} "$O"',
    'readonly O=x; unset O; {P} "$O"', 'declare -r O=x; O=; {P} "$O"', "f() { {P} f; }; unset f; f; {P} on",
    "alias p='{P} alias'\np x\n{P} on", 'O=x; printf -v O %s z; {P} "$O"', "set -f; {P} /etc/host*",
    "set -o noglob; {P} /etc/host*", "set -f; set +f; {P} /etc/hos[t]s", "shopt -s nocasematch; [[ A == a ]] && {P} y",
    "shopt -s nullglob; {P} /nonexistent*", "set -n; {P} on", '[ -n ${X:-""} ] && {P} y', "X='a b'; {P} ${X:+\"$X\"}",
    "set -- 'a b' c; {P} ${1+\"$@\"}", "set -- a b; {P} ${1+\"$@\"}", '{P} ${Q:-"a b"} ${Q:-"ab"} ${Q:+"x"}',
    "{P} ${Q-''}", "{P} $(echo 'a\\tb')", 'X=$(echo "a\\c"; echo b); {P} "$X"', "X=$(expr 5 - 5) || X=7; {P} $X",
    "X=$(expr 3 \\| 4); {P} $X", "X=$(expr 6 \\& 3); {P} $X", "X=$(expr 010 + 1); {P} $X",
    "set -e; X=$(expr 1 - 1); {P} $X", "X=$(expr 1 - 1 | cat) && {P} $X", 'X=$(type sh); {P} "$X"',
    "if true < /nonexistent; then {P} y; else {P} n; fi", "echo x > /nonexistent/x && {P} y; {P} on",
    "X=1 < /nonexistent && {P} y; {P} on", "true 2> /dev/null >&2 && {P} y", "X=5; f() { X=7; }; X=6 f; {P} $X",
    "X=5; X=6 eval '{P} $X'; {P} $X", "X=5; X=6 . /dev/null; {P} $X", "X=5; X=6 command :; {P} $X",
    "X=5; X=6 export Y=1; {P} $X", "X=1 & wait; {P} \"$X\"", 'X="`echo \\"a b\\"`"; {P} "$X"',
    "{P} \"${X-'a'}\" ${X-'a'}", "{P} $\"a\"", "wait 99999; {P} $?", "cd /etc; cd - > /dev/null; {P} $PWD",
    "X=\u00e9; {P} ${#X}", "case \u00e9 in ?) {P} 1;; ??) {P} 2;; esac", 'f() { {P} "$FUNCNAME"; }; f',
    'IFS=:; set -- a b; X=$@; {P} "$X"', "exit() { {P} no; }; {P} on",
    "trap '{P} t' EXIT; {P} on", "trap '{P} t' 0; {P} on", "trap -- '{P} t' EXIT; {P} on", "(trap '{P} t' 0); {P} on",
    "trap '{P} t' EXIT; exec {P} on", "trap '' FOO; {P} $?", "trap '' SIGHUP; {P} $?", "trap '{P} t' DEBUG; {P} on",
    ": < /missing; {P} on", "exec 3< /missing; {P} on", "exec > /missing/x; {P} on", "eval '{P} e' < /missing; {P} on",
    "X=1; export X=2 < /missing; {P} $X", "set -- a < /missing; {P} on $1", "F=/missing; : < $F; {P} on",
    "cd / < /missing; {P} on", "f() { {P} f; }; f < /missing; {P} on", "{P} x < /missing; {P} on", ": > /etc; {P} on",
    "f() { local X=1 < /missing; {P} on; }; f", ". /dev/null < /missing; {P} on", "command : < /missing; {P} on",
    "(: < /missing); {P} on", "true < /missing; {P} on", ": < $NONE; {P} on", "exec {P} on < /missing",
    "{ {P} a; } < /missing; {P} on", "(exec {P} a) < /missing; {P} on", "{ X=1; } > /missing/x; {P} $X",
    "if true; then exec {P} a; fi 2> /missing/x; {P} on", "case a in a) exec {P} a;; esac < /missing; {P} on",
    "for X in a b; do {P} $X; done < /missing; {P} $X", "{ exec {P} a; } 3< $NONE; {P} on",
    "f() { exec {P} f; } < /missing; f; {P} on", "if { true; } < /missing; then exec {P} a; fi; {P} on",
    "set -e; (exit 0) < /missing; {P} on", "if [ a = a ]; then X=1; fi < /missing; {P} $X",
    "in_doubt; if [ $? = 0 ]; then set -e; fi; false; {P} on",
]  # fmt: skip


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("script", SAID_WRONGLY)
def test_no_script_is_said_to_start_what_its_shell_does_not(script: str, dialect: Dialect, tmp_path: Path) -> None:
    compare_dialect(script.replace("{P}", P), dialect, tmp_path)  # or it is said that something cannot be known


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("script", ONE_OF_TWO)
def test_a_construct_of_one_shell_means_in_the_other_what_that_makes_of_it(
    script: str, dialect: Dialect, tmp_path: Path
) -> None:
    assert compare_dialect(script, dialect, tmp_path) or '"$NONE"' in script  # it ends there: nothing is known


@pytest.mark.parametrize("script", ENDS)
def test_where_dash_ends_the_script_is_refused(script: str, tmp_path: Path) -> None:
    script = script.replace("{P}", P)
    run = subprocess.run(["/bin/dash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, "on" in run.stdout) == (2, False)
    with pytest.raises(ScriptError):
        evaluate_text(State(Host(asks_services=False), str(tmp_path)), script, "run")


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
