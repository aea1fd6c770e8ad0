"""Roots that a machine can write to, over those that all machines share, or copied from them."""

import contextlib
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path


def folder_for(lower: Path) -> Path:
    """A new name beside a root, by which `remove_abandoned` knows the process that made it."""
    return lower.parent / f"machine-{os.getpid()}-{uuid.uuid4().hex[:8]}"


@contextlib.contextmanager
def overlay(folder: Path, *lower: Path) -> Iterator[Path]:
    """A root that can be written to, over others that cannot, the topmost first: FOLDER/merged."""
    with in_memory(folder):
        upper, work, merged = folder / "upper", folder / "work", folder / "merged"
        for each in (upper, work, merged):
            each.mkdir()
        lowers = ":".join(map(str, lower))
        with mounted(merged, "overlay", f"lowerdir={lowers},upperdir={upper},workdir={work}"):
            yield merged


@contextlib.contextmanager
def copy(folder: Path, *lower: Path) -> Iterator[Path]:
    """What `overlay` shows, in one file system: FOLDER/merged."""
    with in_memory(folder):
        merged = folder / "merged"
        for layer in reversed(lower):
            subprocess.run(["cp", "--archive", "--no-target-directory", layer, merged], check=True)
        yield merged


@contextlib.contextmanager
def in_memory(folder: Path) -> Iterator[None]:
    """A new folder in memory. It is fast, and can hold the writable layer of an overlay whatever the cache is on."""
    folder.mkdir()
    try:
        with mounted(folder, "tmpfs", "mode=755"):
            yield
    finally:
        folder.rmdir()


@contextlib.contextmanager
def mounted(folder: Path, kind: str, options: str) -> Iterator[None]:
    subprocess.run(["mount", "-t", kind, "-o", options, kind, str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
