"""The unit tests under the Pythons of other Debian releases, each in a root of its release. As root.

    python -m tests.system.pythons RELEASE... [-- OPTION OF PYTEST...]

What the tests need from PyPI is installed for that Python by this machine's pip, so the root needs no network.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.system import roots
from tests.system.layers import folder_for, overlay
from tests.system.machine import PATH, TREE

NSPAWN = (
    "systemd-nspawn", "--quiet", "--as-pid2", f"--machine=sockgate-{os.getpid()}", "--register=no", "--keep-unit",
    "--private-network", "--capability=all", "--pipe", f"--setenv=PATH={PATH}", "--setenv=LANG=C.UTF-8",
)  # fmt: skip
# The checkers of `make check` are no part of a test.
CHECKERS = ("mypy", "ruff", "hatchling")
NO_UNIT_TESTS = ("system", "differential", "packaging", "bench")
COPY = "/srv/sockgate"


def main() -> None:
    words = sys.argv[1:]
    releases, options = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    sys.exit(max([run_unit_tests(release, options) for release in releases or roots.PYTHON], default=0))


def run_unit_tests(release: str, options: list[str]) -> int:
    """The exit code of pytest."""
    lower = roots.root(release, "python")
    with overlay(folder_for(lower), lower) as root:
        version = roots.PYTHON[release]
        install_packages(root / f"usr/local/lib/python{version}/dist-packages", version)
        copy_tree(root / COPY.lstrip("/"))
        print(f"the unit tests on {release}, Python {roots.PYTHON[release]}", flush=True)
        ignored = [f"--ignore=tests/{folder}" for folder in NO_UNIT_TESTS]
        pytest = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", *ignored, *options]
        script = f'cd {COPY} && git init -q . && git add -A && make build && exec setpriv --inh-caps=-all "$@"'
        ci = ["--setenv=CI=true"]
        command = [*NSPAWN, f"--directory={root}", *ci, "/bin/bash", "-ec", script, "bash", *pytest]
        return subprocess.run(command, stdin=subprocess.DEVNULL).returncode


def install_packages(folder: Path, version: str) -> None:
    """What tests/requirements.txt names but for the checkers, in wheels for this version of Python."""
    lines = (line.partition("#")[0].strip() for line in (TREE / "tests/requirements.txt").read_text().splitlines())
    wanted = [line for line in lines if line and not line.startswith(CHECKERS)]
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"--target={folder}"]
    subprocess.run([*pip, f"--python-version={version}", "--only-binary=:all:", *wanted], check=True)


def copy_tree(folder: Path) -> None:
    """The files of this tree, without what was built."""
    folder.mkdir()
    files = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(files, cwd=TREE, capture_output=True, check=True).stdout
    pack = ["tar", "--create", "--null", "--files-from=-", "--ignore-failed-read"]
    packed = subprocess.run(pack, cwd=TREE, input=listed, capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract", "--no-same-owner", f"--directory={folder}"], input=packed, check=True)


if __name__ == "__main__":
    main()
