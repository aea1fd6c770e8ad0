"""What the shells complete is what the tables of options have."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sockgate.core.options import GATE_OPTIONS
from sockgate.ctl.completion import bash, fish, zsh
from sockgate.ctl.completion.model import Program, program
from sockgate.ctl.main import VERBS, load, parser_of
from sockgate.dispatch.options import OPTIONS

PROGRAMS = ("sockgate", "sockgated", "sockgatectl")


def expected(name: str) -> set[str]:
    """Every option of this program, from where it is parsed."""
    if name == "sockgatectl":
        helps = [parser_of(verb, load(verb)).format_help() for verb in VERBS]
        return {option for text in helps for option in re.findall(r"^  (?:-h, )?(--[a-z0-9-]+)", text, re.MULTILINE)}
    table = GATE_OPTIONS if name == "sockgate" else OPTIONS
    return {option.name for option in table} | {"--help", "--version"}


def script(shell: str, of: Program) -> str:
    return "\n".join({"bash": bash.script, "zsh": zsh.script, "fish": fish.script}[shell](of)) + "\n"


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_option_is_completed_and_no_other(name: str) -> None:
    complete = program(name)
    assert {flag.name for verb in complete.verbs for flag in verb.flags} >= expected(name)
    for shell, pattern in (
        ("bash", r"(?<![\w-])--[a-z0-9-]+"),
        ("zsh", r"'\*(--[a-z0-9-]+)"),
        ("fish", r" -l ([a-z0-9-]+)"),
    ):
        found = {"--" + option.removeprefix("--") for option in re.findall(pattern, script(shell, complete))}
        found -= {"--type", "--plain", "--no-legend", "--"}  # systemctl's
        flags = {flag.name for verb in complete.verbs for flag in verb.flags}
        assert found - {"--version", "--help"} == flags - {"--version", "--help"}, shell


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_read_it(shell: str, name: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    file = tmp_path / name
    file.write_text(script(shell, program(name)))
    result = subprocess.run([shell, "-n", str(file)], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


ASK_BASH = """
compopt() { :; }
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_$1
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of these words."""
    file = folder / "completions"
    file.write_text(script("bash", program(words[0])))
    output = subprocess.run(
        ["bash", "-c", ASK_BASH, "bash", str(file), *words], capture_output=True, check=True, text=True
    )
    assert output.stderr == ""
    return output.stdout.split()


def test_bash_offers_what_fits(tmp_path: Path) -> None:
    (tmp_path / "rules.txt").touch()
    for words, offered in (
        (("sockgatectl", "re"), ["report"]),
        (("sockgatectl", "--v"), ["--version"]),
        (("sockgatectl", "log", "--s"), ["--since", "--source"]),
        (("sockgatectl", "check", "--level", "e"), ["error"]),
        (("sockgatectl", "log", "--since", ""), []),
        (("sockgatectl", "report", "--output", f"{tmp_path}/r"), [f"{tmp_path}/rules.txt"]),
        (("sockgatectl", "log", "--directory", f"{tmp_path}/r"), []),
        (("sockgatectl", "rules", "s"), ["show"]),
        (("sockgate", "--bann"), ["--banner", "--banner-text", "--banner-success", "--banner-fail"]),
        (("sockgate", "--rules", f"{tmp_path}/r"), [f"{tmp_path}/rules.txt"]),
        (("sockgate", "--stderr", ""), ["journal", "socket"]),
        (("sockgated", "--log-format", "x"), ["xinetd"]),
    ):
        assert completed(tmp_path, *words) == offered, words


def test_fish_offers_what_fits(tmp_path: Path) -> None:
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    file = tmp_path / "sockgatectl.fish"
    file.write_text(script("fish", program("sockgatectl")))
    for line, offered in (
        ("sockgatectl repo", ["report"]),
        ("sockgatectl check --level ", ["error", "note", "warning"]),
        ("sockgatectl log --sour", ["--source"]),
    ):
        ask = ["fish", "--no-config", "-c", f"source {file}; complete -C '{line}'"]
        shown = subprocess.run(
            ask, capture_output=True, check=True, text=True, env={"HOME": str(tmp_path), "PATH": "/usr/bin"}
        )
        assert [each.split("\t")[0] for each in shown.stdout.splitlines()] == offered
