"""`make rpm`: what is in the package, what rpmlint says about it, and that it installs."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging import build
from tests.packaging.build import DOC, SETTINGS

RPM_ONLY = {
    f"{DOC}/README.md", f"{DOC}/CHANGELOG.md", "usr/share/licenses/sockgate/LICENSE",
    *(f"etc/sysconfig/{name}" for name in SETTINGS),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to the user who builds
        yield Path(folder)


@pytest.fixture(scope="module")
def package(folder: Path) -> Path:
    return build.rpm(folder)


def query(package: Path, *words: str) -> list[str]:
    return subprocess.check_output(["rpm", "--query", "--package", *words, package], text=True).splitlines()


def test_rpmlint_has_nothing_to_say_that_is_not_explained(package: Path) -> None:
    config = build.TREE / "src/packaging/rpmlint.toml"
    shown = subprocess.run(["rpmlint", "--strict", "--config", config, package], capture_output=True, text=True)
    assert re.findall(r": [EW]: .*", shown.stdout) == []
    assert shown.returncode == 0, shown.stdout


def test_it_has_what_make_install_brings(package: Path, folder: Path) -> None:
    rows = query(package, "--queryformat", "[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES}\n]")
    files = [row.split(" ", 2) for row in rows if not row.startswith("d")]
    assert {name.removeprefix("/") for _, _, name in files} == build.installed(folder / "installed") | RPM_ONLY
    assert {(mode, owner) for mode, owner, _ in files} == {("-rw-r--r--", "root:root"), ("-rwxr-xr-x", "root:root")}


def test_what_an_administrator_edits_is_kept_by_an_upgrade(package: Path) -> None:
    flags = query(package, "--queryformat", "[%{FILEFLAGS:fflags} %{FILENAMES}\n]")
    kept = {name for row in flags for flag, _, name in [row.partition(" ")] if flag == "cn"}
    assert kept == {f"/etc/sysconfig/{name}" for name in SETTINGS}


def test_it_says_what_it_needs(package: Path) -> None:
    needed = query(package, "--requires")
    assert {"python3 >= 3.11", "python3-systemd", "systemd >= 252", "/usr/bin/python3"} <= set(needed)


def test_its_changelog_is_ours(package: Path) -> None:
    assert sum(line.startswith("- ") for line in query(package, "--changelog")) == build.items_of_changelog()


def test_it_installs_into_an_empty_root_and_leaves_nothing_when_it_is_erased(package: Path, tmp_path: Path) -> None:
    rpm = ["rpm", f"--root={tmp_path}", "--define=_dbpath /rpmdb", "--nodeps", "--noscripts", "--notriggers"]
    subprocess.run([*rpm, "--install", package], check=True)
    assert (tmp_path / "usr/sbin/sockgated").stat().st_mode & 0o777 == 0o755
    subprocess.run([*rpm, "--erase", "sockgate"], check=True)
    left = [path for path in tmp_path.rglob("*") if not path.is_dir() and path.parent.name != "rpmdb"]
    assert left == []


def test_a_snapshot_sorts_before_its_release() -> None:
    script = "print(rpm.vercmp('1.0.0~dev0', '1.0.0') .. rpm.vercmp('1.0.0', '0.9.9'))"
    assert subprocess.check_output(["rpm", "--eval", f"%{{lua:{script}}}"], text=True).split() == ["-11"]


def test_two_builds_are_the_same_to_the_byte(package: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert build.rpm(Path(folder)).read_bytes() == package.read_bytes()
