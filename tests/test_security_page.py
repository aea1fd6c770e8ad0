"""SECURITY.md names tests that are there."""

import re
from pathlib import Path

from tests.fuzz.targets import TARGETS

TREE = Path(__file__).parents[1]
PAGE = (TREE / "SECURITY.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| promise |"))]


def test_each_file_and_test_that_the_page_names_is_there() -> None:
    named = 0
    for row in ROWS:
        parts = re.split(r"`(tests/[\w/]+\.py)`", row)
        for file, names in zip(parts[1::2], parts[2::2], strict=True):
            text = (TREE / file).read_text()
            for name in re.findall(r"`(test_\w+)`", names):
                assert f"def {name}(" in text, f"{file} has no {name}"
                named += 1
    assert named > 20


def test_each_promise_is_held_by_a_test_a_fuzz_target_or_a_run() -> None:
    makefile = (TREE / "Makefile").read_text()
    for row in ROWS:
        *_, holders, _ = row.split("|")
        assert re.search(r"`tests/|fuzz target|`make ", holders), row
        for target in re.findall(r"`make (\w+)`", holders):
            assert f"\n{target}:" in makefile
        if "fuzz target" in holders:
            names = re.findall(r"`([a-z-]+)`", holders.partition("fuzz target")[2])
            assert names
            assert set(names) <= set(TARGETS)
