"""How much is compared: some on every run of the tests, far more with `make diff`."""

import os
from random import Random

FULL = os.environ.get("SOCKGATE_DIFF") == "full"
SEED = int(os.environ.get("SOCKGATE_DIFF_SEED", "20261122"))


def seeded(part: int = 0) -> Random:
    """The same cases every time; for a test in several parts, others in each."""
    return Random(SEED + part)  # noqa: S311


def amount(usually: int, in_full: int) -> int:
    return in_full if FULL else usually
