"""Programs of Debian packages that cannot be installed beside those that are: unpacked, not installed."""

import os
import subprocess
from pathlib import Path


def unpacked(package: str) -> Path:
    """The folder with the files of this package; apt-get fetches it once."""
    cache = Path(os.environ.get("SOCKGATE_TEST_CACHE", "/var/cache/sockgate-tests")) / "unpacked"
    folder = cache / package
    if not folder.exists():
        work = cache / f"{package}.{os.getpid()}"
        work.mkdir(parents=True)
        subprocess.run(["apt-get", "--quiet", "download", package], cwd=work, check=True, capture_output=True)
        (archive,) = work.glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", archive, work / "files"], check=True)
        (work / "files").rename(folder)
    return folder
