"""sockgatectl itself: verbs, help, exit codes."""

import subprocess
import sys

import pytest

from sockgate import __version__
from sockgate.ctl.main import VERBS, Verb, load, parser_of, run

VERB_NAMES = [verb.name for verb in VERBS]


def test_the_verbs_stand_in_alphabetical_order() -> None:
    assert sorted(VERB_NAMES) == VERB_NAMES


@pytest.mark.parametrize("option", ["-h", "--help", "help"])
def test_help_names_every_verb(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([option]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: sockgatectl VERB [OPTION...] [ARGUMENT...]\n")
    assert [line.split()[0] for line in shown.splitlines()[1:-1]] == VERB_NAMES
    assert shown.endswith("`sockgatectl VERB --help` shows a verb's options. See sockgatectl(1).\n")


def test_without_a_verb_the_help_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("usage: sockgatectl VERB")


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"sockgatectl {__version__}\n"


def test_an_unknown_verb_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["chek"]) == 2
    assert capsys.readouterr().err == (f"sockgatectl: unknown verb 'chek' (the verbs are: {' '.join(VERB_NAMES)})\n")


@pytest.mark.parametrize("verb", VERBS, ids=VERB_NAMES)
def test_every_verb_has_help_and_refuses_what_it_does_not_know(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    assert parser_of(verb, load(verb)).format_help().startswith(f"usage: sockgatectl {verb.name} ")
    assert run([verb.name, "--no-such-option"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"sockgatectl: {verb.name}: ")
    assert error.endswith(f"(see sockgatectl {verb.name} --help)\n")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["top", "--interval", "abc"], "--interval: 'abc' is not a number"),
        (["top", "--count", "2.5"], "--count: '2.5' is not a whole number"),
        (["check", "--systemd", "v252"], "--systemd: 'v252' is not a whole number"),
        (["check", "--level", "{x}"], "--level: '{x}' is none of: error warning note"),
        (["convert", "launchd"], "program: 'launchd' is none of: xinetd inetd tcpserver couriertcpd"),
        (["check", "--fix=yes"], "--fix: ignored explicit argument 'yes'"),
    ],
)
def test_a_wrong_value_is_told_in_the_form_of_all_messages(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert capsys.readouterr().err == f"sockgatectl: {words[0]}: {message} (see sockgatectl {words[0]} --help)\n"


def test_output_without_a_reader_ends_it_quietly() -> None:
    command = [sys.executable, "-m", "sockgate.ctl.main", "--help"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PYTHONPATH": "src", "PYTHONUNBUFFERED": "1"}
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.communicate()[1] == b""
