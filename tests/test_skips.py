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


@pytest.mark.parametrize(("ci", "counts"), [("", "3 skipped, 1 xfailed"), ("true", "1 failed, 1 xfailed, 2 errors")])
def test_a_skip_is_a_failure_where_ci_is_set(tmp_path: Path, ci: str, counts: str) -> None:
    (tmp_path / "test_some.py").write_text(SKIPS)
    (tmp_path / "test_all.py").write_text(SKIPS_ALL)
    command = [sys.executable, "-m", "pytest", "-q", "--continue-on-collection-errors", "-p", "no:cacheprovider"]
    command += ["-p", "tests.conftest", str(tmp_path)]
    result = subprocess.run(command, env=os.environ | {"CI": ci}, cwd=TREE, capture_output=True, text=True)
    assert result.stdout.splitlines()[-1].startswith(f"{counts} in "), result.stdout
