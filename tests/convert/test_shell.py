"""Run scripts are evaluated, never run: what they would start, and what cannot be known."""

from pathlib import Path

import pytest

from sockgate.convert.input_files import ACCOUNT_MARK, UNKNOWN
from sockgate.convert.shell.evaluator import evaluate_text
from sockgate.convert.shell.interpreters import dialect_of_script
from sockgate.convert.shell.state import State
from sockgate.convert.shell.syntax import ScriptError
from sockgate.host.host import Host


def evaluate(text: str, folder: Path | str = "/", **variables: str) -> State:
    """As bash where the first line says so."""
    machine = Host(asks_services=False)
    state = State(machine, str(folder), dialect_of_script(text, machine), variables=dict(variables))
    evaluate_text(state, text, "run")
    return state


def started(text: str, folder: Path | str = "/", **variables: str) -> list[list[str]]:
    return [list(command.words) for command in evaluate(text, folder, **variables).commands]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("exec a b # comment", ["a", "b"]),
        ("exec a 'b  c' \"d $E\" \\f", ["a", "b  c", "d 1", "f"]),
        ('exec a $E${E}x "$EMPTY" $EMPTY $NONE', ["a", "11x", ""]),
        ("exec a \\\n  b 2>&1 >/dev/null </dev/null", ["a", "b"]),
        ('A="x y"; exec a $A "$A"', ["a", "x", "y", "x y"]),
        (
            "exec a ${NONE:-x} ${E:-x} ${EMPTY:-x} ${EMPTY-x} ${E:+-c$E} ${EMPTY:+y} ${EMPTY+z}",
            ["a", "x", "1", "x", "-c1", "z"],
        ),
        ("exec a ${NEW:=w} $NEW", ["a", "w", "w"]),
        ('exec a `echo b c` $(echo "d e") "$(echo f g)"', ["a", "b", "c", "d", "e", "f g"]),
        ("exec a ~root/x ~/y '~'", ["a", "/root/x", "/root/y", "~"]),
        ('[ -z "$EMPTY" ] && exec a\nexec b', ["a"]),
        ('[ -n "$EMPTY" ] || exec a\nexec b', ["a"]),
        ('if [ "$E" = 2 ]; then exec a; elif [ "$E" != 2 -a -d / ]; then exec b; else exec c; fi', ["b"]),
        ("if test -f /nonexistent; then exec a; fi\nexec b", ["b"]),
        ("exec 2>&1\nexec a", ["a"]),
        ("sh -c 'exec a \"$E\"'", ["a", "1"]),
        ("exec env X=1 sh -c 'exec a'", ["env", "X=1", "a"]),
        ("{ exec a; }", ["a"]),
        ("exec a `cat /nonexistent 2>/dev/null || echo 5` $([ -d / ] && echo -x)", ["a", "5", "-x"]),
        ("exec a `[ -f /nonexistent ] && echo x`", ["a"]),
        ("exec a `expr 5 \\* 4` $((7 / 2)) $(($E + 1)) `expr -7 / 2`", ["a", "20", "3", "2", "-3"]),
        (
            "P=/a/b.c.d; exec a ${P%.*} ${P%%.*} ${P#*/} ${P##*/} `dirname $P` `basename $P`",
            ["a", "/a/b.c", "/a/b", "a/b.c.d", "b.c.d", "/a", "b.c.d"],
        ),
        ('exec a "$@" $# ${0##*/} $1', ["a", "0", "run"]),
        ('set -- "b c" d; exec a "x$@y" "$@" "$*"', ["a", "xb c", "dy", "b c", "d", "b c d"]),
        ("cat > /x <<EOF\nexec b\nEOF\nexec a", ["cat"]),
        ("tcpserver 0 25 a | logger", ["tcpserver", "0", "25", "a"]),
        ("if [ 3 -gt 2 -a 1 -le 1 ]; then exec a; fi\nexec b", ["a"]),
        ("case $E in 0|2) exec a;; [1-9]) exec b;; *) exec c;; esac", ["b"]),
        ("case x$EMPTY in\n(y) exec a\n;;\n(x|z)\nexec b\nesac\nexec c", ["b"]),
        ("case a* in 'a*') exec a;; esac", ["a"]),
        ("case ab in 'a*') exec a;; \"a\"*) exec b;; esac", ["b"]),
        ("case $E in 2) ;; esac\nexec a", ["a"]),
        ("for x in b 'c d' $EMPTY; do L=\"$L -r '$x'\"; done; exec a $L", ["a", "-r", "'b'", "-r", "'c", "d'"]),
        ("for x in $NONE; do exec b; done; exec a", ["a"]),
        ("f() { exec a \"$1\" $#; }\nf 'b c' d", ["a", "b c", "2"]),
        ("f() (\ncd /srv; X=1; exec 2>&1\n)\nf; exec a $X", ["a"]),
        ("(X=2; cd /x; exit 1); exec a $X", ["a"]),
        ("! false && exec a", ["a"]),
        ("if ! [ -d /nonexistent ]; then exec a; fi", ["a"]),
        ("true; [ $? -ne 0 ] && (echo no; exit)\nexec a", ["a"]),
        ("eval 'X=b; exec a $X'", ["a", "b"]),
        ("set -- b c; shift; exec a $@ $#", ["a", "c", "1"]),
        ("set -- b ''; (shift; shift); exec a \"$@\"", ["a", "b", ""]),
        ('if [ "`x`" = a -o -d / ]; then exec a; fi', ["a"]),
        ('if [ "`x`" = a -a ! -d / ]; then exec b; fi; exec a', ["a"]),
        ("(exit 3); exec a $([ $? = 0 ] || echo b; hostname > /dev/null)", ["a", "b"]),
        ("A=~root/x:~; exec a $A", ["a", "/root/x:/root"]),
        ("A='b c'; case $A in $A) exec a;; esac", ["a"]),
        ("f() { local x=b; readonly Y=c; exec a $x $Y; }; f", ["a", "b", "c"]),
        ("{ exec a; } 2>&1 | logger", ["a"]),
        ("exec a `echo x.y | cut -d. -f2` `echo x | cut -d ' ' -f 1`", ["a", "y", "x"]),
        ("exec a `which /bin/sh` $(command -v /nonexistent || echo b) `whoami`", ["a", "/bin/sh", "b", "root"]),
        ("hash /nonexistent || exec a", ["a"]),
        ("su -s /bin/sh daemon -c 'exec a b'", ["su", "daemon", "a", "b"]),
        ("su - -c 'exec a' root", ["su", "root", "a"]),
        ("su -c 'A=1; A+=2; exec a $A'", ["a", "12"]),
        ("su -s/bin/sh daemon -c 'A=1; A+=2; exec a $A'", ["su", "daemon", "a", "1"]),
        ("su -m daemon -c 'exec a'", ["su", "daemon", "a"]),
        ("tcpserver 0 25 a &\nif [ -d / ]; then exit 0; fi\nexec b", ["tcpserver", "0", "25", "a"]),
        ("test -x /nonexistent || exit 0\nexec a", ["a"]),
        ('exec a "`cat /nonexistent 2>/dev/null`"', ["a", ""]),
        ("exec a `/usr/bin/cat < /nonexistent 2> /dev/null || /bin/echo b`", ["a", "b"]),
        ("exec tcpserver 0 1 sh -c 'exec $X'", ["tcpserver", "0", "1", "sh", "-c", "exec $X"]),
    ],
)
def test_script_comes_to_start(text: str, words: list[str]) -> None:
    assert started(text, E="1", EMPTY="")[:1] == [words]


def test_files_are_read_from_the_scripts_own_folder(tmp_path: Path) -> None:
    (tmp_path / "n").write_text("20\nx\n")
    (tmp_path / "settings").write_text("export B=2\nA=$B$B\n")
    assert started("exec a `cat n | tr x y` $(head -1 n)", tmp_path) == [["a", UNKNOWN, "20"]]
    shell = evaluate(". ./settings\nexec a $A", tmp_path)
    assert shell.commands[0].words == ("a", "22")
    assert shell.commands[0].exported == {"B": "2"}


def test_id_keeps_the_name_that_it_asks_for() -> None:
    assert started("exec a `/usr/bin/id -u qmaild` $(id x -g)") == [["a", f"{ACCOUNT_MARK}uqmaild{ACCOUNT_MARK}",
                                                          f"{ACCOUNT_MARK}gx{ACCOUNT_MARK}"]]  # fmt: skip


def test_exec_in_the_background_or_in_a_pipeline_does_not_end_the_script() -> None:
    text = "exec tcpserver 0 1 a &\nexec tcpserver 0 2 b 2>&1 | logger &\nexec tcpserver 0 3 c | logger\nexec d\nexec e"
    assert [words[-1] for words in started(text)] == ["a", "b", "c", "d"]


def test_a_users_home_comes_from_the_accounts() -> None:
    assert started("exec $(getent passwd root | cut -d: -f6)/x") == [["/root/x"]]


# What cannot be known is said, with its line; its value is never used.
@pytest.mark.parametrize(
    ("text", "line", "what", "reason"),
    [
        ("\nA=`rm -rf /x`", 2, "`rm -rf /x`", "the output cannot be known here, and nothing is run"),
        ("eval `x`", 1, "eval", "what it runs cannot be known; variables that it sets are not known"),
        ("exec envdir /nonexistent sh -c 'exec a $X'", 1, "envdir /nonexistent",
         "it cannot be read here; what it sets is not known"),
        (". /nonexistent", 1, ". /nonexistent", "unable to read '/nonexistent': No such file or directory; what it "
         "sets is missing"),
        ("a | b", 1, "a", "a pipeline is not run"),
        ("for x in `x`; do exec a; done", 1, "for", "for which words it runs cannot be known"),
        ("f() { x && return; exec a; }; f", 1, "return", "whether the function ends here cannot be known"),
        ("while x; do exec a; done", 1, "while", "'while' is not evaluated"),
        ("case `x` in y) exec a;; *) exec b;; esac", 1, "case", "which of its branches runs cannot be known"),
        ("if grep -q x /etc/passwd; then A=1; fi", 1, "if", "the condition cannot be known"),
        ("#!/bin/bash\nA=${X//./-}", 2, "${X//./-}", "this expansion is not understood"),
        ("A=$((1 + * 3))", 1, "`(1 + * 3)`",
         "this calculation is not understood"),
        ("A=`expr 1 / 0`", 1, "`expr 1 / 0`", "this calculation divides by nothing"),
        ("A=`cat /nonexistent`", 1, "`cat /nonexistent`", "the output cannot be known here, and nothing is run"),
        ("ulimit -x 5", 1, "ulimit -x 5", "this limit is not known; set it with --rlimit"),
        ("umask u=rwx", 1, "umask u=rwx", "this mask is not known; set it with UMask="),
        ("tcpserver 0 25 a 2>&1 | logger", 1, "|",
         "what the server says is in the journal; the rest of the pipeline is left out"),
        ("A=${X?gone}", 1, "${X?gone}", "the script would stop, since X is not set"),
        ("if [ -d / ]; then exit 1; fi", 1, "exit",
         "the script would stop here on this machine; the unit does not look"),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_said(text: str, line: int, what: str, reason: str) -> None:
    doubts = [(doubt.place.line, doubt.what, doubt.text) for doubt in evaluate(text).doubts]
    assert (line, what, reason) in doubts


def test_a_variable_that_may_have_been_set_is_unknown() -> None:
    assert started("A=1\nif grep x y; then A=2; fi\nexec a $A") == [["grep", "x", "y"], ["a", UNKNOWN]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a 'b", "the closing ' is missing"),
        ("a \"b", 'the closing " is missing'), ("a $(b", "the closing ) is missing"),
        ("if a; then b", "elif or else or fi is missing"), ("a (b)", "'(' stands where no command begins"),
        ("fi", "'fi' stands alone"),
        (";;", "';;' stands alone"),
        ("a \0", "there is a NUL byte"),
        ("{ " * 5000, "commands are nested too deeply"),
        ("exec a " + "${A:-" * 5000 + "}" * 5000, "commands are nested too deeply"),
        ("a && && b", "'&&' stands alone"),
        ("if && a; then b; fi", "'&&' stands alone"),
        ("while a; do b", "done is missing"), ("if a; fi", "'then' is missing"),
        ("(a", ") is missing"), ("a() b", "the body of 'a' is missing"), ("case a b) c;; esac", "'in' is missing"),
        ("case a in b c;; esac", "')' is missing"), ("case a in", "a word is missing"), ("for", "a word is missing"),
        ("for a in b; c; done", "'do' is missing"), ("case", "a word is missing"), ("while a; done", "'do' is missing"),
        ("f() { f; }; f", "scripts or functions run each other without end"),
        ("eval eval eval " * 100, "scripts or functions run each other without end"),
        ("for a in $N; do for b in $N; do for c in $N; do :; done; done; done", "it runs too many commands"),
        ("for a in $N; do for b in $N; do for c in $N; do done; done; done", "it runs too many commands"),
    ],
)  # fmt: skip
def test_what_is_no_script_says_where(text: str, reason: str) -> None:
    with pytest.raises(ScriptError) as raised:
        evaluate(text, N="x " * 99)
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    ("first_line", "name"),
    [
        ("#!/bin/execlineb -P", "execlineb"), ("#! /usr/bin/nosh", "nosh"), ("#!/usr/bin/env perl", "perl"),
        ("#!/bin/zsh", "zsh"), ("#!/bin/csh -f", "csh"), ("#!/bin/busybox rc", "rc"),
        ("#!/command/with-contenv sh", "with-contenv"), ("#!/usr/bin/env X=1 sh", "X=1"),
    ],
)  # fmt: skip
def test_a_script_of_a_program_that_is_no_such_shell_is_not_read(first_line: str, name: str) -> None:
    text = f"{name!r} of the first line is not sh, dash, bash or ksh, and reads a script in another way"
    with pytest.raises(ScriptError, match=f"^{text}$") as raised:
        started(f"{first_line}\nsetuidgid nobody\ntcpserver 0 25 a")
    assert raised.value.line == 1


@pytest.mark.parametrize(
    ("first_line", "is_bash"),
    [
        ("#!/bin/dash", False), ("#!/usr/bin/env sh", False), ("#! /bin/busybox ash", False), ("# a comment", False),
        ("#!/usr/bin/env -S bash -eu", True), ("#!/bin/ksh", True), ("#!/usr/bin/env bash", True),
    ],
)  # fmt: skip
def test_a_script_is_read_as_the_shell_of_its_first_line_reads_it(first_line: str, is_bash: bool) -> None:
    assert started(f"{first_line}\nA=1\nA+=2\nexec a $A")[-1] == (["a", "12"] if is_bash else ["a", "1"])


@pytest.mark.parametrize("options", ["daemon", "- daemon", "-l daemon"])
def test_the_shell_of_the_account_reads_a_text_for_su(options: str) -> None:
    text = "'nologin', the shell of 'daemon', is not sh, dash, bash or ksh, and reads a script in another way"
    with pytest.raises(ScriptError, match=text):
        started(f"su {options} -c 'exec tcpserver 0 25 a'")


def test_a_text_for_su_with_another_shell_is_not_read() -> None:
    with pytest.raises(ScriptError, match="'nologin' is not sh, dash, bash or ksh, and reads a script in another way"):
        started("su -s/sbin/nologin -c 'exec tcpserver 0 25 a' mail")


def test_nothing_is_ever_run(tmp_path: Path) -> None:
    evaluate(f"touch {tmp_path}/a; A=`touch {tmp_path}/b`; $(touch {tmp_path}/c); eval touch {tmp_path}/d", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_program_inherits_is_known() -> None:
    script = "cd /srv\nulimit -n 50\nulimit -S -v 1000\nulimit -c unlimited\numask 077\nPATH=/opt:$PATH\nexec a"
    (command,) = evaluate(script).commands
    assert command.limits == (("nofile", "50"), ("as", "1024000:"), ("core", "infinity"))
    assert (command.folder, command.umask) == ("/srv", "0077")
    assert (
        command.path == command.exported["PATH"] == "/opt:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    )


def test_what_only_may_be_started_is_kept_apart() -> None:
    shell = evaluate("if unknown; then exec a; else exec b; fi\nexec c")
    assert [command.words for command in shell.uncertain] == [("a",), ("b",)]
    assert [command.words for command in shell.commands] == [("unknown",), ("c",)]


def test_values_that_double_at_each_line_are_an_error() -> None:
    with pytest.raises(ScriptError, match="a value is too long"):
        evaluate("A=aaaaaaaa\n" + "A=$A$A\n" * 50)


def test_what_may_be_set_by_what_cannot_be_read_is_not_taken_for_unset(tmp_path: Path) -> None:
    for unreadable in (". /nonexistent", "eval `x`", ". `x`"):
        assert started(f"{unreadable}\nA=1\nexec a $A $B ${{C:-x}}", tmp_path)[-1] == ["a", "1", UNKNOWN, UNKNOWN]


def test_an_envdir_is_read_as_qmail_ldap_reads_it(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    for name, value in (("A", "1 2 \nx"), ("PATH", "/x"), ("B", "b")):
        (tmp_path / "env" / name).write_text(value)
    awk = 'awk \'BEGIN { for (i in ENVIRON) printf "export %s=\\"%s\\"\\n", i, ENVIRON[i] }\''
    shell = evaluate(f'PATH=/y\neval `env - PATH=$PATH envdir ./env {awk}`\nexec a "$A" "$B" $PATH', tmp_path)
    assert shell.commands[0].words == ("a", "1 2", "b", "/y")
    assert shell.commands[0].exported == {"A": "1 2", "B": "b", "PATH": "/y"}


def test_nothing_of_a_subshell_is_left_and_what_it_starts_is_started() -> None:
    shell = evaluate("A=1\n(A=2; cd /srv; umask 077; a $A)\nb $A")
    assert [(command.words, command.folder) for command in shell.commands] == [(("a", "2"), "/srv"), (("b", "1"), "/")]
    assert shell.commands[1].umask == ""


def test_what_a_branch_in_doubt_changes_is_unknown() -> None:
    for text in (
        "case `x` in y) A=2; cd /x;; esac",
        "while x; do A=2; cd /x; done",
        "for a in `x`; do A=2; cd /x; done",
    ):
        shell = evaluate(f"A=1\n{text}\nexec a $A")
        assert (shell.commands[-1].words, shell.commands[-1].folder) == (("a", UNKNOWN), "/")
