"""What a terminal shows and a pipe does not."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sockgate.ctl.console import plain_table

SHOW = """
import sys
sys.path[:0] = ["src"]
from sockgate.ctl.console import Screen, line_printer, print_table
show = line_printer()
show("[bold]one", "red")
show("two", "")
print_table(("NAME", "N"), [("smtp", "1"), ("[red]", "20")])
with Screen() as screen:
    screen.show("live")
"""
LINES = ["[bold]one", "two", "NAME    N", "smtp    1", "[red]  20", "live"]
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
WITH_RICH, WITHOUT = [sys.executable], [sys.executable, "-S"]


def on_a_terminal(python: list[str], program: str = SHOW, status: int = 0) -> str:
    """What a terminal receives."""
    own, theirs = pty.openpty()
    environment = {"TERM": "xterm-256color", "COLUMNS": "80"}
    with subprocess.Popen(
        [*python, "-c", program], stdout=theirs, stderr=theirs, stdin=theirs, env=environment
    ) as process:
        os.close(theirs)
        received = b""
        try:
            while chunk := os.read(own, 4096):
                received += chunk
        except OSError:  # Linux: the other end is closed everywhere
            pass
        os.close(own)
    assert process.returncode == status
    return received.decode()


def test_a_pipe_gets_plain_text() -> None:
    result = subprocess.run([*WITH_RICH, "-c", SHOW], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == LINES


@pytest.mark.parametrize("python", [WITH_RICH, WITHOUT], ids=["with rich", "without rich"])
def test_a_terminal_gets_the_same_text(python: list[str]) -> None:
    shown = [line.rstrip() for line in ESCAPE.sub("", on_a_terminal(python)).replace("\r", "").splitlines()]
    assert [line for line in shown if line] == LINES


def test_rich_colours_a_line_and_only_on_a_terminal() -> None:
    assert "\x1b[31m[bold]one\x1b[0m" in on_a_terminal(WITH_RICH)
    assert "\x1b[31m" not in on_a_terminal(WITHOUT)


def test_without_rich_the_screen_is_cleared_before_each_picture() -> None:
    assert "\x1b[H\x1b[2Jlive" in on_a_terminal(WITHOUT)


def test_columns_are_as_wide_as_they_need_to_be() -> None:
    assert plain_table(("A", "LONG"), [("wide cell", "x"), ("", "")]) == ["A          LONG", "wide cell  x", ""]


HOSTILE = "\x1b]0;title\x07\x1b[2J\x9b31m\u202e"
VERBS = """
import sys
sys.path[:0] = ["src"]
sys.argv[1:] = {words!r}
from sockgate.ctl.main import main
main()
"""


@pytest.mark.parametrize("python", [WITH_RICH, WITHOUT], ids=["with rich", "without rich"])
@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["explain", "--options=--rules {folder}/rules", "--ip", "10.0.0.1"], 0),
        (["explain", "--options=--hosts-access smtpd,{folder}", "--ip", "10.0.0.1"], 0),
        (["rules", "show", "{folder}/rules"], 0),
    ],
    ids=["rules", "hosts.allow", "show"],
)
def test_no_text_of_a_file_reaches_a_terminal_as_what_it_obeys(
    tmp_path: Path, python: list[str], words: list[str], status: int
) -> None:
    """The rules can belong to a service account, and root looks at them."""
    (tmp_path / "rules").write_text(f'10.0.0.1:allow,X="{HOSTILE[:-1]}"\n:deny\n', "latin-1")
    (tmp_path / "hosts.allow").write_text(f"smtpd: 10.0.0.1: setenv X {HOSTILE[:-1]}\n", "latin-1")
    (tmp_path / "hosts.deny").touch()
    program = VERBS.format(words=[word.format(folder=tmp_path) for word in words])
    shown = on_a_terminal(python, program, status)
    assert "\\x1b" in shown
    assert {character for character in shown if not character.isprintable()} <= {"\r", "\n"}
    piped = subprocess.run([*python, "-c", program], capture_output=True, check=False).stdout
    assert b"\x1b" in piped, "a pipe gets what the file has"


def test_on_a_terminal_rules_have_their_letters_and_what_is_no_text_is_shown_as_its_code(tmp_path: Path) -> None:
    (tmp_path / "rules").write_bytes('10.:allow,X="grün \u202e'.encode() + b'\xfc"\n:deny\n')
    program = VERBS.format(words=["rules", "show", str(tmp_path / "rules")])
    assert on_a_terminal(WITHOUT, program).splitlines()[0] == r'10.:allow,X="grün \u202e\xfc"'
