"""`make dist`: what is in the wheel and in the source distribution, and that the wheel is of use."""

import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connection.launch import Launcher, internet
from tests.packaging.build import TREE, VERSION

EXCLUDED = ("src/sockgate/demo/", "src/sockgate/launcher.", "src/sockgate/man/")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dist(tmp_path_factory.mktemp("dist"))


def make_dist(folder: Path) -> Path:
    subprocess.run(["make", "-s", "-C", TREE, "dist", f"DIST={folder}"], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def environment(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, and with the distribution's python3-systemd."""
    folder = tmp_path_factory.mktemp("opt") / "sockgate"
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--system-site-packages", "--without-pip", folder], check=True)
    pip = [str(TREE / ".venv/bin/python"), "-m", "pip", "--disable-pip-version-check", f"--python={folder}/bin/python"]
    wheel = dist / f"sockgate-{VERSION}-py3-none-any.whl"
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True)
    return folder


def tracked(*where: str) -> Iterator[str]:
    """What git knows, or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *where]
    names = subprocess.check_output(command, cwd=TREE, text=True).split("\0")[:-1]
    return (name for name in names if (TREE / name).exists())


def test_the_wheel_is_the_package_and_the_launcher(dist: Path) -> None:
    about = f"sockgate-{VERSION}.dist-info"
    expected = {name.removeprefix("src/") for name in tracked("src/sockgate") if not name.startswith(EXCLUDED)}
    expected |= {f"{about}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}
    expected.add(f"sockgate-{VERSION}.data/scripts/sockgate")
    with zipfile.ZipFile(dist / f"sockgate-{VERSION}-py3-none-any.whl") as wheel:
        assert set(wheel.namelist()) == expected


def test_the_source_distribution_is_what_git_has(dist: Path) -> None:
    with tarfile.open(dist / f"sockgate-{VERSION}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names == {*tracked(), "PKG-INFO"}


def test_two_builds_are_the_same_to_the_byte(dist: Path, tmp_path: Path) -> None:
    again = make_dist(tmp_path)
    assert sorted(file.name for file in dist.iterdir()) == sorted(file.name for file in again.iterdir())
    assert all((again / file.name).read_bytes() == file.read_bytes() for file in dist.iterdir())


def test_the_programs_of_the_wheel_work(environment: Path, tmp_path: Path) -> None:
    for program in ("sockgatectl", "sockgated", "sockgate"):
        shown = subprocess.run([environment / "bin" / program, "--version"], capture_output=True, text=True, check=True)
        assert shown.stdout == f"{program} {VERSION}\n"
    server = Launcher(f"{environment}/bin/sockgate", tmp_path).serve(internet(), ["--relay", "127.0.0.1"])
    assert server.environment[b"TCPREMOTEIP"] == b"127.0.0.1"
    assert server.environment[b"RELAYCLIENT"] == b""
    assert set(server.descriptors) == {0, 1, 2}


def test_the_gate_of_the_wheel_starts_without_site_packages(environment: Path) -> None:
    assert 'exec "$bin/python3" -IS ' in (environment / "bin/sockgate").read_text()  # no pip has rewritten it


def test_units_that_it_writes_start_its_own_gate(environment: Path) -> None:
    words = ["install", "agent", "--listen", "6556", "--user", "root", "--server", "/bin/true", "--dry-run"]
    shown = subprocess.run([environment / "bin/sockgatectl", *words], capture_output=True, text=True, check=True)
    assert f"ExecStart={environment}/bin/sockgate " in shown.stdout
