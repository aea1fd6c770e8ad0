"""A system's root directory with units in it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sockgate.units.search import UnitSearch

MakeRoot = Callable[[Mapping[str, str | None]], UnitSearch]


@pytest.fixture
def make_root(tmp_path: Path) -> MakeRoot:
    """Writes files by their path in the system; `-> TARGET` makes a symbolic link."""

    def make(files: Mapping[str, str | None]) -> UnitSearch:
        for path, content in files.items():
            file = tmp_path / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            if content is not None and content.startswith("-> "):
                file.symlink_to(content[3:])
            else:
                file.write_text(content or "")
        return UnitSearch(str(tmp_path))

    return make
