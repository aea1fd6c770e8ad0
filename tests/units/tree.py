"""A system's root directory with files in it."""

from collections.abc import Mapping
from pathlib import Path


def write_tree(root: Path, files: Mapping[str, str]) -> None:
    """Files by their path in the system; `-> TARGET` makes a symbolic link, `#!...` an executable."""
    for path, content in files.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("-> "):
            file.symlink_to(content[3:])
        else:
            file.write_text(content)
            file.chmod(0o755 if content.startswith("#!") else 0o644)
