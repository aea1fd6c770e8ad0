"""Fixtures of the lean tier's tests."""

from pathlib import Path

import pytest

from .launch import Launcher, make_launcher


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    """The real sockgate, from this tree."""
    return make_launcher(tmp_path)
