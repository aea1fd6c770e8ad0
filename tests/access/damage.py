"""Files that are not what they should be, and the tools that make whole ones."""

import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

LENGTHS = re.compile(rb"\+(\d+),(\d+):")


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


def records_of(cdb: Path) -> list[tuple[bytes, bytes]]:
    """All records of a constant database in their order, read by tinycdb."""
    require("cdb")
    text = subprocess.run(["cdb", "-d", str(cdb)], capture_output=True, check=True).stdout
    records, at = [], 0
    while length := LENGTHS.match(text, at):
        key, data = int(length[1]), int(length[2])
        start = length.end() + key + len("->")
        records.append((text[length.end() : length.end() + key], text[start : start + data]))
        at = start + data + len("\n")
    assert text[at:] == b"\n"
    return records


def found_in(cdb: Path, key: bytes) -> bytes:
    """The first record of this key, which has no NUL, as tinycdb finds it by the tables of hashes."""
    return subprocess.run(["cdb", "-q", "-n", "1", "--", str(cdb), key], capture_output=True, check=True).stdout


def tcprules(text: bytes) -> bytes:
    """What the real tcprules makes of a text."""
    require("tcprules")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cdb"
        subprocess.run(["tcprules", path, f"{path}.tmp"], input=text, check=True)
        return path.read_bytes()


def random_bytes(seed: int, length: int) -> bytes:
    return random.Random(seed).randbytes(length)  # noqa: S311 # to be repeated, not to be secret
