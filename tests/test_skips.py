"""The rule of tests/conftest.py, on a test run of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).parents[1]
SKIPS = """
import pytest

@pytest.mark.skip(reason="no oracle")
def test_marked():
    pass

def test_at_run_time():
    pytest.skip("no root")

@pytest.mark.xfail(reason="known", strict=True)
def test_expected_to_fail():
    assert False
"""
SKIPS_ALL = """
import pytest
pytest.importorskip("no_such_module")
"""


@pytest.mark.parametrize(
    ("ci", "text", "counts"),
    [
        ("", SKIPS, "2 skipped, 1 xfailed"),
        ("true", SKIPS, "1 failed, 1 xfailed, 1 error"),
        ("", SKIPS_ALL, "1 skipped"),
        ("true", SKIPS_ALL, "1 error"),
    ],
)
def test_a_skip_is_a_failure_where_ci_is_set(tmp_path: Path, ci: str, text: str, counts: str) -> None:
    (tmp_path / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest", str(tmp_path)]
    result = subprocess.run(command, env=os.environ | {"CI": ci}, cwd=TREE, capture_output=True, text=True)
    assert result.stdout.splitlines()[-1].startswith(f"{counts} in "), result.stdout
