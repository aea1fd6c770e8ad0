"""Every option of every program is in its manual page, and the pages name no other."""

import argparse
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sockgate.core.options import GATE_OPTIONS, Option
from sockgate.ctl.main import VERBS, load, parser_of
from sockgate.dispatch.options import LIMIT_OPTIONS

MAN = Path(__file__).parents[1] / "src/sockgate/man"
COMMON = {"--help", "--version"}

# Page: the options that it describes. sockgated(8) leaves the gate's to sockgate(8).
GATE_PAGES: dict[str, tuple[Option, ...]] = {"sockgate.8.scd": GATE_OPTIONS, "sockgated.8.scd": LIMIT_OPTIONS}
WRITTEN_GATE_PAGES = [page for page in GATE_PAGES if (MAN / page).exists()]


def section(text: str, level: str, title: str) -> str:
    """The text under one heading, down to the next of its level or above."""
    start = re.search(rf"^{level} {re.escape(title)}(?: .*)?\n", text, re.MULTILINE)
    assert start, f"there is no section {title!r}"
    rest = text[start.end() :]
    end = re.search(rf"^#{{1,{len(level)}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def described(text: str) -> set[str]:
    """The options that have an entry of their own: at the start of a line, in bold."""
    entries = re.findall(r"^\*--[^\n]*", text, re.MULTILINE)
    return {option for entry in entries for option in re.findall(r"\*(--[a-z0-9-]+)=?\*", entry)}


@pytest.mark.parametrize("page", WRITTEN_GATE_PAGES)
def test_a_gates_page_describes_exactly_its_options(page: str) -> None:
    expected = {option.name for option in GATE_PAGES[page]} | COMMON
    assert described(section((MAN / page).read_text(), "#", "OPTIONS")) == expected


@pytest.mark.parametrize("page", WRITTEN_GATE_PAGES)
def test_a_gates_page_keeps_the_order_of_the_groups(page: str) -> None:
    text = section((MAN / page).read_text(), "#", "OPTIONS")
    groups = dict.fromkeys(option.group for option in GATE_PAGES[page])
    first = [text.index(f"\n*{next(o.name for o in GATE_PAGES[page] if o.group == group)}*") for group in groups]
    assert first == sorted(first)


def parsers_of(parser: argparse.ArgumentParser, name: str) -> dict[str, argparse.ArgumentParser]:
    """A verb's parser by its heading; for a verb with words of its own, one parser for each of them."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return {f"{name} {word}": sub for word, sub in action.choices.items()}
    return {name: parser}


PARSERS = {name: sub for verb in VERBS for name, sub in parsers_of(parser_of(verb, load(verb)), verb.name).items()}


@pytest.mark.parametrize("verb", PARSERS)
def test_the_page_of_sockgatectl_describes_exactly_the_options_of_a_verb(verb: str) -> None:
    text = section((MAN / "sockgatectl.1.scd").read_text(), "##", verb)
    options = {option for action in PARSERS[verb]._actions for option in action.option_strings}
    assert described(text) == options - {"-h", "--help"}


def test_the_page_of_sockgatectl_has_the_verbs_in_order() -> None:
    headings = re.findall(r"^## (.*)$", (MAN / "sockgatectl.1.scd").read_text(), re.MULTILINE)
    assert [heading for heading, verb in zip(headings, PARSERS, strict=True) if not heading.startswith(verb)] == []


@pytest.mark.parametrize("page", sorted(path.name for path in MAN.glob("*.scd")))
def test_a_page_builds(page: str) -> None:
    if not shutil.which("scdoc"):
        pytest.skip("scdoc is not installed: apt-get install scdoc")
    done = subprocess.run(["scdoc"], input=(MAN / page).read_bytes(), capture_output=True, check=False)
    assert (done.stderr, done.returncode) == (b"", 0)
    name, number, _ = page.split(".")
    plain = done.stdout.replace(b"\\-", b"-")  # scdoc 1.11.5 escapes it there, too
    assert f'.TH "{name}" "{number}"'.encode() in plain


@pytest.mark.parametrize("page", sorted(path.name for path in MAN.glob("*.scd")))
def test_a_command_on_two_lines_keeps_the_backslash_between_them(page: str) -> None:
    assert re.findall(r".*[^\\]\\$", (MAN / page).read_text(), re.MULTILINE) == [], "scdoc drops a single one"
