"""Packages of this tree, built as `make deb`, `make rpm` and `make arch` do."""

import atexit
import functools
import os
import re
import shutil
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

TREE = Path(__file__).parents[2]

VERSION = re.search(r'__version__ = "(.+)"', (TREE / "src/sockgate/__init__.py").read_text())[1]  # type: ignore[index]
CHANGELOG = (TREE / "CHANGELOG.md").read_text()
# Just behind the newest release: the dates of a changelog fall, and files that are made now are dated back to it.
RELEASED = re.search(r"^## (.+) - (.+)$", CHANGELOG, re.MULTILINE)
EPOCH = str(int(datetime.fromisoformat(f"{RELEASED[2] if RELEASED else '2025-11-24'}T00:01Z").timestamp()))
NEXT_VERSION = f"{VERSION.partition('.dev')[0]}.1"
# What an administrator has to know at an upgrade to any other version than this tree's own.
CHANGE = "`smtp.socket` is called what it was, to 100%."


# What packages bring beside what `make install PREFIX=/usr` does, in every family.
SERVICES = ("smtp", "smtps", "imap", "imaps", "pop3", "pop3s")
SETTINGS = tuple(f"sockgate-{service}" for service in SERVICES)
DOC = "usr/share/doc/sockgate"


@functools.cache
def shared() -> Path:
    """A folder for packages that several tests of this process need; each is built once. It goes with the process."""
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to the user who builds
    atexit.register(shutil.rmtree, folder)
    return folder


def packaged(version: str) -> str:
    """As Debian and RPM have it: what stands behind `~` sorts before the release of that name."""
    return version.replace(".dev", "~dev")


def items_of_changelog() -> int:
    """How many the changelog of a package has. Just behind a release there is one that says so."""
    unreleased = CHANGELOG.partition("\n## Unreleased\n")[2].partition("\n## ")[0]
    is_new = "\n- " not in unreleased and not (RELEASED and RELEASED[1] == VERSION)
    return CHANGELOG.count("\n- ") + is_new


def deb(folder: Path, version: str = VERSION) -> Path:
    """A Debian package."""
    return make("deb", folder, version) / f"sockgate_{packaged(version)}_all.deb"


def deb_inetd(folder: Path, version: str = VERSION) -> Path:
    """The Debian package that makes the machine's inetd of it; it is built with the other."""
    return make("deb", folder, version) / f"sockgate-inetd_{packaged(version)}_all.deb"


def rpm(folder: Path, version: str = VERSION) -> Path:
    """A package for the Fedora and openSUSE families."""
    return make("rpm", folder, version) / f"sockgate-{packaged(version)}-1.noarch.rpm"


def arch(folder: Path, version: str = VERSION) -> Path:
    """A package for Arch."""
    return make("arch", folder, version) / f"sockgate-{version.replace('.dev', 'dev')}-1-any.pkg.tar.zst"


def make(kind: str, folder: Path, version: str) -> Path:
    """Build a package of this tree, which says that it is this version. Root is not needed: no test builds as root.

    Returns the folder that the package is in.
    """
    tree = folder / f"{kind}-{version}"
    if (tree / "dist").exists():
        return tree / "dist"
    files = subprocess.check_output(["git", "ls-files", "-z", "src", "units", "*.md", "Makefile", "LICENSE"], cwd=TREE)
    for name in files.decode().split("\0")[:-1]:
        if (TREE / name).exists():  # it is not, if it was removed just now
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TREE / name, tree / name)
    init = tree / "src/sockgate/__init__.py"
    init.write_text(init.read_text().replace(f'"{VERSION}"', f'"{version}"'))
    if version != VERSION:
        changelog = tree / "CHANGELOG.md"
        head, unreleased, rest = changelog.read_text().partition("## Unreleased\n")
        changelog.write_text(f"{head}{unreleased}\n### Changed\n\n- {CHANGE}\n{rest}")
    user = () if os.geteuid() else ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    subprocess.run(["chmod", "-R", "a+rwX", tree], check=True)
    folder.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "SOURCE_DATE_EPOCH": EPOCH}
    made = subprocess.run([*user, "make", "-C", str(tree), kind], capture_output=True, text=True, env=environment)
    assert made.returncode == 0, made.stdout + made.stderr
    return tree / "dist"


def installed(folder: Path, *variables: str) -> set[str]:
    """The files that `make install PREFIX=/usr` brings for a package, with manual pages compressed as packages do."""
    words = [f"DESTDIR={folder}", "PREFIX=/usr", "BYTECODE=no", *variables]
    subprocess.run(["make", "-s", "-C", TREE, "install", *words], check=True)
    brought = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    return {f"{name}.gz" if "/share/man/" in name else name for name in brought}
