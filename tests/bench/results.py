"""What `make bench` and `make bench-moved` have measured, and how two programs compare."""

import math
import statistics
from dataclasses import dataclass

DOUBT = 2  # standard errors: of forty programs that are level, one seems to be behind by more
TIE = 0.02  # that much at most is excused
PASSED, UNCLEAR, FAILED = "passed", "unclear", "FAILED"
OUTCOMES = (PASSED, UNCLEAR, FAILED)  # the best first
ADVICE = "unclear: this run cannot tell. Measure again with more --rounds, or while the machine does nothing else"


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: connections per second, milliseconds, microseconds of CPU for a connection.

    held  milliseconds for which one connection keeps the accept loop from the next one; None if it was not measured
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    held: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """All rounds of one program at one number of clients. Memory in MB."""

    workload: str
    program: str
    clients: int
    runs: list[Run]
    memory: float

    def median(self, figure: str) -> float:
        return statistics.median(float(getattr(run, figure)) for run in self.runs)

    @property
    def held(self) -> str:
        """Microseconds, "" if they were not measured."""
        return "" if self.runs[0].held is None else f"{1e3 * self.median('held'):,.0f}"


@dataclass(frozen=True, slots=True)
class Ratio:
    """Of one figure, ours to theirs: the median of all rounds, and its standard error from the median deviation."""

    value: float
    error: float

    @classmethod
    def of(cls, ours: Result, theirs: Result, figure: str = "rate") -> "Ratio":
        ratios = [getattr(a, figure) / getattr(b, figure) for a, b in zip(ours.runs, theirs.runs, strict=True)]
        middle = statistics.median(ratios)
        deviation = statistics.median(abs(ratio - middle) for ratio in ratios)
        # Of a normal distribution: 1.4826 median deviations are a standard one, 1.2533 errors of the mean a median's.
        return cls(middle, 1.4826 * 1.2533 * deviation / math.sqrt(len(ratios)))

    def outcome(self, *, least: float = -math.inf, most: float = math.inf, errors: float = DOUBT) -> str:
        """Whether it is within these bounds, but for so many standard errors. A tie is as good on either side of them.

        Noise excuses no more than a tie. What misses by more than that, and by less than the error, is neither passed
        nor failed: else a noisy machine would decide.
        """
        miss = max(least - self.value, self.value - most)
        if miss > errors * self.error:
            return FAILED
        return UNCLEAR if miss > TIE else PASSED

    def __str__(self) -> str:
        return f"{self.value:.2f} ± {self.error:.2f}"
