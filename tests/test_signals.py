"""The tests start programs as a terminal would, however they were started themselves."""

import os
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).parents[1]
SENSITIVE = (
    "tests/connection/test_shim.py::test_no_signal_is_ignored_or_blocked_by_us",
    "tests/dispatch/test_serving.py::test_verdict_and_server_are_those_of_sockgate[options0-127.0.0.1]",
)


def test_what_starts_the_tests_may_ignore_signals() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        ["/bin/sh", "-c", "trap '' HUP INT QUIT PIPE TERM USR1; exec \"$@\"", "sh",
         sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *SENSITIVE],
        cwd=TREE, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
