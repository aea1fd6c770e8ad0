"""The machines that system tests run on: one for each test module and release, booted when first asked for."""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.system import roots
from tests.system.machine import Machine

JOURNAL_LINES = "40"


NEEDED = {"systemd-nspawn": "systemd-container", "mmdebstrap": "mmdebstrap", "linux.uml": "user-mode-linux"}
HERE = Path(__file__).parent
# Each takes its reason.
MARKS = {
    "newest": "what this shows depends on no systemd; the newest release has the programs that no other test has met",
    "oldest_and_newest": "what the oldest and the newest systemd do in one way, those between them do as well",
}


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}(reason): {meaning}")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Group the tests, and leave out those of other releases where one is enough.

    One worker of pytest-xdist takes all tests of one module and release, because they share a machine.
    """
    here = [item for item in items if HERE in item.path.parents]
    left_out = [item for item in here if not is_wanted(item)]
    for item in here:
        if release := release_of(item):
            item.add_marker(pytest.mark.xdist_group(f"{release}-{item.path.stem}"))
        elif "release" in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(f"{item.nodeid}: which release is it for? Each worker would boot machines for it")
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def is_wanted(item: pytest.Item) -> bool:
    release = release_of(item)
    if not release:
        return True
    if item.get_closest_marker("newest"):
        return release == roots.RELEASES[-1]
    return release in (roots.RELEASES[0], roots.RELEASES[-1]) or not item.get_closest_marker("oldest_and_newest")


def release_of(item: pytest.Item) -> str:
    """The release that this test is for. "" if it boots no machine."""
    parameters = item.name.partition("[")[2].rstrip("]").split("-")
    return next((name for name in parameters if name in roots.SYSTEMD), "")


@pytest.fixture(scope="module", params=roots.RELEASES)
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
    for program, package in NEEDED.items():
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
