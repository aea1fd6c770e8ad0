"""Journals made of whole cloth, trusted fields and times included: systemd-journal-remote writes them."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

REMOTE = "/usr/lib/systemd/systemd-journal-remote"
BOOT = "6c1c0e7a4b2f4c54a3b2b7a3a0c2d501"
MACHINE = "f0f0f0f0a4b2f4c54a3b2b7a3a0c2d50"

Record = dict[str, str | int]


def exported(records: Iterable[Record]) -> Iterable[bytes]:
    """The Journal Export Format (systemd.io/JOURNAL_EXPORT_FORMATS); `__REALTIME_TIMESTAMP` is in microseconds."""
    for record in records:
        time = record["__REALTIME_TIMESTAMP"]
        fields = {"__MONOTONIC_TIMESTAMP": time, "_SOURCE_REALTIME_TIMESTAMP": time, "_BOOT_ID": BOOT}
        yield "".join(f"{name}={value}\n" for name, value in (fields | record).items()).encode() + b"\n"


def write_journal(folder: Path, records: Iterable[Record]) -> None:
    """A journal with these records, oldest first, in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [REMOTE, f"--output={folder}/made.journal", "--compress=no", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as remote:
        assert remote.stdin is not None
        assert remote.stderr is not None
        for text in exported(records):
            remote.stdin.write(text)
        remote.stdin.close()
        complaints = remote.stderr.read().decode()
    assert remote.returncode == 0, complaints
