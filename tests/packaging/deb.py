"""Debian packages of this tree, built as `make deb` does."""

import os
import re
import shutil
import subprocess
from pathlib import Path

TREE = Path(__file__).parents[2]

VERSION = re.search(r'__version__ = "(.+)"', (TREE / "src/sockgate/__init__.py").read_text())[1]  # type: ignore[index]
EPOCH = "1764000000"  # 2025-11-24 16:00
NEXT_VERSION = f"{VERSION.partition('.dev')[0]}.1"


def debian(version: str) -> str:
    """Debian sorts what stands behind `~` before the release of that name."""
    return version.replace(".dev", "~dev")


def build(folder: Path, version: str = VERSION) -> Path:
    """A package of this tree, which says that it is this version. It takes no root: nobody builds it."""
    tree = folder / f"tree-{version}"
    files = subprocess.check_output(["git", "ls-files", "-z", "src", "units", "*.md", "Makefile", "LICENSE"], cwd=TREE)
    for name in files.decode().split("\0")[:-1]:
        if (TREE / name).exists():  # it is not, if it was removed just now
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TREE / name, tree / name)
    init = tree / "src/sockgate/__init__.py"
    init.write_text(init.read_text().replace(f'"{VERSION}"', f'"{version}"'))
    user = () if os.geteuid() else ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    subprocess.run(["chmod", "-R", "a+rwX", tree], check=True)
    folder.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "SOURCE_DATE_EPOCH": EPOCH}
    made = subprocess.run([*user, "make", "-C", str(tree), "deb"], capture_output=True, text=True, env=environment)
    assert made.returncode == 0, made.stdout + made.stderr
    return tree / f"dist/sockgate_{debian(version)}_all.deb"
