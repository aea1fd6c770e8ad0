"""CONTRIBUTING.md names files, functions and targets that are there."""

import ast
import re
from pathlib import Path

import pytest

TREE = Path(__file__).parents[1]
PAGE = (TREE / "CONTRIBUTING.md").read_text()
ROOTS = (TREE, TREE / "src", TREE / "src/sockgate", TREE / "src/sockgate/dispatch")
# In the picture, paths stand without quotes.
PATHS = sorted(set(re.findall(r"(?<![\w./-])((?:[\w-]+/)+(?:[\w-]+\.(?:py|scd|md|sh))?|[\w-]+\.py)(?![\w/])", PAGE)))


def names_defined() -> set[str]:
    """Each function and class of the package, and each method by its own name and as `Class.method`."""
    names: set[str] = set()
    for path in (TREE / "src/sockgate").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            if isinstance(node, ast.ClassDef):
                names |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return names


@pytest.mark.parametrize("path", PATHS)
def test_each_path_leads_somewhere(path: str) -> None:
    assert any((root / path).exists() for root in ROOTS), path


def test_each_function_of_the_three_answers_is_there() -> None:
    answers = PAGE[PAGE.index("## Three questions") : PAGE.index("## Three tiers")]
    defined = names_defined()
    named = set(re.findall(r"`([A-Z]\w+\.\w+)`", answers)) | set(re.findall(r"`(_?[a-z]+(?:_[a-z]+)+)`", answers))
    assert len(named) > 12
    assert named - defined == set()


def test_each_target_is_there() -> None:
    makefile = (TREE / "Makefile").read_text()
    named = {word for words in re.findall(r"`make ([a-z -]+?)(?: [A-Z]+=\w+)?`", PAGE) for word in words.split()}
    assert len(named) > 12
    assert {target for target in named if f"\n{target}:" not in makefile} == set()
