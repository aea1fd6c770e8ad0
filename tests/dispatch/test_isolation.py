"""A server that was taken over, and runs as the same user as the gate, cannot take the gate over."""

import os
import subprocess

from tests.dispatch.conftest import Start
from tests.dispatch.gated import wait_until

# Root without capabilities is a user like any other here, as in the shipped units.
WITHOUT_CAPABILITIES = 'exec setpriv --bounding-set=-all "$@"' if os.geteuid() == 0 else 'exec "$@"'
INTRUDER = """
import os
gate = os.getppid()
attempts = {
    "memory": lambda: os.open(f"/proc/{gate}/mem", os.O_RDWR),
    "a descriptor": lambda: os.readlink(f"/proc/{gate}/fd/0"),
    "variables": lambda: open(f"/proc/{gate}/environ", "rb").read(),
    "itself": lambda: os.open("/proc/self/mem", os.O_RDWR),
}
for name, attempt in attempts.items():
    try:
        attempt()
        print(name)
    except PermissionError:
        print("not", name)
"""


def test_a_server_of_the_same_user_cannot_look_into_the_gate(gated: Start) -> None:
    for options in ((), ("--rlimit", "cpu=1000"), ("--greet-delay", "0.1")):  # by vfork, by fork, by a child that waits
        one = gated(*options, "/usr/bin/python3", "-IS", "-c", INTRUDER, prelude=WITHOUT_CAPABILITIES)
        assert one.talk().splitlines() == [b"not memory", b"not a descriptor", b"not variables", b"itself"]
        one.stop()


def test_the_guardian_can_look_into_a_child_that_waits(gated: Start) -> None:
    """Else it would take each client that was accepted as the gate died for the client of that child."""
    one = gated("--greet-delay", "30", "/bin/true", prelude=WITHOUT_CAPABILITIES)
    with one.connect():
        wait_until(lambda: any(is_traceable(child) for child in one.children()), one.log)
        assert not is_traceable(one.pid)
        assert not is_traceable(one.guardian())


def is_traceable(pid: int) -> bool:
    """Whether a process of its user may look into it. Root without capabilities is such a user."""
    looking = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []
    return subprocess.run([*looking, "readlink", f"/proc/{pid}/fd/0"], capture_output=True, check=False).returncode == 0
