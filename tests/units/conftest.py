from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sockgate.units.search import UnitSearch
from tests.units.tree import write_tree

MakeRoot = Callable[[Mapping[str, str]], UnitSearch]


@pytest.fixture
def make_root(tmp_path: Path) -> MakeRoot:
    """The units of a system that is made of these files."""

    def make(files: Mapping[str, str]) -> UnitSearch:
        write_tree(tmp_path, files)
        return UnitSearch(str(tmp_path))

    return make
