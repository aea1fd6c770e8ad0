"""How long `sockgatectl log` takes over a journal of 200,000 connections: the time to the first line and to the last.

    python3 tests/bench/log.py [CONNECTIONS]

The journal spans a week; it takes half a minute and 0.5 GB to make, in a temporary folder.
"""

import itertools
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

TREE = Path(__file__).parents[2]
sys.path[:0] = [str(TREE), str(TREE / "src")]

from tests.journal.export import Record, write_journal  # noqa: E402  # the path comes first
from tests.journal.records import SECOND, manager, refusal, success, verdict  # noqa: E402

WEEK = 7 * 86400
STARTED = "39f53479d3a045ac8e11786248231fbf"
QUESTIONS = (
    ["--since", "1 hour ago"],
    ["--since", "1 day ago"],
    ["--since", "1 day ago", "--refused"],
    ["--source", "10.3.7.0/24"],
    ["--refused", "--source", "10.3.0.0/16"],
)


def connections(count: int) -> Iterator[Record]:
    """Every fifth is refused, the others last up to a minute; all with the records that systemd writes about them."""
    dice = random.Random(1)  # noqa: S311  # no secret
    shift = round(time.time() * SECOND) - WEEK * SECOND
    pending: list[Record] = []
    for number in range(count):
        at = number * WEEK / count
        remote = f"10.{dice.randrange(20)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        begin = refusal(at, remote=remote) if number % 5 == 0 else verdict(at, remote=remote)
        begin["__REALTIME_TIMESTAMP"] = shift + round(at * SECOND)
        end = success(begin, 0.003 if number % 5 == 0 else dice.uniform(0.01, 60))
        pending += [manager(begin, -0.005, STARTED), begin, *end]
        if number % 1000 == 0:
            pending.sort(key=time_of)
            ready = [record for record in pending if time_of(record) < time_of(begin) - 1_000_000]
            yield from ready
            pending = pending[len(ready) :]
    yield from sorted(pending, key=time_of)


def time_of(record: Record) -> int:
    return int(record["__REALTIME_TIMESTAMP"])


def ask(folder: str, words: list[str]) -> tuple[float, float, int]:
    """Seconds to the first line, to the end, and how many lines."""
    begin = time.monotonic()
    command = [str(TREE / "build/bin/sockgatectl"), "log", "--directory", folder, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as log:
        assert log.stdout is not None
        log.stdout.readline()
        first = time.monotonic() - begin
        lines = 1 + sum(1 for _ in itertools.takewhile(bool, log.stdout))
    return first, time.monotonic() - begin, lines


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else 200_000
    with tempfile.TemporaryDirectory() as folder:
        write_journal(Path(folder), connections(count))
        print(f"{count:,} connections\n{'first line':>10} {'all':>8} {'lines':>7}  sockgatectl log")
        for words in QUESTIONS:
            first, whole, lines = ask(folder, words)
            print(f"{first:9.2f}s {whole:7.2f}s {lines:7,}  {' '.join(words)}")


if __name__ == "__main__":
    main()
