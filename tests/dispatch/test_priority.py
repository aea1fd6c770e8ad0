"""The gate's niceness, and that of its servers. Without privileges, and so here, it can only be raised."""

import os
import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.core.launch import PLAIN, SOURCE, everything_from
from tests.dispatch.conftest import Start
from tests.dispatch.gated import Gated, wait_until
from tests.dispatch.test_asking import PROXY, header
from tests.dispatch.test_guardian import has_ended, stuck

OURS = os.getpriority(os.PRIO_PROCESS, 0)
GATE, SERVER = OURS + 1, OURS + 5
NICE = ["--server-nice", str(SERVER)]
# When it is told to: its own niceness (proc_pid_stat(5)), that of a child that it had before, and that of a new one.
TELL = """
sleep 20 & child=$!
echo in
read -r line
for pid in $$ $child; do cut -d " " -f 19 /proc/$pid/stat; done
kill $child
nice
"""
WAYS = {"posix_spawn": [], "fork": ["--rlimit", "core=0"], "asking": PROXY}
# The server has started its child by the time that the gate comes to it.
LATE = """
import time
from sockgate.dispatch.priority import Priority
lower = Priority.lower
def late(*arguments):
    time.sleep(0.1)
    lower(*arguments)
Priority.lower = late
"""
MISSED = """
import os
from sockgate.dispatch import dispatcher, priority
dispatcher.SETTLED_SECONDS = priority.SETTLED_SECONDS = 0.05
lower, calls = priority.Priority.lower, []
def missed(*arguments):
    calls.append(arguments)
    if len(calls) > 1:
        lower(*arguments)
        os.write(2, b"once more\\n")
priority.Priority.lower = missed
"""


@pytest.fixture
def nice_gate(gated: Start) -> Start:
    return partial(gated, prelude=f'exec nice -n {GATE - OURS} "$@"')


def niceness(one: Gated, say: bytes = b"", *, killed: bool = False) -> list[int]:
    """That of a server and of its children; `killed` if the gate is to be before it has started one."""
    with one.connect() as client:
        client.sendall(say)
        if killed:
            one.wait_for("stuck")
            guardian = one.guardian()
            one.stop(signal.SIGKILL)
            wait_until(lambda: not os.path.exists(f"/proc/{guardian}") or has_ended(guardian), one.log)
        else:
            one.wait_for("accepted")  # by then the gate is done with it
        assert client.recv(100) == b"in\n"
        client.sendall(b"tell\n")
        return [int(number) for number in everything_from(client).split()]


@pytest.mark.parametrize("way", WAYS)
def test_a_server_and_its_children_are_as_nice_as_the_option_says(nice_gate: Start, way: str) -> None:
    one = nice_gate(*NICE, *WAYS[way], "/bin/sh", "-c", TELL)
    assert niceness(one, header("192.0.2.1") if way == "asking" else b"") == [SERVER] * 3
    assert [os.getpriority(os.PRIO_PROCESS, pid) for pid in (one.pid, one.guardian())] == [GATE] * 2


def test_without_the_option_they_are_as_nice_as_the_gate(nice_gate: Start) -> None:
    assert niceness(nice_gate("/bin/sh", "-c", TELL)) == [GATE] * 3


def test_what_a_server_has_started_already_is_as_nice(nice_gate: Start) -> None:
    assert niceness(nice_gate(*NICE, "/bin/sh", "-c", TELL, code=LATE)) == [SERVER] * 3


def test_what_a_server_was_just_forking_is_as_nice_a_moment_later(nice_gate: Start) -> None:
    """As if it had no process group yet when the gate came to it."""
    one = nice_gate(*NICE, "/bin/sh", "-c", TELL, code=MISSED)
    with one.connect() as client:
        assert client.recv(100) == b"in\n"
        one.wait_for("once more")
        client.sendall(b"tell\n")
        assert [int(number) for number in everything_from(client).split()] == [SERVER] * 3
        one.talk(say=b"tell\n")  # has ended by the time that it is its turn
    one.wait_for("ended", 2)


@pytest.mark.parametrize("way", ["posix_spawn", "fork"])
def test_servers_that_the_guardian_starts_are_as_nice(nice_gate: Start, way: str) -> None:
    one = nice_gate(*NICE, *WAYS[way], "/bin/sh", "-c", TELL, code=stuck("after the verdict"))
    assert niceness(one, killed=True) == [SERVER] * 3


def test_a_rule_adds_to_it(nice_gate: Start, tmp_path: Path) -> None:
    (tmp_path / "hosts.allow").write_text("ALL: ALL: nice 3\n")
    one = nice_gate(*NICE, "--hosts-access", f"greet,{tmp_path}", "/bin/sh", "-c", TELL)
    assert niceness(one) == [SERVER + 3] * 3


def unprivileged(code: str) -> str:
    """What it prints, in a process group of its own. Root gives up its privileges: with them, everything is allowed."""
    code = f"""
import os, sys
sys.path.insert(0, {str(SOURCE)!r})
from sockgate.dispatch.priority import Priority, try_out
os.setpgid(0, 0)
if os.geteuid() == 0:
    os.setuid(65534)
{code}
"""
    command = ["/usr/bin/python3", "-I", "-c", code]
    return subprocess.run(command, env=PLAIN, capture_output=True, text=True, check=True).stdout


def test_a_gate_that_is_nicer_than_its_servers_are_to_be_says_so() -> None:
    assert unprivileged(f"print(try_out({OURS - 1}))") == (
        f"servers are as nice as the gate, {OURS}, which may not make them less nice: --server-nice {OURS - 1}\n"
    )
    assert unprivileged(f"print([try_out(nice) for nice in (None, {OURS}, {SERVER})])") == "['', '', '']\n"


def test_what_cannot_be_made_nice_is_told_apart() -> None:
    """What is nicer already, or has ended, is left alone; that of another user is not passed over in silence."""
    assert unprivileged(f"Priority({OURS - 1}).lower(0); Priority({SERVER}).lower(2**22)") == ""
    group = group_of_another()
    told = f"""
try:
    Priority({os.getpriority(os.PRIO_PGRP, group)}).lower({group})
except PermissionError as error:
    print(error.strerror)
"""
    assert unprivileged(told) == "Operation not permitted\n"


def group_of_another() -> int:
    """A process group that is not of the user who `unprivileged` is."""
    if os.geteuid() == 0:
        return os.getpgrp()
    others = (pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if not is_ours(pid))
    return next(group for group in map(os.getpgid, others) if group)


def is_ours(pid: int) -> bool:
    return os.stat(f"/proc/{pid}").st_uid == os.getuid()
