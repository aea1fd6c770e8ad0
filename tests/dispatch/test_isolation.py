"""A server that was taken over, and runs as the same user as the gate, cannot take the gate over."""

import os
import signal
import subprocess

import pytest

from sockgate.dispatch.servers.start_servers import ServerStarter
from sockgate.dispatch.sessions import Sessions
from tests.connection.launch import everything_from
from tests.dispatch.conftest import Start
from tests.dispatch.faults import Named, be_alone_in_control_group, fail_to_forbid_tracing, injected, stuck_in
from tests.dispatch.gated import wait_until

# Root without capabilities is a user like any other here, as in the shipped units.
WITHOUT_CAPABILITIES = 'exec setpriv --bounding-set=-all "$@"' if os.geteuid() == 0 else 'exec "$@"'
INTRUDER = """
import os
gate = os.getppid()
children = open(f"/proc/{gate}/task/{gate}/children").read().split()
attempts = {
    "memory": lambda: os.open(f"/proc/{gate}/mem", os.O_RDWR),
    "a descriptor": lambda: os.readlink(f"/proc/{gate}/fd/0"),
    "variables": lambda: open(f"/proc/{gate}/environ", "rb").read(),
    "itself": lambda: os.open("/proc/self/mem", os.O_RDWR),
}
for child in set(children) - {str(os.getpid())}:
    attempts[f"child {child}"] = lambda child=child: os.open(f"/proc/{child}/mem", os.O_RDWR)
for name, attempt in attempts.items():
    try:
        attempt()
        print(name)
    except PermissionError:
        print("not", name)
"""
CLOSED = ["not memory", "not a descriptor", "not variables", "itself"]
PROXIED = ("--proxy-protocol", "127.0.0.1", "--timeout", "60")
HEADER = b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 25\r\n"
# The gate is stuck here with a client: it has no child yet, or it has one.
MOMENTS: dict[str, Named] = {"before the fork": ServerStarter._fork, "after the fork": Sessions.started}


def test_a_server_of_the_same_user_cannot_look_into_the_gate(gated: Start) -> None:
    for options in ((), ("--rlimit", "cpu=1000"), ("--greet-delay", "0.1")):  # by vfork, by fork, by a child that waits
        one = gated(*options, "/usr/bin/python3", "-IS", "-c", INTRUDER, prelude=WITHOUT_CAPABILITIES)
        told = one.talk().decode().splitlines()
        assert told == [*CLOSED, f"not child {one.guardian()}"]
        one.stop()


def test_nor_into_a_child_that_waits_for_its_client_and_shares_memory_with_the_gate(gated: Start) -> None:
    one = gated(*PROXIED, "/usr/bin/python3", "-IS", "-c", INTRUDER, prelude=WITHOUT_CAPABILITIES)
    with one.connect():
        wait_until(one.children, one.log)
        [child] = one.children()
        told = one.talk(say=HEADER).decode().splitlines()
        assert sorted(told) == sorted([*CLOSED, f"not child {one.guardian()}", f"not child {child}"])


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_guardian_knows_all_the_same_which_client_a_child_has(gated: Start, moment: str) -> None:
    """Else, when the gate is killed, the one that waits could be taken for the server of the client that has none."""
    one = gated(
        *PROXIED, "/bin/sh", "-c", "echo in; read -r line; echo $line", prelude=WITHOUT_CAPABILITIES,
        code=injected(be_alone_in_control_group) + stuck_in(MOMENTS[moment], call=2),
    )  # fmt: skip
    with one.connect() as first:
        wait_until(one.children, one.log)
        assert not is_traceable(one.children()[0])
        with one.connect() as second:
            one.wait_for("stuck")
            one.stop(signal.SIGKILL)
            for client in (second, first):
                client.sendall(HEADER + b"bye\n")
                assert everything_from(client) == b"in\nbye\n"
    wait_until(lambda: len(one.lines("accepted")) == 2, one.log)


def test_where_the_gate_cannot_close_itself_the_log_says_so(gated: Start) -> None:
    one = gated("/bin/echo", "hello", code=injected(fail_to_forbid_tracing))
    assert one.talk() == b"hello\n"
    [line] = one.wait_for("unable")
    assert line.endswith("unable to keep servers of the same user out of the gate: Operation not permitted")


def is_traceable(pid: int) -> bool:
    """Whether a process of its user may look into it. Root without capabilities is such a user."""
    looking = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []
    return subprocess.run([*looking, "readlink", f"/proc/{pid}/fd/0"], capture_output=True, check=False).returncode == 0
