"""`make deb`: what is in the package, and what lintian says about it."""

import gzip
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging import build
from tests.packaging.build import DOC, SETTINGS

# Where a release changes something for an administrator.
HAS_NEWS = re.search("^### Changed", (build.TREE / "CHANGELOG.md").read_text(), re.MULTILINE)
NEWS = ("NEWS.Debian.gz",) if HAS_NEWS else ()
FIRST_STEP = "sudo apt install make git "
INETD = {
    f"usr/lib/systemd/{name}"
    for name in (
        "system/sockgate-inetd.service", "system/sockgate-inetd.path", "system/sockgate-inetd@.path",
        "system/sockgate-inetd-again.service",
        "system-generators/sockgate-inetd-generator",
    )
}  # fmt: skip
INETD_ONLY = {
    "etc/init.d/sockgate-inetd", "usr/share/lintian/overrides/sockgate-inetd",
    "usr/lib/systemd/system-preset/70-sockgate-inetd.preset",
    *(f"usr/share/doc/sockgate-inetd/{name}" for name in ("changelog.gz", "copyright", *NEWS)),
}  # fmt: skip
DEBIAN_ONLY = {
    f"{DOC}/README.md.gz", f"{DOC}/changelog.gz", f"{DOC}/copyright", "usr/share/lintian/overrides/sockgate",
    "usr/share/python3/runtime.d/sockgate.rtupdate", *(f"etc/default/{name}" for name in SETTINGS),
    *(f"{DOC}/{name}" for name in NEWS),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to the user who builds
        yield Path(folder)


@pytest.fixture(scope="module")
def package(folder: Path) -> Path:
    return build.deb(folder)


@pytest.fixture(scope="module")
def inetd(folder: Path, package: Path) -> Path:
    """The second package: the machine's inetd."""
    assert package.exists(), "they are built together"
    return build.deb_inetd(folder)


def field(package: Path, name: str) -> str:
    return subprocess.check_output(["dpkg-deb", "--field", package, name], text=True).strip()


def listed(package: Path) -> dict[str, str]:
    """Each file with its mode and owner."""
    lines = subprocess.check_output(["dpkg-deb", "--contents", package], text=True).splitlines()
    rows = [line.split(None, 5) for line in lines]
    return {name.removeprefix("./"): f"{mode} {owner}" for mode, owner, *_, name in rows if not mode.startswith("d")}


def test_the_readme_names_what_make_deb_needs() -> None:
    script = (build.TREE / "src/packaging/build").read_text()
    (named,) = re.findall(f"^    {FIRST_STEP}(.+)$", (build.TREE / "README.md").read_text(), re.MULTILINE)
    assert f'need "{named}" ' in script


def test_lintian_has_neither_an_error_nor_a_warning(package: Path, inetd: Path) -> None:
    shown = subprocess.run(["lintian", "--fail-on=error,warning", package, inetd], capture_output=True, text=True)
    assert (shown.stdout, shown.returncode) == ("", 0)


def test_it_has_what_make_install_brings_and_what_debian_wants(package: Path, folder: Path) -> None:
    found = listed(package)
    assert set(found) == build.installed(folder / "installed") - INETD | DEBIAN_ONLY
    assert {mode for mode in found.values()} == {"-rw-r--r-- root/root", "-rwxr-xr-x root/root"}


def test_what_makes_an_inetd_of_it_is_in_a_package_of_its_own(inetd: Path) -> None:
    found = listed(inetd)
    assert set(found) == INETD | INETD_ONLY
    assert {mode for mode in found.values()} == {"-rw-r--r-- root/root", "-rwxr-xr-x root/root"}
    assert field(inetd, "Provides") == "inet-superserver, xinetd"
    assert field(inetd, "Conflicts") == field(inetd, "Replaces") == "inet-superserver"
    assert f"sockgate (= {build.packaged(build.VERSION)})" in field(inetd, "Depends")


def test_it_says_what_it_is_and_needs(package: Path) -> None:
    assert package.name == f"sockgate_{build.packaged(build.VERSION)}_all.deb"
    assert field(package, "Version") == build.packaged(build.VERSION)
    assert {"python3 (>= 3.11)", "python3-systemd", "systemd (>= 252)"} <= set(field(package, "Depends").split(", "))
    assert field(package, "Recommends") == "netbase, python3-rich"


def test_what_an_administrator_edits_is_kept_by_an_upgrade(package: Path) -> None:
    shown = subprocess.check_output(["dpkg-deb", "--info", package, "conffiles"], text=True)
    assert set(shown.split()) == {f"/{name}" for name in DEBIAN_ONLY if name.startswith("etc/")}


def test_its_changelog_is_ours(package: Path, folder: Path) -> None:
    subprocess.run(["dpkg-deb", "--extract", package, folder / "extracted"], check=True)
    file = folder / "changelog"
    file.write_bytes(gzip.decompress((folder / "extracted" / DOC / "changelog.gz").read_bytes()))
    command = ["dpkg-parsechangelog", "-l", str(file), "--show-field", "Version"]
    assert subprocess.check_output(command, text=True).strip() == build.packaged(build.VERSION)
    assert file.read_text().count("\n  * ") == build.items_of_changelog()


@pytest.mark.parametrize(
    ("unreleased", "version", "expected"),
    [
        ("### Added\n\n- `x`: one\n  and more.\n", "0.2.0~dev0", ["0.2.0~dev0", "0.1.0"]),
        ("", "0.2.0~dev0", ["0.2.0~dev0", "0.1.0"]),
        ("", "0.1.0", ["0.1.0"]),
    ],
)
def test_the_changelog_begins_with_the_version_of_the_package(
    tmp_path: Path, unreleased: str, version: str, expected: list[str]
) -> None:
    text = f"# Changelog\n\n## Unreleased\n\n{unreleased}\n## 0.1.0 - 2026-11-25\n\n### Added\n\n- All.\n"
    (tmp_path / "CHANGELOG.md").write_text(text)
    command = [
        "/usr/bin/python3",
        str(build.TREE / "src/packaging/changelog.py"),
        "debian",
        str(tmp_path / "CHANGELOG.md"),
        version,
    ]
    (tmp_path / "changelog").write_text(subprocess.check_output([*command, "a <a@b.example>", "0"], text=True))
    show = ["dpkg-parsechangelog", "-l", str(tmp_path / "changelog"), "--all", "--show-field", "Version"]
    parsed = subprocess.run([*show, "--format", "rfc822"], capture_output=True, text=True, check=True)
    assert (parsed.stdout.split(), parsed.stderr) == (expected, "")


def test_two_builds_are_the_same_to_the_byte(package: Path, inetd: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert build.deb(Path(folder)).read_bytes() == package.read_bytes()
        assert build.deb_inetd(Path(folder)).read_bytes() == inetd.read_bytes()


def test_a_version_in_work_sorts_between_the_release_before_it_and_its_own() -> None:
    for older, newer in (("0.0.9", "0.1.0~dev0"), ("0.1.0~dev0", "0.1.0~dev1"), ("0.1.0~dev1", "0.1.0")):
        assert subprocess.run(["dpkg", "--compare-versions", older, "lt", newer], check=False).returncode == 0
    assert subprocess.run(
        ["dpkg", "--compare-versions", build.packaged(build.VERSION), "lt", build.NEXT_VERSION], check=False
    ).returncode == 0  # fmt: skip


CHANGES = """## Unreleased

### Added

- One.

### Changed

- `smtp.socket` is called
  `mail.socket`.

### Fixed

- Two.

## 0.1.0 - 2026-01-02

### Added

- Three.
"""


def test_what_changes_for_an_administrator_is_shown_at_an_upgrade_and_nothing_else(tmp_path: Path) -> None:
    """NEWS.Debian, which apt-listchanges shows before the upgrade."""
    (tmp_path / "CHANGELOG.md").write_text(CHANGES)
    program = [sys.executable, str(build.TREE / "src/packaging/changelog.py"), "news", str(tmp_path / "CHANGELOG.md")]
    shown = subprocess.check_output([*program, "0.2.0", "a <a@b.example>", "0"], text=True)
    assert shown.splitlines()[:3] == [
        "sockgate (0.2.0) unstable; urgency=medium", "", "  * `smtp.socket` is called `mail.socket`.",
    ]  # fmt: skip
    assert "One" not in shown
    assert "Three" not in shown
    (tmp_path / "CHANGELOG.md").write_text(CHANGES.replace("### Changed", "### Security"))
    assert subprocess.check_output([*program, "0.2.0", "a <a@b.example>", "0"], text=True) == ""


def run_script(name: str, argument: str, root: Path) -> None:
    """A script of the package, with the /etc and /usr/sbin of a folder and no program but those that it cannot miss."""
    programs = root / "bin"
    programs.mkdir(exist_ok=True)
    for program in ("cat", "chmod", "rm", "sha256sum"):
        if not (programs / program).exists():
            (programs / program).symlink_to(f"/usr/bin/{program}")
    text = (Path(__file__).parents[2] / "src/debian" / f"sockgate-inetd.{name}").read_text()
    text = re.sub("(?<!# )(/etc/|/usr/sbin/)", rf"{root}\1", text)  # not in the text of inetd.conf itself
    subprocess.run(["/bin/sh", "-c", text, name, argument], env={"PATH": str(programs)}, check=True)


@pytest.mark.parametrize(
    ("added", "other", "stays"),
    [
        ("", "", False),
        ("79 stream tcp nowait nobody /bin/cat cat\n", "", True),
        ("#<off># 79 stream tcp nowait nobody /bin/cat cat\n", "", True),
        ("# 79 stream tcp nowait nobody /bin/cat cat\n", "", True),
        ("# of the administrator\n", "", True),
        *(("", program, True) for program in ("inetd", "inetutils-inetd", "xinetd", "rlinetd")),
    ],
)
def test_a_purge_removes_inetd_conf_only_as_it_came_and_if_no_other_inetd_reads_it(
    added: str, other: str, stays: bool, tmp_path: Path
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "usr/sbin").mkdir(parents=True)
    run_script("preinst", "install", tmp_path)
    file = tmp_path / "etc/inetd.conf"
    file.write_text(file.read_text() + added)
    if other:
        (tmp_path / "usr/sbin" / other).touch(mode=0o755)
    run_script("postrm", "remove", tmp_path)
    assert file.exists()
    run_script("postrm", "purge", tmp_path)
    assert file.exists() is stays
