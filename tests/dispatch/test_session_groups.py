"""--session-memory, --session-tasks and --log-usage, as far as no service manager is needed. See also tests/system."""

import re
from pathlib import Path

import pytest

from tests.dispatch.conftest import Start
from tests.dispatch.gated import end
from tests.dispatch.manager import Manager

# Its own loop and that of its child take about 0.3 s of CPU time.
BUSY = (
    "/bin/sh",
    "-c",
    "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; /bin/sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done'",
)
NO_CONTROL = r"--session-\w+: (systemd does not leave the control group of this service to it|unable to control)"


def test_the_record_of_an_end_has_the_cpu_time_of_the_server_and_its_children(gated: Start) -> None:
    one = gated("--log-usage", *BUSY)
    one.talk()
    used = re.search(r"status 0, ([0-9.]+) s of CPU time$", one.wait_for("ended ")[0])
    assert used
    assert 0.02 < float(used[1]) < 10


def test_without_the_option_the_record_says_nothing_of_it(gated: Start) -> None:
    one = gated("/bin/true")
    one.talk()
    assert one.wait_for("ended ")[0].endswith("status 0")


@pytest.mark.parametrize("words", [("--session-memory", "64M"), ("--session-tasks", "8")])
def test_without_control_of_its_control_group_a_gate_does_not_start(gated: Start, words: tuple[str, ...]) -> None:
    one = gated(*words, "/bin/true")
    one.wait_for(NO_CONTROL)
    assert one.process.wait(60) == 100


def test_with_sockets_of_systemd_such_a_gate_refuses_each_client(tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    one = manager.start("--session-tasks", "8", "--deny-message", "421 later", "/bin/echo", "hello")
    try:
        manager.wait_for("STATUS", "every client is refused: --session-tasks: ")
        assert manager.talk() == b"421 later\r\n"
    finally:
        end(one)
        manager.close()
