"""How much is compared: some on every run of the tests, far more with `make diff`."""

import os
from random import Random

FULL = os.environ.get("SOCKGATE_DIFF") == "full"
SEED = int(os.environ.get("SOCKGATE_DIFF_SEED", "20261122"))


def seeded() -> Random:
    return Random(SEED)  # noqa: S311  # the same cases every time


def amount(usually: int, in_full: int) -> int:
    return in_full if FULL else usually
