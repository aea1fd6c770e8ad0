"""For all tests: on a build machine nothing is skipped, and no signal is inherited."""

import gc
import os
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests.connection.launch import Launcher, make_launcher

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

# How long an example takes depends on what else the machine does.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

IN_CI = bool(os.environ.get("CI"))


def heed_all_signals() -> None:
    """Undo what the tests were started with: nohup and a shell's background ignore signals, and children inherit that.

    SIGPIPE and SIGXFSZ stay as CPython has them; `subprocess` gives children the default.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def pytest_configure() -> None:
    heed_all_signals()


def pytest_collection_finish() -> None:
    """Have the garbage collector look at the collected tests less often: that took a tenth of the time of a run.

    gc.freeze() would hide them from it altogether, and from gc.get_referrers(), which Hypothesis asks.
    """
    gc.set_threshold(50_000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return fail_if_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return fail_if_skipped((yield))


def fail_if_skipped(report: Report) -> Report:
    """A skip hides that the machine lacks something, unless a person sees it. Expected failures stay what they are."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, and nothing may be when CI is set: {reason}"
    return report


@pytest.fixture
def in_memory() -> Generator[Path, None, None]:
    """A folder where fsync costs nothing, for tests that write a file a thousand times."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    """The real sockgate, from this tree."""
    return make_launcher(tmp_path)
