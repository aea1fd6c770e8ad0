"""make install and make uninstall, into a folder of their own."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

TREE = Path(__file__).parents[1]
UNITS = "usr/local/lib/systemd/system"
LIBRARY = "usr/local/lib/sockgate"


def start_make(target: str, destination: Path, *variables: str) -> "subprocess.CompletedProcess[str]":
    command = ["make", "--no-print-directory", "-C", str(TREE), target, f"DESTDIR={destination}", *variables]
    return subprocess.run(command, capture_output=True, text=True)


def make(target: str, destination: Path, *variables: str) -> str:
    result = start_make(target, destination, *variables)
    assert (result.stderr, result.returncode) == ("", 0)
    return result.stdout


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    make("install", folder)
    return folder


def test_each_program_runs_its_own_module_from_the_installed_package(installed: Path) -> None:
    for program, flags, module in (
        ("sbin/sockgate", "-IS", "shim"),
        ("sbin/sockgated", "-I", "dispatch.main"),
        ("sbin/sockgate-builtin", "-IS", "builtin"),
        ("lib/systemd/system-generators/sockgate-inetd-generator", "-IS", "generator"),
        ("bin/sockgatectl", "-I", "ctl.main"),
    ):
        file = installed / "usr/local" / program
        text = file.read_text()
        assert text.startswith(f"#!/usr/bin/python3 {flags}\n")
        assert f'sys.path[:0] = ["/{LIBRARY}"]\nfrom sockgate.{module} import main\n' in text
        assert file.stat().st_mode & 0o777 == 0o755


def test_no_placeholder_is_left(installed: Path) -> None:
    for name in files(installed):
        if not name.endswith((".py", ".pyc")):
            assert not re.search(r"@[A-Z]+@", (installed / name).read_text()), name


def test_each_resident_unit_has_descriptors_for_clients_that_wait_for_a_look_up(installed: Path) -> None:
    services = (installed / UNITS).glob("*.service")
    resident = [file for file in services if "@" not in file.name and "/sockgated " in file.read_text()]
    assert len(resident) == 6
    assert [file.name for file in resident if "\nLimitNOFILE=4096\n" not in file.read_text()] == []


def test_a_traceback_shows_the_path_after_the_installation(installed: Path) -> None:
    (compiled,) = (installed / LIBRARY / "sockgate/__pycache__").glob("shim.*.pyc")
    assert f"/{LIBRARY}/sockgate/shim.py".encode() in compiled.read_bytes()
    assert str(installed).encode() not in compiled.read_bytes()


def test_the_demonstration_stays_in_the_source_tree(installed: Path) -> None:
    assert not (installed / LIBRARY / "sockgate/demo").exists()


def test_a_drop_in_that_not_every_systemd_understands_is_left_to_the_generator(installed: Path) -> None:
    names = {str(path.relative_to(TREE / "units")) for path in (TREE / "units").glob("*.d/*.conf")}
    assert names
    assert names == files(installed / LIBRARY / "drop-ins")
    assert all(re.search(r"-\d+\.conf$", name) for name in names)


def test_a_drop_in_for_a_newer_systemd_is_read_after_one_for_an_older() -> None:
    for folder in (TREE / "units").glob("*.d"):
        by_name = sorted(file.name for file in folder.iterdir())
        assert by_name == sorted(by_name, key=version_of), folder


def version_of(name: str) -> int:
    return int(name.removesuffix(".conf").rpartition("-")[2])


def test_without_scdoc_everything_but_the_manual_is_installed(tmp_path: Path, installed: Path) -> None:
    said = make("install", tmp_path, "SCDOC=no-scdoc-here")
    assert said == "no manual pages: install the package scdoc, then repeat 'make install'\n"
    assert files(tmp_path) == {name for name in files(installed) if "/man/" not in name}


@pytest.mark.parametrize("python", ["/no/python3", "/bin/false"])
def test_without_a_python_that_is_new_enough_nothing_is_installed(python: str, tmp_path: Path) -> None:
    result = start_make("install", tmp_path, f"PYTHON={python}")
    assert result.returncode
    assert result.stderr.splitlines()[0] == (
        f"make install: unable to find Python 3.11 or newer as {python} (apt-get install python3, or PYTHON=...)"
    )
    assert list(tmp_path.iterdir()) == []


def test_uninstall_removes_what_install_brought_and_nothing_else(tmp_path: Path, installed: Path) -> None:
    shutil.copytree(installed, tmp_path, dirs_exist_ok=True)
    foreign = {f"{UNITS}/other.socket", f"{UNITS}/smtp.socket.d/local.conf", "usr/local/sbin/other"}
    for name in foreign:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / LIBRARY / "sockgate/__pycache__/shim.cpython-399.pyc").touch()  # as another Python would leave it
    make("uninstall", tmp_path)
    assert files(tmp_path) == foreign
    assert not (tmp_path / LIBRARY).exists()
    assert [folder.name for folder in (tmp_path / UNITS).glob("*.d")] == ["smtp.socket.d"]


def test_uninstall_where_nothing_is_installed_is_no_error(tmp_path: Path) -> None:
    make("uninstall", tmp_path)
    assert list(tmp_path.iterdir()) == []
