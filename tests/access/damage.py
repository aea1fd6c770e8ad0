"""Files that are not what they should be, and the tools that make whole ones."""

import random
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest


def require(program: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"{program} is missing: run tests/setup system")


def cdb_of(records: Mapping[bytes, bytes]) -> bytes:
    """A constant database of these records, made by tinycdb."""
    require("cdb")
    lines = [b"+%d,%d:%s->%s\n" % (len(key), len(data), key, data) for key, data in records.items()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cdb"
        subprocess.run(["cdb", "-c", str(path)], input=b"".join([*lines, b"\n"]), check=True)
        return path.read_bytes()


def tcprules(text: bytes) -> bytes:
    """What the real tcprules makes of a text."""
    require("tcprules")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cdb"
        subprocess.run(["tcprules", path, f"{path}.tmp"], input=text, check=True)
        return path.read_bytes()


def random_bytes(seed: int, length: int) -> bytes:
    return random.Random(seed).randbytes(length)  # noqa: S311 # to be repeated, not to be secret
