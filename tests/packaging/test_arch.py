"""`make arch`: what is in the package, and that pacman installs it."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging import build
from tests.packaging.build import DOC, SETTINGS

ARCH_ONLY = {
    f"{DOC}/README.md", f"{DOC}/CHANGELOG.md", "usr/share/licenses/sockgate/LICENSE",
    "usr/share/libalpm/hooks/sockgate.hook", *(f"etc/default/{name}" for name in SETTINGS),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to the user who builds
        yield Path(folder)


@pytest.fixture(scope="module")
def package(folder: Path) -> Path:
    return build.arch(folder)


@pytest.fixture(scope="module")
def next_package(folder: Path) -> Path:
    return build.arch(folder, build.NEXT_VERSION)


def pacman(root: Path, *words: str) -> str:
    """It asks no other machine and runs no script: there is no shell in the root."""
    (root / "var/lib/pacman").mkdir(parents=True, exist_ok=True)
    (root / "pacman.conf").write_text("[options]\nArchitecture = auto\nLocalFileSigLevel = Never\n")
    folders = [f"--root={root}", f"--dbpath={root}/var/lib/pacman", f"--cachedir={root}/cache"]
    options = ["--noconfirm", f"--config={root}/pacman.conf", f"--hookdir={root}/none", f"--logfile={root}/log"]
    return subprocess.check_output(["pacman", *folders, *options, *words], text=True)


@pytest.fixture(scope="module")
def root(package: Path, folder: Path) -> Path:
    root = folder / "root"
    pacman(root, "--upgrade", "--nodeps", "--nodeps", "--noscriptlet", str(package))
    return root


def test_it_brings_what_make_install_brings(root: Path, folder: Path) -> None:
    listed = pacman(root, "--query", "--list", "--quiet").split()
    files = {name.removeprefix(f"{root}/") for name in listed if not name.endswith("/")}
    assert files == build.installed(folder / "installed", "SBINDIR=/usr/bin") | ARCH_ONLY
    assert all((root / name).is_file() for name in files)


def test_the_files_are_those_that_the_package_has(root: Path) -> None:
    assert "0 altered files" in pacman(root, "--query", "--check", "--check", "sockgate")


def test_what_an_administrator_edits_is_kept_by_an_upgrade(root: Path) -> None:
    shown = pacman(root, "--query", "--info", "--info", "sockgate")
    assert all(f"/etc/default/{name}" in shown for name in SETTINGS)


def test_it_is_removed_without_a_trace(package: Path, tmp_path: Path) -> None:
    pacman(tmp_path, "--upgrade", "--nodeps", "--nodeps", "--noscriptlet", str(package))
    pacman(tmp_path, "--remove", "--nodeps", "--nosave", "--noscriptlet", "sockgate")
    assert [path for path in (tmp_path / "usr").rglob("*") if not path.is_dir()] == []


def test_a_snapshot_sorts_before_its_release() -> None:
    assert subprocess.check_output(["vercmp", "1.0.0dev0", "1.0.0"], text=True) == "-1\n"


@pytest.mark.parametrize(
    ("before", "told"),
    [("0.0.9", True), (build.VERSION.replace(".dev", "dev"), True), (build.NEXT_VERSION, False), ("99", False)],
)
def test_what_changes_is_told_to_an_administrator_with_an_older_version(
    next_package: Path, tmp_path: Path, before: str, told: bool
) -> None:
    subprocess.run(["bsdtar", "-xf", next_package, "-C", tmp_path, ".INSTALL"], check=True)
    # As pacman runs it, but for the gates of this machine.
    script = f'/usr/lib/sockgate/restart-gates() {{ :; }}; . {tmp_path}/.INSTALL; post_upgrade "$@"'
    command = ["bash", "-c", script, "bash", build.NEXT_VERSION, before]
    shown = subprocess.check_output(command, text=True)
    assert shown == (f"What has changed in sockgate {build.NEXT_VERSION}:\n  * {build.CHANGE}\n" if told else "")


def test_two_builds_are_the_same_to_the_byte(folder: Path, package: Path) -> None:
    """In one folder: makepkg writes its path into the package, for those who want to repeat the build."""
    first = package.read_bytes()
    package.unlink()
    package.parent.rmdir()  # or it would not be built again
    assert build.arch(folder).read_bytes() == first
