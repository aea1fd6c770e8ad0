"""CHANGELOG.md says each thing once. Two branches that change one item can leave both behind (merge=union)."""

import re
import runpy
from itertools import combinations
from pathlib import Path

import pytest

TREE = Path(__file__).parents[1]
entries = runpy.run_path(str(TREE / "src/packaging/changelog.py"))["entries"]
SAME = 0.75  # of the words of the shorter item stand in the other


def doubles(text: str) -> list[tuple[str, str]]:
    """The pairs of items of one version that say nearly the same."""
    items = [(item, set(re.findall(r"\w{3,}", item.lower()))) for entry in entries(text, "1") for item in entry.items]
    return [
        (one, other)
        for (one, its), (other, others) in combinations(items, 2)
        if its and others and len(its & others) >= SAME * min(len(its), len(others))
    ]


def test_no_item_stands_twice() -> None:
    assert doubles((TREE / "CHANGELOG.md").read_text()) == []


@pytest.mark.parametrize(
    "second",
    [
        "- A purge of the package leaves a file that another program reads, or one that has been changed.\n",
        "- A purge of the package leaves a file that another program reads, or that anyone has changed.\n",
        "- A purge of the package leaves a file that another program reads,\n  or one that has been changed. Files of\n"
        "  an administrator stay in every case, and the package names them in its last message.\n",
    ],
)
def test_an_item_that_was_moved_or_changed_and_left_behind_is_found(second: str) -> None:
    first = "- A purge of the package leaves a file that another program reads, or one that has been changed.\n"
    text = f"## Unreleased\n\n### Added\n\n{first}- Something else, about the purge of a file.\n\n### Fixed\n\n{second}"
    assert len(doubles(text)) == 1
