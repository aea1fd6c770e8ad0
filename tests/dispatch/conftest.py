"""Fixtures of the resident tier's tests."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.dispatch.gated import Gated, end, start
from tests.dispatch.manager import Manager


class Start(Protocol):
    def __call__(
        self, *words: str, code: str = "", prelude: str = 'exec "$@"', listen: str = "127.0.0.1:0"
    ) -> Gated: ...


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Start]:
    """Starts sockgated with these options and this server; ends it after the test."""
    with ExitStack() as stack:

        def start_one(*words: str, code: str = "", prelude: str = 'exec "$@"', listen: str = "127.0.0.1:0") -> Gated:
            one = start(tmp_path, ["--listen", listen, *words], code=code, prelude=prelude)
            stack.callback(end, one)
            return one

        yield start_one


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """Its gates end with the test."""
    manager = Manager(tmp_path)
    yield manager
    manager.close()
