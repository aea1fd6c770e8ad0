"""The machines that system tests run on: one for each test module and release, booted when first asked for."""

import os
import shutil
from collections.abc import Generator, Iterator

import pytest

from tests.system import roots
from tests.system.machine import Machine

JOURNAL_LINES = "40"


# One worker of pytest-xdist takes all tests of one release.
EACH_RELEASE = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in roots.RELEASES]


@pytest.fixture(scope="module", params=EACH_RELEASE)
def release(request: pytest.FixtureRequest) -> str:
    """For a module that boots its machines itself."""
    require_machines()
    return str(request.param)


@pytest.fixture(scope="module")
def machine(request: pytest.FixtureRequest, release: str) -> Iterator[Machine]:
    """A module that needs more than the profile "base" has a variable PROFILE."""
    with Machine(release, getattr(request.module, "PROFILE", "base")) as machine:
        yield machine


def require_machines() -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)


def why_not() -> str:
    if os.geteuid() != 0:
        return "system tests boot a container: run them as root"
    for program, package in (("systemd-nspawn", "systemd-container"), ("mmdebstrap", "mmdebstrap")):
        if not shutil.which(program):
            return f"system tests need {program}: apt-get install {package}"
    return ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Behind a failure stands what the machine's journal said last."""
    report = yield
    machine = getattr(item, "funcargs", {}).get("machine")
    if call.excinfo and report.failed and isinstance(machine, Machine):
        journal = machine.run("journalctl", "--quiet", "--no-hostname", f"--lines={JOURNAL_LINES}", check=False)
        report.sections.append((f"journal of {machine.release}", journal.stdout))
    return report
